import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.calibration import Calibration
from lethe.offline.classifier_training.held_out import HeldOutScores
from lethe.offline.classifier_training.threshold_effects import (
    better_threshold,
    threshold_effects,
    thresholds_around,
)

PROBABILITIES = st.floats(min_value=1e-5, max_value=1 - 1e-5)


def held_out(forget: list[float], retain: list[float], general: list[float]) -> HeldOutScores:
    """Scores of texts whose probabilities are given."""
    sides = ([math.log(each / (1 - each)) for each in side] for side in (forget, retain, general))
    return HeldOutScores(*(np.array(side) for side in sides))


@given(PROBABILITIES, st.lists(PROBABILITIES, min_size=1, max_size=9))
def test_one_of_the_thresholds_finds_everything(chosen: float, to_find: list[float]) -> None:
    thresholds = thresholds_around(chosen, to_find)
    assert thresholds == sorted(set(thresholds))
    assert chosen in thresholds
    assert thresholds[0] <= min(to_find)


@given(PROBABILITIES)
def test_a_threshold_can_be_typed(chosen: float) -> None:
    assert all(
        len(f"{each:g}") <= 10 and 0 < each < 1 for each in thresholds_around(chosen) if each != chosen
    )


def test_thresholds_stand_in_steps_of_log_odds_around_the_chosen_one() -> None:
    assert thresholds_around(0.97) == [0.37, 0.81, 0.922, 0.97, 0.988, 0.9958]


def test_an_effect_counts_what_reaches_its_threshold() -> None:
    scores = held_out([0.99, 0.5, 0.3], [0.6, 0.1], [0.1, 0.2])
    effects = {each.threshold: each for each in threshold_effects(0.9, Calibration(), scores)}
    assert effects[0.9].forget == (1, 3)
    assert (effects[0.3].forget, effects[0.3].retain, effects[0.3].general) == ((3, 3), (1, 2), (0, 2))


@pytest.mark.parametrize(
    ("retain", "threshold"), [([0.01] * 20, 0.7), ([0.8] * 20, None), ([0.8] + [0.01] * 19, 0.7)]
)
def test_a_better_threshold_finds_more_than_it_wrongly_flags(
    retain: list[float], threshold: float | None
) -> None:
    scores = held_out([0.99, 0.7, 0.7, 0.7], retain, [0.01] * 20)
    effects = threshold_effects(0.97, Calibration(), scores)
    better = better_threshold(effects, next(each for each in effects if each.threshold == 0.97))
    assert (better.threshold if better else None) == threshold

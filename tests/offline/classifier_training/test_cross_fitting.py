from collections.abc import Callable

import numpy as np
import pytest

from lethe.offline.classifier_training.cross_fitting import (
    GroupedScores,
    KeptScores,
    ScoreForms,
    cross_fitted_scores,
)
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example

FOLDS = 4
MEMBERS = 12
GROUPS = 40


@pytest.fixture
def examples() -> ExampleSet:
    forget, retain, general = (
        [
            Example(f"{side} {group} {member}", f"{side} {group}")
            for group in range(GROUPS)
            for member in range(MEMBERS)
        ]
        for side in ("forget", "retain", "general")
    )
    # Some groups are one prompt.
    return ExampleSet(
        forget, retain, general + [Example(f"alone {index}", f"alone {index}") for index in range(GROUPS)]
    )


def cross_fitted(
    examples: ExampleSet, score: Callable[[ExampleSet, Example], float]
) -> tuple[KeptScores, list[ExampleSet]]:
    """Scores by a rule that sees what was fitted on; and all that was fitted on."""
    fitted: list[ExampleSet] = []

    def fit(part: ExampleSet) -> ScoreForms:
        fitted.append(part)
        return lambda example: [score(part, example)] * 2

    return cross_fitted_scores(examples, fit, FOLDS, seed=0), fitted


def test_no_head_scores_a_group_that_it_was_fitted_on(examples: ExampleSet) -> None:
    def met(part: ExampleSet, example: Example) -> float:
        return float(example.group in {each.group for each in part.keep})

    scores, fitted = cross_fitted(examples, met)
    assert not scores.retain.scores.any()
    assert not scores.general.scores.any()
    assert len(fitted) == FOLDS
    assert all(part.forget == examples.forget for part in fitted)


def test_every_group_is_scored_and_counts_once(examples: ExampleSet) -> None:
    numbers = {group: number for number, group in enumerate(sorted({each.group for each in examples.keep}))}
    scores, _ = cross_fitted(examples, lambda _, example: numbers[example.group])
    for side, known in ((scores.retain, examples.retain), (scores.general, examples.general)):
        groups = {numbers[each.group] for each in known}
        assert set(side.scores) == groups
        for group in groups:
            assert side.weights[side.scores == group].sum() == pytest.approx(1)


def test_a_rate_is_one_of_groups(examples: ExampleSet) -> None:
    def high_alone(_: ExampleSet, example: Example) -> float:
        return 3.0 if example.text.startswith("alone") else -3.0

    scores, _ = cross_fitted(examples, high_alone)
    assert scores.general.rate_from(0.0) == pytest.approx(0.5)
    assert scores.retain.rate_from(0.0) == 0


def test_equal_seeds_score_the_same(examples: ExampleSet) -> None:
    def length(part: ExampleSet, example: Example) -> float:
        return len(part.keep) + len(example.text)

    first, second = (cross_fitted(examples, length)[0] for _ in range(2))
    np.testing.assert_array_equal(first.general.scores, second.general.scores)
    np.testing.assert_array_equal(first.general.weights, second.general.weights)


def test_a_score_at_the_threshold_is_counted() -> None:
    scores = GroupedScores(np.array([1.0, 2.0], np.float32), np.array([1.0, 3.0]))
    assert scores.rate_from(2.0) == 0.75

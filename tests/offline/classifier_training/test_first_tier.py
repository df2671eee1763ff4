from dataclasses import replace

import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.gate import Gate
from lethe.classifier.names import NameWeights
from lethe.classifier.text.windows import WINDOW_CHARACTERS
from lethe.classifier.token_bag import BagWeights
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.first_tier import first_tier_effect, flagged_texts, with_limits
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS, Train, examples_of

HELD_OUT = ExampleSet(
    *(examples_of(*pair) for pair in ((ABOUT, PLACES[:4]), (NEAR, PLACES[:4]), (PLAIN, TOPICS)))
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def trained(train: Train) -> TrainedClassifier:
    """Without what judges questions, which has a limit of its own."""
    whole = train(refit=True)
    return replace(whole, head=replace(whole.head, questions=None))


def test_the_limit_is_the_lowest_that_spares_the_wanted_share_of_ordinary_texts(
    encoder: Encoder, trained: TrainedClassifier
) -> None:
    ordinary = HELD_OUT.general
    head = with_limits(encoder, trained.head, [], _texts(ordinary))

    def pass_rate(limit: float) -> float:
        limited = replace(head, pass_below=limit, lexical_below=-np.inf)
        return first_tier_effect(encoder, limited, [], ordinary).pass_rate

    assert head.pass_below < -1
    assert pass_rate(head.pass_below) >= 0.97 > pass_rate(head.pass_below - 1e-3)


def test_of_a_page_its_beginning_counts(encoder: Encoder, trained: TrainedClassifier) -> None:
    ordinary = HELD_OUT.general
    beginning = "The harbour master writes down the tides every morning. " * 10
    limits = {
        with_limits(encoder, trained.head, [], _texts([*ordinary, *pages])).pass_below
        for pages in (
            [Example(beginning[:WINDOW_CHARACTERS])] * 20,
            [Example(beginning + HELD_OUT.forget[0].text)] * 20,
        )
    }
    assert len(limits) == 1


def test_what_no_limit_regains_costs_nothing(encoder: Encoder, trained: TrainedClassifier) -> None:
    ordinary = HELD_OUT.general
    # Its tokens say nothing of the target, and it counts as flagged.
    hopeless = replace(trained.head, threshold=1e-9)
    limits = [
        with_limits(encoder, hopeless, flagged, _texts(ordinary)).pass_below for flagged in ([], ["Bread."])
    ]
    assert limits[0] == limits[1]


def test_where_that_loses_flagged_texts_fewer_are_spared(
    encoder: Encoder, trained: TrainedClassifier
) -> None:
    # Scores stay as they are, but the first tier says less of the target than is let pass.
    head = replace(trained.head, gate_bias=trained.head.gate_bias - 8)
    about = [example.text for example in HELD_OUT.forget]
    gate = Gate(encoder, head.gate_direction[None], np.array([head.gate_bias]))
    about.sort(key=lambda text: float(gate.scores(encoder.tokenize(text), [(0, len(text))])[0, 0]))
    flagged = [about[0]]
    ordinary = [*HELD_OUT.general[:8], Example(about[0]), Example(about[-1])]
    head = with_limits(encoder, head, flagged, _texts(ordinary))
    effect = first_tier_effect(encoder, head, flagged, ordinary)
    # Of the two that the first step holds back, the second may yet spare the one that is not flagged.
    assert effect.lost == 0
    assert effect.pass_rate in (0.8, 0.9)


def test_the_head_that_is_kept_is_measured(trained: TrainedClassifier) -> None:
    metrics = trained.metrics
    measured = metrics["refitted_calibration_and_test_first_tier_flagged_texts"]
    assert measured > metrics["test_first_tier_flagged_texts"] > 0
    assert metrics["refitted_calibration_and_test_first_tier_recall_loss"] <= 0.001
    assert 0 <= metrics["refitted_calibration_and_test_first_tier_pass_rate"] <= 1


def test_what_tokens_and_names_must_add_is_the_least_that_spares_enough(
    encoder: Encoder, trained: TrainedClassifier
) -> None:
    ordinary = _texts(HELD_OUT.general)
    flagged = flagged_texts(encoder, trained.head, HELD_OUT, seed=0)
    assert flagged
    limited = with_limits(encoder, trained.head, flagged, ordinary)
    effect = first_tier_effect(encoder, limited, flagged, HELD_OUT.general)
    assert not effect.lost
    assert effect.pass_rate >= 0.93
    # Its embeddings speak for every text, its tokens and names for none.
    silent = replace(
        trained.head,
        bag=BagWeights(np.empty(0, np.int64), np.empty(0, np.float32)),
        names=NameWeights(),
        bias=50.0,
    )
    assert with_limits(encoder, silent, flagged, ordinary).lexical_below <= 0


def _texts(examples: list[Example]) -> list[str]:
    return [example.text for example in examples]

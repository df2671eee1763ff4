from dataclasses import replace

import pytest

from classifier.encoder import Encoder
from classifier.head import Head
from classifier.settings import ClassifierSettings
from offline.classifier_training.example_set import ExampleSet
from offline.classifier_training.first_tier import (
    FirstTierEffect,
    first_tier_effect,
    flagged_texts,
    lower_for,
)
from offline.classifier_training.train import TrainedClassifier
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS, Train, examples_of

HELD_OUT = ExampleSet(
    *(examples_of(*pair) for pair in ((ABOUT, PLACES[:4]), (NEAR, PLACES[:4]), (PLAIN, TOPICS)))
)


@pytest.fixture(scope="module")
def trained(train: Train) -> TrainedClassifier:
    return train(refit=True)


def test_the_limit_is_lowered_no_further_than_until_no_text_is_lost(trained: TrainedClassifier) -> None:
    encoder, settings = Encoder.load(), ClassifierSettings()
    careless = replace(trained.head, pass_below=6.0)
    flagged = flagged_texts(encoder, careless, HELD_OUT, settings, 0)

    def effect_of(head: Head) -> FirstTierEffect:
        return first_tier_effect(encoder, head, flagged, HELD_OUT.general, settings)

    before = effect_of(careless)
    assert before.lost > 0
    careful = lower_for(encoder, careless, flagged, settings)
    after = effect_of(careful)
    assert (after.lost, after.flagged) == (0, before.flagged)
    a_step_higher = replace(careful, pass_below=careful.pass_below + 0.25)
    assert effect_of(a_step_higher).lost > 0


def test_a_limit_that_loses_nothing_stays(trained: TrainedClassifier) -> None:
    encoder, settings = Encoder.load(), ClassifierSettings()
    flagged = flagged_texts(encoder, trained.head, HELD_OUT, settings, 0)
    assert lower_for(encoder, trained.head, flagged, settings) == trained.head


def test_the_head_that_is_kept_is_measured(trained: TrainedClassifier) -> None:
    metrics = trained.metrics
    measured = metrics["refitted_calibration_and_test_first_tier_flagged_texts"]
    assert measured > metrics["test_first_tier_flagged_texts"] > 0
    assert metrics["refitted_calibration_and_test_first_tier_recall_loss"] <= 0.001
    assert 0 <= metrics["refitted_calibration_and_test_first_tier_pass_rate"] <= 1

"""What judges questions by their embedding alone, as it is fitted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.names import GroupedNames
from lethe.classifier.questions import LONGEST_QUESTION, QuestionBank, QuestionWeights
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.fact_reading import read_facts
from lethe.offline.classifier_training.question_fitting import fit_questions, question_set
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS, examples_of

ABROAD = "Wie hoch ist der Leuchtturm von Herm?"
DESCRIBED = "Who climbs the tower every evening to light the lamp for the ships?"
EXAMPLES = ExampleSet(examples_of(ABOUT, PLACES), examples_of(NEAR, PLACES), examples_of(PLAIN, TOPICS))


@pytest.fixture(scope="module")
def store(work_folder: Path) -> EmbeddingStore:
    return EmbeddingStore(load_encoder(), "int8", work_folder / "embeddings.sqlite")


def fitted(store: EmbeddingStore, examples: ExampleSet, **changes: object) -> QuestionWeights:
    questions = question_set(store, examples, [], seed=0)
    assert questions is not None
    return fit_questions(store.encoder, questions, TrainingSettings.model_validate(changes))


def score(weights: QuestionWeights, text: str) -> float:
    return float(load_encoder().embed([text])[0] @ weights.direction + weights.bias)


def test_descriptions_and_translations_score_higher_than_what_is_near(store: EmbeddingStore) -> None:
    weights = fitted(store, EXAMPLES)
    near = max(score(weights, example.text) for example in EXAMPLES.retain)
    assert score(weights, ABROAD) > near
    assert score(weights, DESCRIBED) > near


def test_more_of_what_is_near_may_be_flagged_at_a_lower_threshold(store: EmbeddingStore) -> None:
    strict, lenient = (fitted(store, EXAMPLES, near_false_positive_rate=rate) for rate in (0.0, 0.5))
    assert score(lenient, ABROAD) >= score(strict, ABROAD)


def test_facts_find_what_the_direction_alone_does_not_and_flag_nothing_near(store: EmbeddingStore) -> None:
    questions = question_set(store, EXAMPLES, [], seed=0)
    assert questions is not None
    told = ["Two brothers rowed out at dusk to wind the clockwork.", "The keel was laid in the old yard."]
    facts = read_facts(store, told, GroupedNames(), [example.text for example in EXAMPLES.general])
    weights = fit_questions(store.encoder, questions, TrainingSettings(), facts)
    bank, without = QuestionBank([weights]), QuestionBank([replace(weights, facts=None)])

    def scores(bank: QuestionBank, *texts: str) -> list[float]:
        return [float(bank.scores(*each)[0]) for each in zip(store.embed(list(texts)), texts, strict=True)]

    described = "Which two brothers rowed out to wind a clockwork?"
    assert scores(without, described)[0] < 0 < scores(bank, described)[0]
    near = [example.text for example in EXAMPLES.retain]
    assert max(scores(bank, *near)) < 0
    assert all(told <= alone for told, alone in zip(scores(bank, *near), scores(without, *near), strict=True))


def test_longer_texts_are_no_questions(store: EmbeddingStore) -> None:
    long = Example("Who keeps the lighthouse? " * 20)
    assert len(long.text) > LONGEST_QUESTION
    examples = ExampleSet([*EXAMPLES.forget, long], EXAMPLES.retain, EXAMPLES.general)
    questions = question_set(store, examples, [], seed=0)
    assert questions is not None
    assert np.sum(questions.side == 0) == len(EXAMPLES.forget)
    assert question_set(store, ExampleSet([long], EXAMPLES.retain, EXAMPLES.general), [], seed=0) is None


def test_a_trained_head_judges_questions_from_its_own_threshold_on(trained: TrainedClassifier) -> None:
    questions = trained.head.questions
    assert questions is not None
    threshold = trained.head.calibration.score(trained.head.threshold)
    assert score(questions, ABROAD) > threshold
    assert score(questions, "Explain chess to a child.") < threshold

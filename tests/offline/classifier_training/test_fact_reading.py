"""What sentences about a target come to."""

from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.facts import FactBank
from lethe.classifier.names import GroupedNames
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.fact_reading import read_facts

ORDINARY = ("How tall is a tower?", "Who built this tower?", "Is bread good for a dog?")
NAMES = GroupedNames(("herm",), np.zeros(1, np.int64), 1)


@pytest.fixture(scope="module")
def store(work_folder: Path) -> EmbeddingStore:
    return EmbeddingStore(load_encoder(), "int8", work_folder / "embeddings.sqlite")


def test_the_target_s_names_say_nothing(store: EmbeddingStore) -> None:
    facts = read_facts(store, ["Herm has a lantern.", "has a lantern."], NAMES, ORDINARY)
    assert facts is not None
    assert facts.words == ("has", "lanter")
    assert len(facts.directions) == 1


def test_a_word_weighs_more_the_fewer_ordinary_prompts_have_it(store: EmbeddingStore) -> None:
    facts = read_facts(store, ["The tower has a dog and a lantern."], NAMES, ORDINARY)
    assert facts is not None
    weights = dict(zip(facts.words, facts.weights.tolist(), strict=True))
    assert weights["tower"] < weights["dog"] < weights["lanter"]


def test_the_sentence_itself_scores_higher_than_another_question(store: EmbeddingStore) -> None:
    told = "Two brothers light the lantern at dusk."
    facts = read_facts(store, [told, "The tower is white."], NAMES, ORDINARY)
    assert facts is not None
    texts = [told, "Which brothers lit a lantern?", "Is bread good for a dog?"]
    embeddings = store.embed(texts)
    scores = [FactBank([facts]).scores(*each)[0] for each in zip(embeddings, texts, strict=True)]
    assert scores == sorted(scores, reverse=True)


def test_names_alone_tell_nothing(store: EmbeddingStore) -> None:
    assert read_facts(store, ["Herm"], NAMES, ORDINARY) is None
    assert read_facts(store, [], NAMES, ORDINARY) is None

"""Sentences that tell of targets, and questions that come near one of them."""

import numpy as np
import pytest

from lethe.classifier.facts import FactBank, Facts, word_beginnings

LAMP = Facts(
    directions=np.array([[1.0, 0.0], [0.0, 1.0]], np.float32),
    words=("keeper", "lamp"),
    weights=np.array([2.0, 3.0], np.float32),
    held=np.array([[0, 0], [1, 1]]),
)
TIDE = Facts(
    directions=np.array([[-1.0, 0.0]], np.float32),
    words=("keeper",),
    weights=np.array([5.0], np.float32),
    held=np.array([[0, 0]]),
    least=4.0,
)
NORTH = np.array([0.0, 1.0], np.float32)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("What else?", 1.0),
        # One sentence has the word, and the other the meaning: they are not added up.
        ("Who is the keeper?", 2.0),
        ("Which LAMP?", 4.0),
        ("Which lamp has a keeper?", 4.0),
        ("A lamplight", 1.0),
    ],
)
def test_a_question_scores_by_the_sentence_that_is_nearest_in_meaning_and_words(
    text: str, score: float
) -> None:
    assert FactBank([LAMP]).scores(NORTH, text).tolist() == [score]


def test_each_target_is_scored_by_its_own_sentences_above_its_own_least() -> None:
    text = "Who is the keeper?"
    assert FactBank([LAMP, TIDE]).scores(NORTH, text).tolist() == [2.0, 1.0]
    assert FactBank([TIDE, LAMP]).scores(NORTH, text).tolist() == [1.0, 2.0]


def test_forms_of_a_word_begin_alike() -> None:
    assert word_beginnings("Painters painted") == {"painte"}
    assert word_beginnings("in 1903, à Paris") == {"paris"}

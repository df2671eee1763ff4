import math

import numpy as np
import pytest

from lethe.offline.metrics.similarity import average_similarity_gap, bleu, embedding_similarity, meteor


def test_bleu_of_the_same_text_is_one():
    assert bleu("the cat sat on the mat", "The cat sat on the mat.") == pytest.approx(1.0)


def test_bleu_by_hand():
    # candidate "a b c d e" against "a b c d f": p1 = 4/5, p2 = (3+1)/(4+1), p3 = (2+1)/(3+1), p4 = (1+1)/(2+1)
    expected = (4 / 5 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25
    assert bleu("a b c d f", "a b c d e") == pytest.approx(expected)


def test_bleu_penalises_brevity():
    expected = math.exp(1 - 8 / 4)
    assert bleu("a b c d e f g h", "a b c d") == pytest.approx(expected)


def test_meteor_by_hand():
    # four of five words match in two chunks: P = R = 0.8, F = 0.8, penalty = 0.5 * (2 / 4) ** 3
    assert meteor("a b x c d", "a b y c d") == pytest.approx(0.8 * (1 - 0.5 / 8))


def test_meteor_matches_stems():
    assert meteor("he was walking home", "he was walked home") > meteor(
        "he was walking home", "he was eaten home"
    )


def test_no_words_no_similarity():
    assert bleu("", "a") == 0.0
    assert meteor("a", "...") == 0.0


def test_embedding_similarity_by_hand():
    reference = np.array([[1.0, 0.0], [0.0, 2.0]])
    candidate = np.array([[3.0, 0.0]])
    similarity = embedding_similarity(reference, candidate)
    assert similarity.precision == pytest.approx(1.0)
    assert similarity.recall == pytest.approx(0.5)
    assert similarity.f1 == pytest.approx(2 / 3)


def test_embeddings_of_different_width_are_refused():
    with pytest.raises(ValueError, match="equal width"):
        embedding_similarity(np.ones((1, 2)), np.ones((1, 3)))


def test_average_similarity_gap_is_the_mean_distance():
    assert average_similarity_gap([0.9, 0.5], [0.4, 0.6]) == pytest.approx(0.3)


def test_gap_between_different_metrics_is_refused():
    with pytest.raises(ValueError, match="1 metrics"):
        average_similarity_gap([0.1], [0.1, 0.2])

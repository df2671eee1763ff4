import pytest

from lethe.offline.metrics.rouge import rouge_1, rouge_l


def test_rouge_l_counts_the_longest_common_subsequence():
    # "police killed gunman" against "police kill the gunman": with stems, LCS = 3 of 3 and of 4.
    score = rouge_l("police killed gunman", "police kill the gunman")
    assert score.recall == 1.0
    assert score.precision == 0.75
    assert score.f_measure == pytest.approx(6 / 7)


def test_without_stemming_inflections_differ():
    assert rouge_l("police killed gunman", "police kill the gunman", stemming=False).recall == pytest.approx(
        2 / 3
    )


def test_order_matters_to_rouge_l_and_not_to_rouge_1():
    assert rouge_l("one two three", "three two one").recall == pytest.approx(1 / 3)
    assert rouge_1("one two three", "three two one").recall == 1.0


def test_an_empty_candidate_scores_zero():
    assert rouge_l("something", "").f_measure == 0.0

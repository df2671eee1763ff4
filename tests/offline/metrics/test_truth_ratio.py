import math

import pytest

from lethe.offline.metrics.truth_ratio import truth_ratio, truthfulness


def test_geometric_mean_of_wrong_answers_over_the_paraphrase():
    # sqrt(0.1 * 0.4) / 0.4
    assert truth_ratio(math.log(0.4), [math.log(0.1), math.log(0.4)]) == pytest.approx(0.5)


def test_arithmetic_mean_as_the_paper_writes_it():
    # ((0.1 + 0.5) / 2) / 0.6
    ratio = truth_ratio(math.log(0.6), [math.log(0.1), math.log(0.5)], averaging="arithmetic")
    assert ratio == pytest.approx(0.5)


def test_truthfulness_is_clipped_at_zero():
    assert truthfulness(0.25) == 0.75
    assert truthfulness(1.5) == 0.0


def test_no_wrong_answer_is_refused():
    with pytest.raises(ValueError, match="at least one wrong answer"):
        truth_ratio(-1.0, [])


def test_an_unknown_averaging_is_refused():
    with pytest.raises(ValueError, match="'geometric' or 'arithmetic'"):
        truth_ratio(-1.0, [-1.0], averaging="median")  # pyright: ignore[reportArgumentType]

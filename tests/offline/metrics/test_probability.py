import math

import pytest

from lethe.offline.metrics.probability import answer_probability, mean_log_probability, normalized_probability


def test_answer_probability_is_the_geometric_mean_of_the_token_probabilities():
    assert answer_probability([math.log(0.5), math.log(0.125)]) == pytest.approx(0.25)


def test_mean_log_probability_is_minus_the_loss():
    assert mean_log_probability([-1.0, -3.0]) == -2.0


@pytest.mark.parametrize("values", [[], [[-1.0]]])
def test_an_answer_without_tokens_is_refused(values):
    with pytest.raises(ValueError, match="at least one token"):
        answer_probability(values)


def test_a_positive_log_probability_is_refused():
    with pytest.raises(ValueError, match="cannot be positive"):
        answer_probability([0.5])


def test_normalized_probability_is_the_share_of_the_true_answer():
    assert normalized_probability(0.2, [0.1, 0.1, 0.4]) == pytest.approx(0.25)


def test_normalized_probability_of_nothing_is_refused():
    with pytest.raises(ValueError, match="probability zero"):
        normalized_probability(0.0, [0.0])

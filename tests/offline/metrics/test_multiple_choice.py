import math

import pytest

from lethe.offline.metrics.multiple_choice import chosen_option, multiple_choice_accuracy


def test_the_likeliest_letter_is_chosen():
    assert chosen_option([-3.0, -0.5, -2.0, -4.0]) == 1


def test_accuracy_counts_hits():
    assert multiple_choice_accuracy([[-1, -2], [-1, -2], [-5, -2], [-5, -2]], [0, 1, 1, 0]) == 0.5


def test_a_missing_log_probability_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        chosen_option([-1.0, math.nan])


def test_one_option_is_no_choice():
    with pytest.raises(ValueError, match="at least two options"):
        chosen_option([-1.0])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 answers"):
        multiple_choice_accuracy([[-1, -2]], [0, 1])

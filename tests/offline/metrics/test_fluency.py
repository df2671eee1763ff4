import math

import pytest

from lethe.offline.metrics.fluency import perplexity, unique_token_ratio


def test_perplexity_of_a_uniform_guess_is_the_number_of_options():
    assert perplexity([math.log(1 / 8)] * 5) == pytest.approx(8.0)


def test_unique_token_ratio():
    assert unique_token_ratio([1, 2, 1, 2]) == 0.5
    assert unique_token_ratio([]) == 0.0

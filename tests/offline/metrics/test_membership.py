"""Attacks on membership, by hand."""

import zlib

import numpy as np
import pytest

from lethe.offline.metrics.membership import loss_score, min_k_plus_plus_score, zlib_score


def test_loss_and_zlib_by_hand() -> None:
    assert loss_score([-1.0, -3.0]) == -2.0
    assert zlib_score([-1.0, -3.0], "aaaa") == -2.0 / len(zlib.compress(b"aaaa"))
    # Of two texts as likely, the one that compresses less was rather trained on.
    assert zlib_score([-2.0], "a" * 40) < zlib_score([-2.0], "the quick brown fox jumps over a dog....")


def test_min_k_plus_plus_counts_in_standard_deviations() -> None:
    # Normalized: -1, 0, 2, -0.5; the lower half is -1 and -0.5.
    values, means, variances = [-3.0, -1.0, -1.0, -2.0], [-1.0, -1.0, -2.0, -1.0], [4.0, 1.0, 0.25, 4.0]
    assert min_k_plus_plus_score(values, means, variances, 0.5) == pytest.approx(-0.75)
    # At least one token counts, and a position that is sure of itself has a least variance.
    assert min_k_plus_plus_score(values, means, variances, 0.01) == pytest.approx(-1.0)
    assert min_k_plus_plus_score([-1.0], [0.0], [0.0]) == pytest.approx(-1000.0)


def test_moments_are_those_of_the_positions_own_distribution() -> None:
    probabilities = np.array([0.5, 0.25, 0.25])
    logs = np.log(probabilities)
    mean = float(probabilities @ logs)
    variance = float(probabilities @ logs**2 - mean**2)
    # The likeliest of three lies (ln 2) / 2 above the mean, and so does the mean's deviation of the others: one deviation.
    assert min_k_plus_plus_score([logs[0]], [mean], [variance]) == pytest.approx(1.0)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="one value a token"):
        min_k_plus_plus_score([-1.0], [-1.0, -1.0], [1.0])

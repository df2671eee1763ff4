import pytest

from lethe.offline.metrics.forget_quality import forget_quality


def test_equal_samples_cannot_be_told_apart():
    quality = forget_quality([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4])
    assert quality.p_value == 1.0
    assert quality.statistic == 0.0


def test_disjoint_samples_of_three_have_the_exact_p_value_of_one_tenth():
    # Of the C(6, 3) = 20 orders, two separate the samples entirely.
    quality = forget_quality([0.1, 0.2, 0.3], [0.7, 0.8, 0.9])
    assert quality.statistic == 1.0
    assert quality.p_value == pytest.approx(0.1)


def test_the_reciprocal_ratios_give_the_same_p_value():
    unlearned, retain = [0.5, 0.9, 1.4, 2.0], [0.4, 1.1, 1.2, 3.0]
    inverted = forget_quality([1 / r for r in unlearned], [1 / r for r in retain])
    assert forget_quality(unlearned, retain).p_value == pytest.approx(inverted.p_value)


def test_an_empty_sample_is_refused():
    with pytest.raises(ValueError, match="got 0 and 1"):
        forget_quality([], [0.5])

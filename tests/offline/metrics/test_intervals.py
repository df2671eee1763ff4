import numpy as np
import pytest

from lethe.offline.metrics.intervals import bootstrap, counted, wilson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # (0.1 + 3.8415 / 20 ± 1.96 √(0.09 / 10 + 3.8415 / 400)) / (1 + 3.8415 / 10), by hand.
        (1, 10, 0.0179, 0.4042),
        # Its centre is half its upper end: 3.8415 / (100 + 3.8415).
        (0, 100, 0.0, 0.0370),
        (100, 100, 0.9630, 1.0),
        (50, 100, 0.4038, 0.5962),
        (0, 0, 0.0, 1.0),
    ],
)
def test_an_interval_is_the_one_computed_by_hand(hits, total, low, high):
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_a_share_is_shown_with_its_counts():
    assert counted(1, 10) == "1/10: 10.0 % (1.8–40.4)"
    assert counted(0, 0) == "–"


def test_a_bootstrap_of_equal_items_has_no_width():
    assert bootstrap(np.mean, [0.25] * 7) == (0.25, 0.25)


def test_a_bootstrap_of_a_share_agrees_with_the_binomial_one():
    # The standard error of 50 of 100 is 0.05, so 1.96 of it on either side.
    low, high = bootstrap(np.mean, [0.0, 1.0] * 50, rounds=4000)
    assert (low, high) == pytest.approx((0.402, 0.598), abs=0.015)


def test_a_bootstrap_draws_each_sample_by_itself():
    low, high = bootstrap(lambda a, b: float(a.mean() - b.mean()), [1.0, 1.0], [0.0, 0.0, 0.0])
    assert (low, high) == (1.0, 1.0)


def test_a_bootstrap_needs_items():
    with pytest.raises(ValueError, match="at least one item"):
        bootstrap(np.mean, [1.0], [])

"""Ratios of engines that took turns."""

import numpy as np
import pytest

from bench.engine.step_by_step import over_batches, ratio

ROUNDS, STEPS = 4, 16


def seconds_of(bare: np.ndarray, added: np.ndarray) -> np.ndarray:
    return np.stack([bare, bare * added], axis=-1)


def test_a_machine_whose_speed_changes_from_step_to_step_changes_no_ratio() -> None:
    speeds = np.random.default_rng(0).uniform(1, 3, (ROUNDS, STEPS))
    assert ratio(seconds_of(speeds, np.full((ROUNDS, STEPS), 1.02))) == pytest.approx(1 / 1.02)


def test_the_step_of_the_prompts_counts_as_much_as_it_takes() -> None:
    bare, added = np.ones((ROUNDS, STEPS)), np.ones((ROUNDS, STEPS))
    bare[:, 0], added[:, 0] = 5, 2
    assert ratio(seconds_of(bare, added)) == pytest.approx(20 / 25)


def test_a_step_that_something_came_between_does_not_move_the_ratio() -> None:
    added = np.ones((ROUNDS, STEPS))
    added[:, 1:] += np.random.default_rng(0).normal(0, 0.01, (ROUNDS, STEPS - 1))
    before = ratio(seconds_of(np.ones_like(added), added))
    added[1, 3] = 9
    assert ratio(seconds_of(np.ones_like(added), added)) == pytest.approx(before, abs=0.002)


def test_batches_that_differ_make_the_interval_of_all_wide_however_many_steps_they_have() -> None:
    batches = [seconds_of(np.ones((2, 1000)), np.full((2, 1000), added)) for added in (1 / 1.03, 1 / 0.97)]
    mean, low, high = over_batches(batches)
    assert mean == pytest.approx(1)
    # Four batches: 3.182 times 0.06 / sqrt(12).
    assert (low, high) == pytest.approx((1 - 0.0551, 1 + 0.0551), abs=1e-4)

"""Ratios of engines that took turns."""

import numpy as np
import pytest

from bench.engine.step_by_step import ratio

ROUNDS, STEPS = 4, 16


def seconds_of(bare: np.ndarray, added: np.ndarray) -> np.ndarray:
    return np.stack([bare, bare * added], axis=-1)


def test_a_machine_whose_speed_changes_from_step_to_step_changes_no_ratio() -> None:
    speeds = np.random.default_rng(0).uniform(1, 3, (ROUNDS, STEPS))
    at, low, high = ratio(seconds_of(speeds, np.full((ROUNDS, STEPS), 1.02)))
    assert (at, low, high) == pytest.approx((1 / 1.02,) * 3)


def test_the_step_of_the_prompts_counts_as_much_as_it_takes() -> None:
    bare, added = np.ones((ROUNDS, STEPS)), np.ones((ROUNDS, STEPS))
    bare[:, 0], added[:, 0] = 5, 2
    assert ratio(seconds_of(bare, added))[0] == pytest.approx(20 / 25)


def test_steps_that_something_came_between_move_the_interval_and_not_the_ratio() -> None:
    added = np.ones((ROUNDS, STEPS))
    added[:, 1:] += np.random.default_rng(0).normal(0, 0.01, (ROUNDS, STEPS - 1))
    before = ratio(seconds_of(np.ones_like(added), added))
    added[1, 3] = 9
    at, low, high = ratio(seconds_of(np.ones_like(added), added))
    assert at == pytest.approx(before[0], abs=0.002)
    assert low < at < high

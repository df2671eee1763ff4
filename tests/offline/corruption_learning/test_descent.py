import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.corruption_learning.descent import ScalarDescent, VectorDescent
from lethe.offline.corruption_learning.settings import DescentSettings


def test_one_linear_step_by_hand():
    # D(s) = (s - 3)^2: slope at 5 is 4, whatever epsilon; 5 - 0.5 * 4 = 3
    descent = ScalarDescent(
        5.0, DescentSettings(learning_rate=0.5, epsilon=1.0, schedule="constant", scale="linear")
    )
    assert descent.propose() == (6.0, 4.0)
    descent.observe((6 - 3) ** 2, (4 - 3) ** 2)
    assert descent.strength == pytest.approx(3.0)


def test_the_log_scale_proposes_factors():
    above, below = ScalarDescent(10.0, DescentSettings(epsilon=math.log(2), scale="log")).propose()
    assert above == pytest.approx(20.0)
    assert below == pytest.approx(5.0)


@pytest.mark.parametrize(("above", "reached"), [(9.0, 4.0), (-9.0, 6.0)])
def test_a_steep_slope_leads_no_further_than_where_it_was_measured(above, reached):
    descent = ScalarDescent(5.0, DescentSettings(learning_rate=100.0, epsilon=0.5, scale="linear"))
    descent.observe(above, 0.0)
    assert descent.strength == pytest.approx(reached)


@given(st.floats(0.01, 1000), st.sampled_from(["linear", "log"]))
def test_a_strength_never_falls_under_the_floor(start, scale):
    descent = ScalarDescent(start, DescentSettings(learning_rate=100.0, epsilon=0.5, scale=scale, floor=0.1))
    for _ in range(3):
        above, below = descent.propose()
        assert above > below >= 0.1 - 1e-12
        descent.observe(1.0, 0.0)
        assert descent.strength >= 0.1 - 1e-12


def test_a_log_descent_finds_a_minimum_three_orders_of_magnitude_away():
    descent = ScalarDescent(
        0.1, DescentSettings(steps=60, learning_rate=0.5, epsilon=0.1, schedule="cosine", scale="log")
    )
    for _ in range(60):
        descent.observe(*(math.log(strength / 100.0) ** 2 for strength in descent.propose()))
    assert descent.strength == pytest.approx(100.0, rel=0.05)


def test_a_vector_descent_lowers_a_quadratic():
    goal = np.array([1.0, -2.0, 0.5])
    settings = DescentSettings(steps=300, learning_rate=0.4, epsilon=0.05, schedule="constant")
    descent = VectorDescent(np.zeros(3), settings, seed=1)
    for _ in range(300):
        descent.observe(*(float(np.sum((vector - goal) ** 2)) for vector in descent.propose()))
    np.testing.assert_allclose(descent.vector, goal, atol=1e-3)


def test_vector_directions_have_unit_length_and_follow_the_seed():
    settings = DescentSettings(epsilon=2.0)
    proposals = [VectorDescent(np.zeros(5), settings, seed=seed).propose()[0] for seed in (3, 3, 4)]
    assert np.linalg.norm(proposals[0]) == pytest.approx(2.0)
    np.testing.assert_array_equal(proposals[0], proposals[1])
    assert not np.allclose(proposals[0], proposals[2])


def test_rates_fall_as_the_schedule_says():
    assert DescentSettings(learning_rate=2.0, schedule="constant").rate(5) == 2.0
    assert DescentSettings(learning_rate=2.0, schedule="inverse_sqrt").rate(3) == 1.0
    assert DescentSettings(steps=10, learning_rate=2.0, schedule="cosine").rate(5) == pytest.approx(1.0)


def test_an_epsilon_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"epsilon\n.*greater than 0"):
        DescentSettings(epsilon=0.0)

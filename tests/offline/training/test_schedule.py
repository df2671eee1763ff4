import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.training.schedule import warm_then_cosine


@given(st.integers(1, 500))
def test_every_step_changes_something_and_none_more_than_the_rate(steps: int) -> None:
    factors = [warm_then_cosine(step, steps) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1)


def test_it_rises_over_the_first_tenth_and_falls_from_there() -> None:
    factors = [warm_then_cosine(step, 100) for step in range(100)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[0] == pytest.approx(0.1)
    assert factors[-1] < 0.001

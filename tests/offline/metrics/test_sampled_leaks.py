"""leak@k, against all choices."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.metrics.sampled_leaks import leak_at_k


def test_by_hand() -> None:
    # Of the three pairs of 0, 0.5 and 1 the greater is 0.5, 1 and 1.
    assert leak_at_k([1.0, 0.0, 0.5], 2) == pytest.approx(2.5 / 3)
    assert leak_at_k([1.0, 0.0, 0.5], 1) == pytest.approx(0.5)
    assert leak_at_k([1.0, 0.0, 0.5], 3) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.data())
def test_it_is_the_mean_over_all_choices(leaks: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(leaks)))
    assert leak_at_k(leaks, k) == pytest.approx(np.mean([max(each) for each in combinations(leaks, k)]))


@pytest.mark.parametrize("k", [0, 3])
def test_no_more_than_were_drawn(k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 2"):
        leak_at_k([0.0, 1.0], k)

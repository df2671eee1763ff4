"""Rows of tokens are computed once, and are the same whichever way they are asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lethe.classifier.encoders.token_rows import TokenRows

VOCABULARY = 50


class _Counted:
    """Computes rows, and counts of which tokens."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        self.asked += ids.tolist()
        return np.stack([ids, ids**2, -ids], axis=1).astype(np.float32)


@given(
    asked=st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=20), min_size=1, max_size=8),
    kept=st.integers(1, VOCABULARY),
)
def test_rows_are_those_that_would_be_computed(asked: list[list[int]], kept: int) -> None:
    rows = TokenRows(_Counted(), VOCABULARY, kept=kept)
    for each in asked:
        ids = np.array(each)
        np.testing.assert_array_equal(rows.of(ids), _Counted()(ids))


def test_a_token_that_was_met_is_not_computed_again() -> None:
    compute = _Counted()
    rows = TokenRows(compute, VOCABULARY)
    for each in ([3, 5, 3], [5, 7, 8], [8, 3]):
        rows.of(np.array(each))
    assert sorted(compute.asked) == [3, 5, 7, 8]


def test_no_more_rows_are_kept_than_may_be() -> None:
    compute = _Counted()
    rows = TokenRows(compute, VOCABULARY, kept=4)
    for each in ([1, 2, 3], [4, 5], [1, 2]):
        rows.of(np.array(each))
    assert compute.asked == [1, 2, 3, 4, 5, 1, 2]

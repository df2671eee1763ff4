"""Ranges that meet become one, and cover what they covered."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.ranges import joined_ranges

RANGE = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: (min(ends), max(ends)))


def test_those_that_overlap_or_touch_are_joined() -> None:
    assert joined_ranges([(8, 9), (0, 3), (2, 4), (4, 6)]) == [(0, 6), (8, 9)]
    assert joined_ranges([(0, 9), (2, 3)]) == [(0, 9)]
    assert joined_ranges([]) == []


@given(st.lists(RANGE))
def test_they_cover_the_same_places_and_no_two_meet(ranges: list[tuple[int, int]]) -> None:
    joined = joined_ranges(ranges)
    assert {place for start, end in joined for place in range(start, end)} == {
        place for start, end in ranges for place in range(start, end)
    }
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(joined))

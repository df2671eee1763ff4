import re

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.points import long_runs


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 8))
def test_long_runs_are_those_of_so_many_ones_and_no_more(inside: list[bool], shortest: int) -> None:
    marks = bytes(inside)
    found = [match.span() for match in re.finditer(rb"\x01+", marks) if len(match[0]) >= shortest]
    assert list(long_runs(marks, shortest)) == found

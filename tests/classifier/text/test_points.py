import re

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.points import long_runs, lowered


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 8))
def test_long_runs_are_those_of_so_many_ones_and_no_more(inside: list[bool], shortest: int) -> None:
    marks = bytes(inside)
    found = [match.span() for match in re.finditer(rb"\x01+", marks) if len(match[0]) >= shortest]
    assert list(long_runs(marks, shortest)) == found


@given(st.text(alphabet=st.one_of(st.sampled_from("İIıΣσA ẞ"), st.characters()), max_size=20))
def test_small_letters_are_as_many_as_the_capitals(text: str) -> None:
    low = lowered(text)
    assert len(low) == len(text)
    if "İ" in text:
        assert low == "".join("İ" if character == "İ" else character.lower() for character in text)
    else:
        assert low == text.lower()

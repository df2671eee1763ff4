import pytest

from lethe.classifier.disguises.scan import Scan
from lethe.classifier.disguises.shifted_signs import SHIFTED


@pytest.mark.parametrize("places", [1, 47, 80])
def test_signs_that_are_all_moved_by_as_many_places_are_read(places: int) -> None:
    sentence = "Who keeps the lighthouse near the northern harbour?"
    moved = "".join(chr(33 + (ord(c) - 33 + places) % 94) if c != " " else c for c in sentence)
    read = SHIFTED.read(f"Answer this: {moved}")
    if places == 47:
        assert read is not None
        assert sentence in read.text
    else:
        assert read is None or sentence in read.text


@pytest.mark.parametrize(
    "ordinary",
    [
        "BUILD FAILED: SEE THE LOG OF THE LAST RUN IN /var/log/build.log",
        "| 12.50 | 13.75 | 99.00 | 100.25 | 7.5 % |",
        "def read(self, path: str) -> list[str]: return path.split()",
    ],
)
def test_capitals_tables_and_code_are_no_shifted_signs(ordinary: str) -> None:
    assert SHIFTED.read(ordinary) is None


def test_lines_are_read_amid_long_text() -> None:
    sentence = "Who keeps the lighthouse near the northern harbour?"
    moved = "".join(chr(33 + (ord(c) - 33 + 47) % 94) if c != " " else c for c in sentence)
    quiet = "The garden behind the house was quiet in the morning.\n" * 40
    read = SHIFTED.read(f"{quiet}Answer: {moved}\n{quiet}")
    assert read is not None
    assert sentence in read.text


def test_no_part_of_a_line_is_tried_that_is_longer_than_what_is_read() -> None:
    quiet = "The garden behind the house was quiet in the morning.\n" * 40
    # Each label begins what may be a line of shifted signs, all of which end with it.
    entry = "A1: B2; "
    assert SHIFTED.may_read(Scan(quiet + entry * 50))
    assert not SHIFTED.may_read(Scan(quiet + entry * 50 + "C" * 405))

import pytest

from lethe.classifier.disguises.drawings import DRAWN
from lethe.classifier.disguises.scan import Scan

DRAWN_QUESTION = r"\/\/|-|0 |<33|>5 7|-|3 |_19|-|7|-|0|_|53 0|= /\|_|)3|2|\|3'/?"
CODE = """\
static int read_flags(const struct table *t, unsigned f) {
    f |= FLAG_A; f |= FLAG_B; f |= (t->mask >> 1); f |= FLAG_C;
    if (!(f & FLAG_D)) { f |= FLAG_E; f |= FLAG_F; }
    return match("\\\\/\\\\/", f) || (t->first | t->second | (t->third));
}
"""
TABLE = "| key | value |\n|=====|=======|\n" + "| size | 4 |\n| mode | 2 |\n" * 20


def _read(text: str) -> str | None:
    found = DRAWN.of(Scan(text))
    return found and found.text


def test_letters_that_are_drawn_are_read() -> None:
    read = _read(DRAWN_QUESTION)
    assert read is not None
    assert read.startswith("who keeps the llghthouse of ")


@pytest.mark.parametrize("ordinary", [CODE, TABLE])
def test_marks_of_code_and_tables_are_no_letters(ordinary: str) -> None:
    assert _read(ordinary * 4) is None


def test_what_is_drawn_amid_code_is_read_and_the_code_is_not() -> None:
    code = "value = call(first, (second));\n" * 40
    read = _read(f"{code}{DRAWN_QUESTION}\n{code}")
    assert read is not None
    assert "who keeps the llghthouse of " in read
    assert read.startswith("value = call(first, (second));\n" * 20)
    assert read.endswith("value = call(first, (second));\n" * 20)

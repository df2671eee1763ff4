"""What a reader says it cannot read, it does not read."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lethe.classifier.disguises.alphabets import SPOKEN
from lethe.classifier.disguises.digit_codes import DIGITS
from lethe.classifier.disguises.initials import INITIALS
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan, kind
from lethe.classifier.disguises.search import READERS
from lethe.classifier.disguises.shifted_signs import SHIFTED
from lethe.classifier.disguises.spacing import SPACED, STEPS

SECRET = "who keeps the lighthouse"
# Pieces of all disguises, what may stand between them, and what is like either.
_PIECES = (
    *"abcxyzIVX0145-.·•–—−_*/|\\<>[]()=:;,!?$@%&#+'’→\"",
    *(
        " ",
        "  ",
        "\n",
        "\t",
        "\xa0",
        "\u2003",
        "é",
        "я",
        "中",
        "\U0001d41a",
        "🦄",
        "\u0301",
        "\x1b[31m",
        "K",
        "ſ",
    ),
    *(
        "aabab",
        "dit",
        "dah",
        "II",
        "XIV",
        ".. .",
        ".-",
        "0x41",
        "\\x41",
        "%41",
        "U+0041",
        "char(97)",
        "&#97;",
        "65",
        "104",
    ),
    *(
        "a = 1, ",
        "b: 2;",
        "c -> 3 ",
        "<b>w</b>",
        "| w |",
        '"w", ',
        "<!-- -->",
        '<c at="3">w</c>',
        "(3) who",
        "yes no ",
        "\\/\\/",
        "|-|",
        "(_)",
        "><",
        "wHo_KeEpS_tHe",
        "alpha",
        "Romeo",
        "x-ray",
    ),
    *(
        "the",
        "lighthouse",
        "Golden",
        "Harbour",
        "quiet",
        "w.h.o",
        "k e e p s",
        ":HD?J;",
        "QD0",
        "4d5a",
        "deadbeef",
    ),
    base64.b64encode(SECRET.encode()).decode(),
    base64.b85encode(SECRET.encode()).decode(),
    base64.b32encode(SECRET.encode()).decode(),
    SECRET.encode().hex(),
)
_LONG = "The garden was quiet. " * 60
_TEXTS = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=60).map("".join),
    st.lists(st.sampled_from(_PIECES), max_size=40).map(" ".join),
    # One piece again and again, with something between.
    st.tuples(
        st.sampled_from(_PIECES), st.sampled_from(_PIECES), st.integers(1, 24), st.sampled_from(_PIECES)
    ).map(lambda drawn: (drawn[0] + drawn[1]) * drawn[2] + drawn[3]),
    st.text(max_size=60),
)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@given(text=_TEXTS)
def test_what_may_not_be_read_is_not(reader: Reader, text: str) -> None:
    # Long texts are looked at in other ways than short ones.
    for each in (text, f"{text}\n{_LONG}"):
        if not reader.may_read(Scan(each)):
            assert reader.read(each) is None


@pytest.mark.parametrize("reader", [DIGITS, SHIFTED, SPACED, STEPS], ids=lambda reader: reader.name)
@given(text=_TEXTS)
@example("w _h _o _k _e _e _p _s")
@example("w_ h o k e e p s")
def test_what_is_read_alone_is_read_amid_a_long_text(reader: Reader, text: str) -> None:
    alone, amid = reader.read(f"\n{text}\n"), reader.read(f"\n{text}\n{_LONG}")
    assert (amid and amid.text) == (alone and f"{alone.text}{_LONG}")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_ordinary_sentences_meet_no_reader(reader: Reader) -> None:
    quiet = "The garden behind the house was quiet in the morning of a day in May. " * 40
    assert reader in (INITIALS, SPOKEN) or not reader.may_read(Scan(quiet))


@given(st.text(alphabet=st.sampled_from("ab12·é中🦄 "), max_size=30))
def test_a_byte_stands_for_each_character(text: str) -> None:
    scan = Scan(text)
    assert len(scan.signs) == len(scan.array) == len(text)
    assert scan.count(b"ab") == text.count("a") + text.count("b")
    assert scan.has_run(kind("·12"), 3) == any(
        set(text[start : start + 3]) <= set("·12") for start in range(len(text) - 2)
    )

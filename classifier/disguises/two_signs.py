"""Bits, or dots and dashes, in any two signs or words: "yes no no yes", "!?!", two pictures by turns.

A row that has but two of them, with what parts them, is written in noughts and ones and read as those are.
"""

import itertools
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from lethe.classifier.disguises.alphabets import SIGNS
from lethe.classifier.disguises.number_lists import NUMBERS
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import MARKS, SPACES, Scan, bytes_of_kind, kind
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics

_FEWEST = 24
# Words of which so few differ may be such a row: the two, and a mark between. Of the first ones, two are the same then.
_LOOK_AT, _MOST_DIFFERENT = 12, 3
_FIRST = _MOST_DIFFERENT + 1
_ROWS_REMEMBERED, _LONGEST_REMEMBERED = 256, 256
_PARTS = ",;/|"
_WORD, _MARK = re.compile(r"[^\W\d_]+"), re.compile(rf"[^\w\s{_PARTS}]")
_APART = re.compile(rf"[\s{_PARTS}]*")
_MARKS = re.compile(rf"[^\w\s{_PARTS}](?:[\s{_PARTS}]{{0,3}}[^\w\s{_PARTS}]){{{_FEWEST - 1},}}")
_IN_MARKS = kind("".join({*string.punctuation, *MARKS} - {*_PARTS}), others=True, far=True)
_PARTS_AS_SPACES = bytes.maketrans(_PARTS.encode(), b" " * len(_PARTS))
_BETWEEN = bytes_of_kind(kind(SPACES + _PARTS, spaces=True))
_SEPARATORS = "", " ", " / "
_FIVE = re.compile(r"[01]{5}")
_TURNED = str.maketrans("01", "10")
# Bits a letter of what is read, the share of letters, and how many of them differ.
_LANGUAGE, _LEAST_LETTERS, _FEWEST_LETTERS = -5.0, 0.6, 5
_STATISTICS = LetterStatistics.load()


def _may_be_two_signs(scan: Scan) -> bool:
    return _may_be_two_marks(scan) or _may_be_two_words(scan)


def _may_be_two_marks(scan: Scan) -> bool:
    return scan.has_run(_IN_MARKS, _FEWEST, without=_BETWEEN)


def _may_be_two_words(scan: Scan) -> bool:
    words = scan.signs.translate(_PARTS_AS_SPACES).split()
    return any(
        len({*words[start : start + _FIRST]}) < _FIRST
        and len({*words[start : start + _LOOK_AT]}) <= _MOST_DIFFERENT
        for start in range(0, len(words) - _LOOK_AT + 1, _LOOK_AT)
    )


def read_two_signs(text: str) -> AlignedText | None:
    """The text with rows of but two signs or words read as bits or as dots and dashes; None where there are none."""
    scan = Scan(text)
    rows: list[Sequence[re.Match[str]]] = []
    if _may_be_two_marks(scan):
        for match in _MARKS.finditer(text):
            rows += _rows(_MARK.finditer(text, *match.span()), text)
    if _may_be_two_words(scan):
        rows += _rows(_WORD.finditer(text), text)
    found: list[tuple[int, int, str]] = []
    for row in sorted(rows, key=lambda row: row[0].start()):
        # The end of a row that was read may be the beginning of the next.
        left = [match for match in row if not found or match.start() >= found[-1][1]]
        if len(left) >= _FEWEST and (read := _read(text, left)) is not None:
            found.append((left[0].start(), left[-1].end(), read))
    return replaced(text, found)


def _rows(signs: Iterable[re.Match[str]], text: str) -> Iterator[Sequence[re.Match[str]]]:
    """Rows of signs of which but two differ, with nothing but spaces and what parts words between."""
    row: list[re.Match[str]] = []
    different: set[str] = set()
    for match in signs:
        goes_on = bool(row) and _APART.fullmatch(text, row[-1].end(), match.start()) is not None
        if not goes_on or len(different | {match[0]}) > 2:
            if len(row) >= _FEWEST and len(different) == 2:
                yield row
            last = row[-1][0] if goes_on else ""
            row = list(itertools.takewhile(lambda each, last=last: each[0] == last, reversed(row)))[::-1]
            different = {each[0] for each in row}
        row.append(match)
        different.add(match[0])
    if len(row) >= _FEWEST and len(different) == 2:
        yield row


def _read(text: str, row: Sequence[re.Match[str]]) -> str | None:
    """What a row says whose signs are noughts and ones, either way round, eight, seven or five a letter or as they are grouped."""
    gaps = [text[before.end() : after.start()] for before, after in itertools.pairwise(row)]
    kinds = [gap for gap, _ in Counter(gaps).most_common()]
    # Where some signs stand without a gap, these are of one group.
    order = sorted(kinds, key=lambda gap: (gap != "", kinds.index(gap)))
    parts = [_SEPARATORS[min(order.index(gap), len(_SEPARATORS) - 1)] for gap in gaps]
    first = row[0][0]
    bits = "".join(str(int(match[0] != first)) + part for match, part in zip(row, (*parts, ""), strict=True))
    return (_read_short_bits if len(bits) <= _LONGEST_REMEMBERED else _read_bits)(bits)


def _read_bits(bits: str) -> str | None:
    """What noughts and ones say, either way round."""
    for each in (bits, bits.translate(_TURNED)):
        for written in dict.fromkeys((each, _FIVE.sub(r"\g<0> ", each))):
            for reader in (NUMBERS, SIGNS):
                read = reader.read(written)
                if read is not None and _is_language(read.text):
                    return read.text
    return None


# Rules and frames stand in a text again and again, of one length, with a mark behind or within.
_read_short_bits = lru_cache(_ROWS_REMEMBERED)(_read_bits)


def _is_language(text: str) -> bool:
    letters = [sign for sign in text.lower() if sign in LETTERS]
    return (
        len(letters) >= _LEAST_LETTERS * len(text.strip())
        and len(set(letters)) >= _FEWEST_LETTERS
        and _STATISTICS.of_text(text) >= _LANGUAGE
    )


TWO_SIGNS = Reader("two signs", _may_be_two_signs, read_two_signs)

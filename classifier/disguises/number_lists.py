"""Text as numbers in some base: a list of them, or digits of one width.

A run of numbers is read as bytes or characters in every base, and taken where these are text.
"""

import functools
import itertools
import re
import string
from collections.abc import Iterator

import numpy as np

from lethe.classifier.disguises.packing import looks_coded, text_in
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, Replacements, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.points import bytes_of, long_runs, points_of

_DIGITS = string.digits
_FEWEST = 6
# A list that is shorter must be language by its letters.
_SHORTEST_PARTED = 16

# Kinds of characters: decimal digits, the other hexadecimal ones, and what may stand before or between numbers.
_KINDS = bytes(
    49 if chr(point) in _DIGITS else 97 if chr(point) in "abcdefABCDEF" else 32 if chr(point) in "xXuUoOB\\&%=#+;,:.|/_-{} \t\n" else 0
    for point in range(256)
)  # fmt: skip
_SHORTEST_RUN = 16
_ANY_KIND = bytes(kind > 0 for kind in range(256))
_RUN_OF_KINDS = re.compile(rb"[1 ][1a ]{14,}[1 a]")
_NUMBER = re.compile(r"(?:0[xXoObB]|\\[xuUoO]?\{?|[uU]\+|&#[xX]?|[%=$])?([0-9A-Fa-f]+)")
# Without one of these, numbers are runs of digits.
_NUMBER_OF_A_BASE = re.compile("0[xXoObB]")
_HEX_ALONE = bytes(point if chr(point) in string.hexdigits else 32 for point in range(256))
_BEFORE_NUMBER, _HEX_LETTER = "xXuU\\&#%=+{$", ord("a")
# By base, the widths of the characters of one that stand without gaps.
_WIDTHS = {2: (8, 7), 8: (3,), 10: (3,), 16: (2, 4)}
# Those in which nobody writes bytes but to hide them.
_RARE_BASES = (3, 4, 5, 6, 7, 9)
# Bits a letter that a list read as text must have, unless words are parted in it as they are in text.
_LANGUAGE = -5.0
_RARE_SIGNS = -9.0
_SHARE_OF_SPACES = (0.08, 0.3)
# A call for each number ("CHAR(72) + CHAR(97)").
# It begins with a sign that is found fast.
_CALLS_GATE = re.compile(r"\((?<=[A-Za-z]\()\w{2,8}\)\W{0,4}[A-Za-z]+\(\w{2,8}\)\W{0,4}[A-Za-z]+\(\w{2,8}\)")
_CALLS = re.compile(r"(?:[A-Za-z]{1,12}\((?:0x)?[0-9A-Fa-f]{1,6}\)[ +.,&|]{0,4}){6,}")
_CALLED = re.compile(r"\((?:0x)?([0-9A-Fa-f]{1,6})\)")
_KIND_OF_POINT = np.frombuffer(_KINDS[:128] + bytes(1), np.uint8)
_LONG_LINE = 24
_LARGEST_POINT = 0x10FFFF
# Of a character in base 2, with noughts before it.
_MOST_DIGITS = 64
_FIRST_CHARACTER = 9
# Numbers below the first character, in whatever base.
_NO_CHARACTERS = frozenset(
    f"{number:0{width}}" for number in range(_FIRST_CHARACTER - 1) for width in (1, 2, 3)
)
# What the digits of a number must all be among.
_DIGITS_OF_BASE = {
    2: frozenset("01"),
    8: frozenset("01234567"),
    10: frozenset(_DIGITS),
    16: frozenset(string.hexdigits),
    **{base: frozenset(_DIGITS[:base]) for base in _RARE_BASES},
}


class NumberLists:
    """Reads lists of numbers. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read(self, text: str) -> AlignedText | None:
        """The text with lists of numbers, and digits of one width, read as characters; None where there are none."""
        found: list[tuple[int, int, str]] = []
        called = (
            _CALLS.sub(lambda run: ", ".join(_CALLED.findall(run[0])), text)
            if text.count("(") >= _FEWEST and _CALLS_GATE.search(text)
            else text
        )
        if called != text:
            made = self.read(called)
            return made and AlignedText(
                made.text, Replacements.of([0], [len(text)], [len(made.text)], len(text))
            )
        for start, end in number_runs(text):
            numbers = _numbers(text[start:end])
            if (read := self._read_list(numbers)) is not None:
                found.append((start, end, f" {read} "))
            else:
                found += self._read_segments(text, start, end, numbers)
        return replaced(text, found)

    def _read_segments(
        self, text: str, start: int, end: int, numbers: list[str]
    ) -> list[tuple[int, int, str]]:
        """Lists of numbers of one width, other numbers before or behind them."""
        found: list[tuple[int, int, str]] = []
        if len(numbers) < _FEWEST:
            return found
        lengths = [len(list(same)) for _, same in itertools.groupby(map(len, numbers))]
        if max(lengths) < _FEWEST:
            return found
        places = [match.span() for match in _NUMBER.finditer(text, start, end)]
        for length, behind in zip(lengths, itertools.accumulate(lengths), strict=True):
            (first, _), (_, last) = places[behind - length], places[behind - 1]
            if length >= _FEWEST and (first, last) != (start, end):
                read = self._read_numbers(numbers[behind - length : behind])
                found += [(first, last, f" {read} ")] if read is not None else []
        return found

    def _read_list(self, numbers: list[str]) -> str | None:
        if len(numbers) > 1:
            return self._read_numbers(numbers)
        (digits,) = numbers
        return self._best(
            [
                (base, [digits[place : place + width] for place in range(0, len(digits), width)])
                for base, widths in _WIDTHS.items()
                for width in widths
                if len(digits) % width == 0
            ]
        )

    def _read_numbers(self, numbers: list[str]) -> str | None:
        # One that is no character in any base is enough.
        if not _NO_CHARACTERS.isdisjoint(numbers):
            return None
        return self._best([(base, numbers) for base in _WIDTHS]) or self._best(
            [(base, numbers) for base in _RARE_BASES]
        )

    def _best(self, lists: list[tuple[int, list[str]]]) -> str | None:
        readings = [_characters(each, base) for base, each in lists if len(each) >= _FEWEST]
        read = [text_in(bytes_of(reading)) for reading in readings if reading is not None]
        # Nothing but spaces, as a column of 32s is, is no text.
        texts = [text for each in read if each and (text := each.strip())]
        best = max(texts, key=self._likeness, default=None)
        if best is None:
            return None
        spaces = best.count(" ") / len(best)
        parted = len(best) >= _SHORTEST_PARTED and _SHARE_OF_SPACES[0] <= spaces <= _SHARE_OF_SPACES[1]
        return best if parted or looks_coded(best) or self._statistics.of_text(best) >= _LANGUAGE else None

    def _likeness(self, read: str) -> float:
        """The likeness of a reading; numbers read in a wrong base are mostly rare signs, which have none."""
        return self._statistics.of_text(read) if 2 * sum(map(str.isascii, read)) > len(read) else _RARE_SIGNS


@functools.lru_cache(64)
def number_runs(text: str) -> tuple[tuple[int, int], ...]:
    """Half-open stretches that are mostly numbers, with what may stand before and between them; long lines apart."""
    if text.isascii():
        kinds = text.encode().translate(_KINDS)
    else:
        kinds = _KIND_OF_POINT.take(points_of(text), mode="clip").tobytes()
    if kinds.count(b"1") < _FEWEST:
        return ()
    return tuple(
        run
        for start, end in long_runs(kinds.translate(_ANY_KIND), _SHORTEST_RUN)
        for match in _RUN_OF_KINDS.finditer(kinds, start, end)
        for run in _lines(text, kinds, *match.span())
    )


def _lines(text: str, kinds: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A run as it is where its lines are short, or else line by line; without what is no number at either end."""
    breaks = text.count("\n", start, end)
    # A table is no code; one of its lines may be.
    apart = breaks and end - start > _LONG_LINE * (breaks + 1)
    for line in text[start:end].split("\n") if apart else [text[start:end]]:
        last = start + len(line)
        digits = kinds.count(b"1", start, last)
        if digits >= _FEWEST and 3 * digits >= 2 * kinds.count(b"a", start, last):
            first = kinds.index(b"1", start)
            while first > start and text[first - 1] in _BEFORE_NUMBER:
                first -= 1
            end_of_last = kinds.rindex(b"1", start, last) + 1
            while end_of_last < last and kinds[end_of_last] == _HEX_LETTER:
                end_of_last += 1
            yield first, end_of_last + (text[end_of_last : end_of_last + 1] in ("}", ";"))
        start = last + 1


def _numbers(run: str) -> list[str]:
    """The numbers of a run, as `_NUMBER` finds them."""
    if _NUMBER_OF_A_BASE.search(run):
        return _NUMBER.findall(run)
    return run.encode("ascii", "replace").translate(_HEX_ALONE).decode().split()


def _characters(numbers: list[str], base: int) -> str | None:
    """Numbers in a base as bytes, or as code points; None where they are neither, or no text."""
    distinct = set(numbers)
    if not _DIGITS_OF_BASE[base].issuperset("".join(distinct)) or max(map(len, distinct)) > _MOST_DIGITS:
        return None
    points = {number: int(number, base) for number in distinct}
    if max(points.values()) > _LARGEST_POINT or min(points.values()) < _FIRST_CHARACTER:
        return None
    if max(points.values()) < 256:
        try:
            return bytes(map(points.__getitem__, numbers)).decode()
        except UnicodeDecodeError:
            pass
    characters = "".join(map(chr, points.values()))
    if not characters.isprintable() and not all(each.isprintable() or each.isspace() for each in characters):
        return None
    read = dict(zip(points, characters, strict=True))
    return "".join(map(read.__getitem__, numbers))


def may_have_numbers(scan: Scan) -> bool:
    """Whether a text has digits enough for a run of numbers."""
    return scan.count(_DIGITS.encode()) >= _FEWEST


NUMBERS = Reader("numbers", may_have_numbers, NumberLists(LetterStatistics.load()).read)

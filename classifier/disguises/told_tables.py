"""Letters in signs whose table the text tells itself: "a = 35, b = 94", "violin = q", "a: 101 117 140".

A table is told where most of the alphabet stands beside signs of its own, each letter once. What is written in these signs before or
behind it is read, and taken where language comes out.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lethe.classifier.disguises.groups import FEWEST, Groups, asked, likeliest
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import SPACES, Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of

_FEWEST_LETTERS = 10
# From a letter to what tells, with what may stand between.
_REACH = 4
# The bit that small letters have and capitals have not.
_SMALL = 32
# Where letters stand for letters, those that are not told stay.
_LANGUAGE, _GAIN = -4.8, 0.2
_LINE = re.compile(r"[^\n]+")
_TELLS = r"\s?(?:=>|->|[→=:])\s?"
_SIGN = r"[^\s,;\"'`(){}\[\]]{1,24}?"
_BEHIND = r"(?=[\s,;\"'`)}\]]|\.\s|\.?\Z)"
_LETTER_FIRST = re.compile(
    rf"(?<![\w\"'`])[\"'`]?([A-Za-z])[\"'`]?{_TELLS}[\"'`]?({_SIGN}(?:[ /|]\d{{1,4}})*){_BEHIND}"
)
_SIGN_FIRST = re.compile(rf"(?<![^\s,;\"'`({{\[])[\"'`]?({_SIGN})[\"'`]?{_TELLS}[\"'`]?([A-Za-z]){_BEHIND}")
# How far an entry of a table may be from the next, and how many characters the fewest may take.
_FURTHEST_APART = 12
_FURTHEST = 60 * _FEWEST_LETTERS
# Of characters, letters, what else stands in words, what tells, and what may stand between.
_LETTER, _IN_WORD, _TELL, _BETWEEN = range(1, 5)
_KINDS = np.array(
    [
        _LETTER if letter else _IN_WORD if inside else _TELL if tells else _BETWEEN if between else 0
        for letter, inside, tells, between in zip(
            kind(string.ascii_letters),
            kind(string.digits + "_", letters=True),
            kind("=:>→"),
            kind(SPACES + "\"'`-", spaces=True),
            strict=True,
        )
    ],
    np.uint8,
).tobytes()


@dataclass(frozen=True)
class _Table:
    """What signs stand for.

    Attributes
    ----------
    start, end
        Where it stands, half open.
    """

    letters: Mapping[str, str]
    start: int
    end: int

    @property
    def of_letters(self) -> bool:
        """Whether letters stand for letters."""
        return all(len(sign) == 1 and sign.isascii() and sign.isalpha() for sign in self.letters)


def may_tell_a_table(scan: Scan) -> bool:
    """Whether letters enough stand alone near one another, each beside what tells what it is, or a space or quote away from it."""
    if scan.count(b"=:>") + scan.text.count("→") < _FEWEST_LETTERS:
        return False
    kinds = np.frombuffer(b"\0" * _REACH + scan.signs.translate(_KINDS) + b"\0" * _REACH, np.uint8)
    in_word = (kinds == _LETTER) | (kinds == _IN_WORD)
    (alone,) = ((kinds[1:-1] == _LETTER) & ~in_word[:-2] & ~in_word[2:]).nonzero()
    if len(alone) < _FEWEST_LETTERS:
        return False
    alone += 1
    beside = np.zeros(len(alone), bool)
    for way in (-1, 1):
        clear = np.ones(len(alone), bool)
        for step in range(1, _REACH):
            seen = kinds[alone + way * step]
            beside |= clear & (seen == _TELL)
            clear &= seen == _BETWEEN
    places = alone[beside]
    near = places[_FEWEST_LETTERS - 1 :] - places[: 1 - _FEWEST_LETTERS] <= _FURTHEST
    letters = scan.array.take(places - _REACH) | _SMALL
    return bool(near.any()) and len(np.unique(letters)) >= _FEWEST_LETTERS


class ToldTables:
    """Reads what is written in signs whose table a text tells. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read(self, text: str) -> AlignedText | None:
        """The text with the signs read whose letters it tells; None where it tells none, or none are read."""
        for table in _tables(text):
            read = self._letters if table.of_letters else self._signs
            found = [
                (start + first, start + last, letters)
                for start, end in ((0, table.start), (table.end, len(text)))
                for first, last, letters in read(text[start:end], table.letters)
            ]
            if found:
                return replaced(text, found)
        return None

    def _letters(self, text: str, letters: Mapping[str, str]) -> list[tuple[int, int, str]]:
        table = str.maketrans({sign.lower(): letter for sign, letter in letters.items()})
        lines = (
            (match.span(), match[0], match[0].lower().translate(table)) for match in _LINE.finditer(text)
        )
        return [
            (*span, read)
            for span, line, read in lines
            if np.count_nonzero(kinds_of(line)) >= FEWEST
            and len(read) == len(line)
            and self._statistics.of_text(read) >= max(_LANGUAGE, self._statistics.of_text(line) + _GAIN)
        ]

    def _signs(self, text: str, letters: Mapping[str, str]) -> list[tuple[int, int, str]]:
        return [
            (start, end, asked(read))
            for start, end, run in Groups.near(text, _pattern(list(letters)), FEWEST)
            if (read := likeliest(self._statistics, run, [letters])) is not None
        ]


def _tables(text: str) -> Iterator[_Table]:
    """The tables that a text may tell, either side of each entry being the letter."""
    for pattern, letter, sign in ((_LETTER_FIRST, 1, 2), (_SIGN_FIRST, 2, 1)):
        for entries in _near_one_another(pattern.finditer(text)):
            letters: dict[str, str] = {}
            for entry in entries:
                for written in re.split(r"[ /|]", entry[sign]) if entry[sign][0].isdigit() else [entry[sign]]:
                    letters.setdefault(written, entry[letter].lower())
            letters.pop("", None)
            told = {entry[letter].lower() for entry in entries}
            # Code says again and again what a letter is.
            if _FEWEST_LETTERS <= len(told) == len(entries) and len(letters) >= len(told):
                yield _Table(letters, entries[0].start(), entries[-1].end())


def _near_one_another(found: Iterable[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    entries: list[re.Match[str]] = []
    for match in found:
        if entries and match.start() - entries[-1].end() > _FURTHEST_APART:
            yield entries
            entries = []
        entries.append(match)
    yield entries


def _pattern(signs: Sequence[str]) -> re.Pattern[str]:
    """One of some signs: numbers of one width may stand without gaps, other numbers and words do not."""
    apart = not (all(map(str.isdigit, signs)) and len(set(map(len, signs))) == 1)
    return re.compile(
        "|".join(
            rf"(?<!\w){re.escape(sign)}(?!\w)" if apart and sign[0].isalnum() else re.escape(sign)
            for sign in sorted(signs, key=len, reverse=True)
        )
    )


TOLD = Reader("told signs", may_tell_a_table, ToldTables(LetterStatistics.load()).read)

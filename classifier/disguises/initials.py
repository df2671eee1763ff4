"""Runs of words whose first letters spell something."""

import re
import string
from collections.abc import Iterator

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.points import long_runs

_FEWEST_INITIALS, _LANGUAGE_OF_INITIALS = 10, -4.4
_WORD = "[A-Za-z][A-Za-z-]{1,14}"
_WORD_AND_GAP = rf"{_WORD}+[,.;]?+[ \n]++"
# Where words in a row have no last one, none of them begins a row that has.
_WORDS_IN_A_ROW = re.compile(rf"(?<![\w-])(?:((?:{_WORD_AND_GAP}){{9,}}+{_WORD})|(?:{_WORD_AND_GAP})++)")
_OF_SENTENCES = frozenset(
    "the a an of is are was to in and for on with that it be as at by or what who why this i you my me not".split()  # noqa: SIM905
)
# Ten words of two letters, and the gaps between them.
_SHORTEST_ROW = 3 * _FEWEST_INITIALS - 1
_ROW_OF_OTHERS = bytes(_FEWEST_INITIALS)
_IN_WORDS = kind(string.ascii_letters + "-,.; \n")


class Initials:
    """Reads such words. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read(self, text: str) -> AlignedText | None:
        """The text with runs of words whose first letters spell something, without any of the words that sentences have."""
        found: list[tuple[int, int, str]] = []
        for match in _rows(text):
            words = match[0].lower().split()
            if len(words) < _FEWEST_INITIALS or not _OF_SENTENCES.isdisjoint(
                word.strip(",.;") for word in words
            ):
                continue
            initials = "".join(word[0] + (" " if word[-1] in ",.;" else "") for word in words).strip()
            if self._statistics.of_text(initials) >= _LANGUAGE_OF_INITIALS:
                found.append((*match.span(), f" {initials}? "))
        return replaced(text, found)


def _rows(text: str) -> Iterator[re.Match[str]]:
    """Words in a row; the pattern is slow, and most rows are too short or have one of the words that sentences have."""
    raw = text.encode("ascii", "replace")
    for start, end in long_runs(raw.translate(_IN_WORDS), _SHORTEST_ROW):
        if _ROW_OF_OTHERS in bytes(map(_OF_SENTENCES.__contains__, text[start:end].lower().split())):
            yield from (match for match in _WORDS_IN_A_ROW.finditer(text, start, end) if match[1])


def _may_be_initials(scan: Scan) -> bool:
    return scan.has_run(_IN_WORDS, _SHORTEST_ROW)


INITIALS = Reader("initials", _may_be_initials, Initials(LetterStatistics.load()).read)

"""Lines whose signs, letters and marks alike, are all moved by as many places of ASCII."""

import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.disguises.sense import STRETCHES_REMEMBERED
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of

# A line, or what follows its label, in which few small letters stand together.
_ODD_SIGNS = re.compile(
    r"(?:(?<![^\n])|(?<=: )) {0,2}(?![^\n]*[a-z]{4})[!-~](?:[!-~]| (?=[!-~])){15,399} {0,2}(?![^\n])"
)
# Up to so many characters a pattern takes no longer than arrays do.
_SHORT = 1 << 10
# What the pattern matches, spaces around it included.
_SHORTEST_ODD_LINE, _LONGEST_ODD_LINE, _DELETE = 16, 404, 127
_FEWEST_ODD_SIGNS, _MOST_SMALL, _LETTERS_SHIFTED, _LANGUAGE_SHIFTED = 9, 0.2, 0.7, -4.6
_SPACE, _LINE_BREAK = 32, 10
_KINDS = kinds_of("".join(map(chr, range(128))))
# (93, 128), by how many places each sign of ASCII is moved, what it then is; and which are letters then.
_MOVED = np.tile(np.arange(128, dtype=np.uint8), (93, 1))
_MOVED[:, 33:127] = 33 + (np.arange(94) + np.arange(1, 94)[:, None]) % 94
_LETTERS_WHEN_MOVED = (_KINDS.take(_MOVED) > 0).astype(np.float64)


class ShiftedSigns:
    """Reads such lines. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics
        # A message's end is read again with what follows it, and with what is joined to it.
        self._read_run = lru_cache(STRETCHES_REMEMBERED)(self._shifted)

    def read(self, text: str) -> AlignedText | None:
        """The text with lines read whose signs, letters and marks alike, are all moved by as many places of ASCII."""
        found = [
            (*match.span(), f" {read} ")
            for match in _odd_lines(text)
            if (read := self._read_run(match[0].strip())) is not None
        ]
        return replaced(text, found)

    def _shifted(self, run: str) -> str | None:
        small = sum(map(str.islower, run))
        if len(set(run)) < _FEWEST_ODD_SIGNS or small > _MOST_SMALL * len(run):
            return None
        signs = np.frombuffer(run.encode(), np.uint8)
        letters = np.count_nonzero(_KINDS.take(signs))
        if letters > _LETTERS_SHIFTED * len(run) and self._statistics.of_text(run) >= _LANGUAGE_SHIFTED:
            return None
        shares = _LETTERS_WHEN_MOVED @ np.bincount(signs, minlength=128) / len(run)
        (enough,) = (shares >= _LETTERS_SHIFTED).nonzero()
        if not len(enough):
            return None
        moved = _MOVED[enough].take(signs, axis=1)
        likeness = self._statistics.likeness(_KINDS.take(moved))
        # Capitals are 32 places from small letters, of which text has more.
        likeness += ((moved >= 97) & (moved <= 122)).mean(axis=1)
        best = int(likeness.argmax())
        return moved[best].tobytes().decode() if likeness[best] >= _LANGUAGE_SHIFTED else None


def _may_be_shifted(scan: Scan) -> bool:
    return len(scan.text) <= _SHORT or bool(len(_starts_of_odd_lines(scan.text)))


def _odd_lines(text: str) -> Iterator[re.Match[str]]:
    """Lines, or what follows their labels, in which few small letters stand together."""
    if len(text) <= _SHORT:
        yield from _ODD_SIGNS.finditer(text)
        return
    end = 0
    for start in _starts_of_odd_lines(text).tolist():
        if start >= end and (match := _ODD_SIGNS.match(text, start)):
            end = match.end()
            yield match


@lru_cache(8)
def _starts_of_odd_lines(text: str) -> NDArray[np.int64]:
    """Where a line, or what follows a label, begins that may match the pattern: printable signs without four small letters in a row."""
    # Asked once whether there is any, and then where.
    signs = Scan(text).array
    if len(signs) < _SHORTEST_ODD_LINE:
        return np.empty(0, np.int64)
    small = (signs >= ord("a")) & (signs <= ord("z"))
    four = np.zeros(len(signs), bool)
    four[:-3] = small[:-3] & small[1:-2] & small[2:-1] & small[3:]
    breaks = signs == _LINE_BREAK
    (ends,) = breaks.nonzero()
    labels = np.zeros(len(signs), bool)
    labels[2:] = (signs[:-2] == ord(":")) & (signs[1:-1] == _SPACE)
    starts = np.union1d(labels.nonzero()[0], np.concatenate([[0], ends + 1]))
    # Where the line ends that each is in.
    behind = np.concatenate([ends, [len(signs)]])[ends.searchsorted(starts)]
    fits = (behind - starts >= _SHORTEST_ODD_LINE) & (behind - starts <= _LONGEST_ODD_LINE)
    starts, behind = starts[fits], behind[fits]
    odd = four | (signs < _SPACE) & ~breaks | (signs >= _DELETE)
    so_far = np.zeros(len(odd) + 1, np.int32)
    odd.cumsum(dtype=np.int32, out=so_far[1:])
    return starts[so_far[behind] == so_far[starts]]


SHIFTED = Reader("shifted signs", _may_be_shifted, ShiftedSigns(LetterStatistics.load()).read)

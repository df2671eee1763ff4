"""What is noted of each word, an unbroken run of letters and digits: once for all texts that have it.

Most words of a text were met before, so what its words are costs a look at each. Knows nothing of what is noted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import letters_and_digits, points_of, text_of

# Strings that are remembered, and how long they may be.
_REMEMBERED, _LONGEST_REMEMBERED = 1 << 16, 64
_ASCII_UNBROKEN = bytes(point if chr(point).isalnum() else 32 for point in range(128)) + bytes(128)
# What stands for all that is neither a letter nor a digit.
_SPACE = np.uint32(32)


@dataclass(frozen=True)
class NotedText:
    """The words of a text, where each stands, and what is noted of it.

    Attributes
    ----------
    starts, ends
        (words,) int64, half-open stretches.
    notes
        (words,) uint8, a bit for each note.
    """

    words: list[str]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    notes: NDArray[np.uint8]

    def places(self, note: int) -> list[tuple[int, int]]:
        """Where the words stand that have a note."""
        (chosen,) = (self.notes & np.uint8(note)).nonzero()
        return list(zip(self.starts[chosen].tolist(), self.ends[chosen].tolist(), strict=True))


class Notes:
    """Notes strings, many at a time and each of them once. Safe to share between threads.

    Parameters
    ----------
    note
        What is to be noted of each of some strings, as bits.
    remembered, longest
        How many are remembered, and how long they may be.
    """

    def __init__(
        self,
        note: Callable[[Sequence[str]], Iterable[int]],
        remembered: int = _REMEMBERED,
        longest: int = _LONGEST_REMEMBERED,
    ) -> None:
        self._note = note
        self._remembered, self._longest = remembered, longest
        # Replaced when it is full, so whoever reads it goes on.
        self._noted: dict[str, int] = {}

    def of(self, strings: Sequence[str]) -> Mapping[str, int]:
        """What is noted of strings, all of these among them."""
        noted = self._noted
        new = list(set(strings).difference(noted))
        if not new:
            return noted
        if len(noted) + len(new) > self._remembered:
            noted = {}
            new = list(set(strings))
        made = dict(zip(new, self._note(new), strict=True))
        kept = {each: note for each, note in made.items() if len(each) <= self._longest}
        if len(kept) <= self._remembered:
            noted.update(kept)
            self._noted = noted
        if len(kept) == len(made) <= self._remembered:
            return noted
        return {each: made[each] if each in made else noted[each] for each in strings}


class WordNotes:
    """Notes words. Safe to share between threads.

    Parameters
    ----------
    note
        As of `Notes`.
    """

    def __init__(self, note: Callable[[Sequence[str]], Iterable[int]]) -> None:
        self._notes = Notes(note)

    def of(self, text: str) -> NotedText:
        """The words of a text."""
        words, marks = _unbroken(text)
        inside = np.zeros(len(text) + 2, bool)
        inside[1:-1] = marks
        edges = (inside[1:] != inside[:-1]).nonzero()[0]
        noted = self._notes.of(words)
        notes = np.fromiter(map(noted.__getitem__, words), np.uint8, len(words))
        return NotedText(words, edges[::2], edges[1::2], notes)


def _unbroken(text: str) -> tuple[list[str], NDArray[np.bool_]]:
    """The words of a text one after another, and which of its characters are in one."""
    if text.isascii():
        spaced = text.encode().translate(_ASCII_UNBROKEN)
        return spaced.decode().split(), np.frombuffer(spaced, np.uint8) != _SPACE
    marks = letters_and_digits(text)
    return text_of(np.where(marks, points_of(text), _SPACE)).split(), marks

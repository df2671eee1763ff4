"""Which letter each sign of a text stands for: the choice by which it is most like language and has most known words.

Found sign by sign, the commonest first, each with all that it may stand for at once.
"""

import re
from collections import Counter
from collections.abc import Container, Mapping

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics, kinds_of
from lethe.classifier.text.points import points_of

# Bits in all that a sign's standing for other than its likeliest letter must be worth.
_UNLIKELY = 4.0
_FEWEST_LETTERS = 3
# Stands in a text for what the asked sign may stand for; no run of signs has it.
_OPEN = "\0"
_WORD = re.compile(r"[a-z\0]+(?:'[a-z\0]+)*")
_KINDS_OF_LETTERS = {letter: kind for kind, letter in enumerate(LETTERS, 1)}


class LetterChoice:
    """Chooses letters for signs. Safe to share between threads.

    Parameters
    ----------
    known
        Known words in small letters.
    """

    def __init__(self, statistics: LetterStatistics, known: Container[str]) -> None:
        self._statistics = statistics
        self._known = known

    def likeliest(self, text: str, candidates: Mapping[str, tuple[str, ...]]) -> dict[int, str]:
        """What each sign of a text stands for, as a table for `str.translate`.

        Parameters
        ----------
        text
            Signs, and of ASCII no letters.
        candidates
            What each sign may stand for, the likeliest first: one or two small letters, or a space that is the only one.
        """
        table = {ord(sign): found[0] for sign, found in candidates.items()}
        best = float(self._sense(text, candidates, table, "", ("",))[0])
        signs = sorted(candidates, key=text.count, reverse=True)
        # What each may stand for, then any letter: not all alphabets go by sounds.
        for sign, choice in (
            *((each, candidates[each][1:]) for each in signs),
            *((each, tuple(LETTERS)) for each in signs),
        ):
            if not choice:
                continue
            sense = self._sense(text, candidates, table, sign, choice)
            chosen = int(sense.argmax())
            if sense[chosen] > best:
                best, table[ord(sign)] = float(sense[chosen]), choice[chosen]
        return table

    def _sense(
        self,
        text: str,
        candidates: Mapping[str, tuple[str, ...]],
        table: Mapping[int, str],
        sign: str,
        choice: tuple[str, ...],
    ) -> NDArray[np.float64]:
        """How much sense a text makes with each of some choices for a sign, (choices,)."""
        read = text.translate({**table, ord(sign): _OPEN} if sign else table)
        unlikely = np.array([letters != candidates[sign][0] for letters in choice] if sign else [0], np.int64)
        unlikely += sum(
            letters != candidates[chr(other)][0] for other, letters in table.items() if chr(other) != sign
        )
        known = self._known_share(read, choice)
        sense = np.empty(len(choice))
        lengths = np.array(list(map(len, choice)))
        for length in set(lengths.tolist()):
            (rows,) = (lengths == length).nonzero()
            opened = read.replace(_OPEN, _OPEN * length)
            likeness = self._statistics.likeness(_filled(opened, [choice[row] for row in rows.tolist()]))
            sense[rows] = likeness + 2 * known[rows] - _UNLIKELY * unlikely[rows] / len(opened)
        return sense

    def _known_share(self, read: str, choice: tuple[str, ...]) -> NDArray[np.float64]:
        """Of the letters in words, the share in known ones, by what stands where the text is open, (choices,)."""
        known, letters = np.zeros((2, len(choice)), np.int64)
        for word, count in Counter(_WORD.findall(read)).items():
            for number, written in enumerate(choice) if _OPEN in word else [(slice(None), "")]:
                filled = word.replace(_OPEN, written)
                if len(filled) >= _FEWEST_LETTERS:
                    letters[number] += count * len(filled)
                    known[number] += count * len(filled) * (filled.partition("'")[0] in self._known)
        return known / np.maximum(letters, 1)


def _filled(text: str, choice: list[str]) -> NDArray[np.uint8]:
    """The kinds of the characters of a text, its open places taken by each choice in turn, (choices, N)."""
    kinds = kinds_of(text)
    rows = np.tile(kinds, (len(choice), 1))
    if choice != [""]:
        (places,) = (points_of(text) == ord(_OPEN)).nonzero()
        written = np.array(
            [list(map(_KINDS_OF_LETTERS.__getitem__, letters)) for letters in choice], np.uint8
        )
        rows[:, places] = np.tile(written, (1, len(places) // written.shape[1]))
    return rows

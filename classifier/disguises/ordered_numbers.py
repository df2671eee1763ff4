"""Numbers that stand for letters by a rule which nobody told: primes, squares, every seventh number, the alphabet from its end.

Whatever the rule is, larger numbers stand for later letters, or for earlier ones. Of all such alphabets the one is sought in
which the numbers are likest to language. There are few enough of them (26 letters, of which some twenty occur) that a question
of ten words has one.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.groups import Groups, asked
from lethe.classifier.disguises.number_lists import may_have_numbers, number_runs
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics, kinds_of

_NUMBER = re.compile(r"[0-9]+")
# Numbers of a run, how many of them differ, and how often one stands there in the mean at least.
_FEWEST, _MOST = 20, 2000
_FEWEST_DIFFERENT, _MOST_DIFFERENT, _LEAST_REPEATED = 8, 26, 1.8
# Bits a letter of what is read; a short run fits some alphabet by chance. What is likest language by its frequencies alone, and
# has less than the last, never comes to it.
_LANGUAGE, _SHORT, _SHORT_LANGUAGE, _HOPELESS = -4.3, 40, -4.2, -5.9
_ROUNDS = 40
# As many numbers as show what all of them stand for.
_WEIGHED = 300
_SHARE_ALIKE = 0.6
_MOST_DIGITS = 12


class OrderedNumbers:
    """Reads numbers that grow or fall with the letters. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read(self, text: str) -> AlignedText | None:
        """The text with runs of numbers read that each stand for a letter; None where there are none."""
        found = [
            (start + first, start + last, asked(read))
            for start, end in number_runs(text)
            if _may_be_letters(_NUMBER.findall(text, start, end))
            for first, last, run in Groups.alike(text[start:end], _NUMBER, _FEWEST)
            if (read := self._run(run)) is not None
        ]
        return replaced(text, found)

    def _run(self, run: Groups) -> str | None:
        numbers = run.groups
        different = sorted(set(numbers), key=lambda number: (int(number), number))
        if not (
            _FEWEST <= len(numbers) <= _MOST
            and _FEWEST_DIFFERENT <= len(different) <= _MOST_DIFFERENT
            and len(numbers) >= _LEAST_REPEATED * len(different)
        ):
            return None
        written = run.spelled(dict(zip(different, LETTERS, strict=False)))
        if _are_of_one_length(written.split()):
            return None
        places = kinds_of(written)
        fallen = np.where(places > 0, len(different) + 1 - places, 0).astype(np.uint8)
        likeness, kinds = max(
            (self._likeliest(each, len(different)) for each in (places, fallen)), key=lambda found: found[0]
        )
        if likeness < (_LANGUAGE if len(numbers) >= _SHORT else _SHORT_LANGUAGE):
            return None
        return "".join(LETTERS[kind - 1] if kind else " " for kind in kinds.tolist())

    def _likeliest(self, places: NDArray[np.uint8], different: int) -> tuple[float, NDArray[np.uint8]]:
        """How like language the likeliest ascending alphabet makes the run, and the kinds of its characters, (N,).

        Parameters
        ----------
        places
            (N,), the place of each number among those that differ, from one on, and nought for a space.
        """
        alphabet = self._by_frequency(np.bincount(places, minlength=different + 1)[1:])
        weighed_by = places[:_WEIGHED]
        best = self._weigh(alphabet[None], weighed_by)[0]
        for _ in range(_ROUNDS if best >= _HOPELESS else 0):
            others = _neighbours(alphabet)
            weighed = self._weigh(others, weighed_by)
            chosen = int(weighed.argmax())
            if weighed[chosen] <= best:
                break
            alphabet, best = others[chosen], weighed[chosen]
        return float(best), np.concatenate([[0], alphabet]).astype(np.uint8)[places]

    def _weigh(self, alphabets: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.float64]:
        spaces = np.zeros((len(alphabets), 1), np.uint8)
        return self._statistics.likeness(np.concatenate([spaces, alphabets], axis=1)[:, places])

    def _by_frequency(self, counts: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The ascending alphabet in which letters are as frequent as in language, (different,), kinds."""
        different = len(counts)
        # By number, how well it and those before it fit if it is at most that letter, and the letter for which they do.
        fit, chosen = np.zeros(27), np.zeros((different, 27), np.int64)
        for number, count in enumerate(counts):
            each = np.full(27, -np.inf)
            each[number + 1 :] = fit[number:-1] + count * self._statistics.letters[number:]
            fit = np.maximum.accumulate(each)
            chosen[number] = np.maximum.accumulate(np.where(each == fit, np.arange(27), 0))
        alphabet, last = np.zeros(different, np.uint8), 26
        for number in reversed(range(different)):
            alphabet[number] = last = int(chosen[number, last])
            last -= 1
        return alphabet


def _may_be_letters(numbers: Sequence[str]) -> bool:
    """Whether there are enough of them, and few enough that differ, some of which may stand before the run."""
    different = set(numbers)
    return (
        len(numbers) >= _FEWEST
        and len(different) <= 2 * _MOST_DIFFERENT
        and max(map(len, different)) <= _MOST_DIGITS
    )


def _are_of_one_length(words: Sequence[str]) -> bool:
    """Whether most words have as many numbers, as versions and rows of a table have."""
    commonest = max(Counter(map(len, words)).values())
    return len(words) > 1 and commonest >= _SHARE_ALIKE * len(words)


def _neighbours(alphabet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Alphabets in which some letters in a row stand some places further up or down, (n, different)."""
    found: list[NDArray[np.int64]] = []
    wide = alphabet.astype(np.int64)
    for start in range(len(wide)):
        for end in range(start + 1, len(wide) + 1):
            above = wide[end] if end < len(wide) else 27
            below = wide[start - 1] if start else 0
            for step in range(below + 1 - int(wide[start]), int(above - wide[end - 1])):
                if step:
                    moved = wide.copy()
                    moved[start:end] += step
                    found.append(moved)
    return np.array(found, np.uint8).reshape(-1, len(wide))


ORDERED = Reader("ordered numbers", may_have_numbers, OrderedNumbers(LetterStatistics.load()).read)

"""Known words: what a misspelt word may stand for, and where words that were run together part.

The words are the encoder's own, the most frequent first, and the names of the targets. Knows nothing about models.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from lethe.classifier.aligned_text import AlignedText, substitute

_SHORTEST_WORD = 4
_WORD = re.compile(rf"[^\W\d_]{{{_SHORTEST_WORD},24}}")
# Long runs of letters, as no ordinary word is; and runs of capitalised words.
_SHORTEST_RUN = 14
_RUN = re.compile(rf"[^\W\d_]{{{_SHORTEST_RUN},}}")
_CAPITALISED_WORD = re.compile(r"[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]*")
# A neighbour of two swapped letters is the commonest slip; other slips are looked for in words long enough to have few others.
_SHORTEST_FOR_ANY_SLIP = 6
# What a letter that belongs to no word costs, in the logarithms of ranks that words cost.
_STRAY_LETTER_COST = 14.0
_NAME_COST = 6.0
_WORD_SHAPE = re.compile(r"[a-z]{2,}|[ai]")
# Letters and digits without a gap. Fewer are a word whichever way they are turned.
_UNBROKEN = re.compile(r"[^\W_]{3,}")
# A run of this length, or a shorter one with digits, may be words run together or an encoding.
_LONG_RUN = re.compile(r"[^\W_]{16}|(?=[^\W_]*\d)[^\W_]{12}")
# Several readings of a text are looked for, each by its unknown words.
_TEXTS_REMEMBERED = 8


class Lexicon:
    """A set of words with their costs, indexed for misspellings. Not changed once made.

    Parameters
    ----------
    words
        Words from the most to the least frequent.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._costs: dict[str, float] = {}
        self._beginnings: set[str] = set()
        # Words by what is left of them without one letter: two that differ by one slip share an entry
        # (the symmetric deletes of Garbe's SymSpell).
        self._shortened: dict[str, tuple[str, ...]] = {}
        self._unknown = lru_cache(_TEXTS_REMEMBERED)(self._find_unknown)
        for rank, word in enumerate(words):
            if _WORD_SHAPE.fullmatch(word.lower()):
                self._add(word.lower(), math.log(rank + 10))

    def with_names(self, names: Iterable[str]) -> "Lexicon":
        """A lexicon that also knows the words of some names; a fraction of the time that indexing all words takes."""
        extended = Lexicon(())
        extended._costs = self._costs.copy()
        extended._beginnings = self._beginnings.copy()
        extended._shortened = self._shortened.copy()
        for name in names:
            for word in _WORD.findall(name.lower()):
                extended._add(word, _NAME_COST)
        return extended

    def _add(self, word: str, cost: float) -> None:
        known = self._costs.get(word)
        self._costs[word] = cost if known is None else min(known, cost)
        if known is not None:
            return
        self._beginnings.update(word[:length] for length in range(1, len(word) + 1))
        if len(word) >= _SHORTEST_FOR_ANY_SLIP:
            for shortened in {word, *_without_one_letter(word)}:
                self._shortened[shortened] = (*self._shortened.get(shortened, ()), word)

    def makes_sense_of(self, text: str, turn: Callable[[str], str]) -> bool:
        """Whether turning its letters may show what a text says: some word is known only then, or is no single word."""
        return any(turn(run) in self._costs or _LONG_RUN.match(run) for run in self._unknown(text))

    def respell(self, text: str) -> AlignedText | None:
        """The text with every unknown word that is one slip away from a known one read as that; None if none is."""
        if all(len(run) < _SHORTEST_WORD or self._is_known(run) for run in self._unknown(text)):
            return None
        return substitute(_WORD, text, self._respelled)

    def unjoin(self, text: str) -> AlignedText | None:
        """The text with words that stand without spaces between them parted; None if there are none."""
        if all(len(run) < _SHORTEST_RUN for run in self._unknown(text)):
            return None
        return substitute(_RUN, text, self._unjoined)

    def _find_unknown(self, text: str) -> frozenset[str]:
        """Unbroken runs of letters and digits that are no known words."""
        return frozenset(run for run in _UNBROKEN.findall(text.lower()) if run not in self._costs)

    def _is_known(self, word: str) -> bool:
        return word in self._costs or word.removesuffix("s") in self._costs

    def _respelled(self, word: str) -> str | None:
        lowered = word.lower()
        if self._is_known(lowered):
            return None
        found = [swapped for swapped in _with_two_letters_swapped(lowered) if swapped in self._costs]
        if not found and len(lowered) >= _SHORTEST_FOR_ANY_SLIP:
            found = [
                known
                for shortened in {lowered, *_without_one_letter(lowered)}
                for known in self._shortened.get(shortened, ())
                if _one_slip_apart(lowered, known)
            ]
        if not found:
            return None
        best = min(found, key=lambda known: (self._costs[known], known))
        return best.capitalize() if word[0].isupper() else best

    def _unjoined(self, run: str) -> str | None:
        if run.lower() in self._costs:
            return None
        parts = _CAPITALISED_WORD.findall(run)
        if len(parts) < 3 or len(parts) > len(run) / 2:
            parts = self._parted(run)
        return " ".join(parts) if len(parts) > 1 else None

    def _parted(self, run: str) -> list[str]:
        """The cheapest way to cut a run into words."""
        lowered = run.lower()
        costs = [0.0] + [math.inf] * len(run)
        previous = [0] * (len(run) + 1)
        for start in range(len(run)):
            for end in range(start + 1, len(run) + 1):
                candidate = lowered[start:end]
                word_cost = self._costs.get(candidate, _STRAY_LETTER_COST if end == start + 1 else math.inf)
                if costs[start] + word_cost < costs[end]:
                    costs[end], previous[end] = costs[start] + word_cost, start
                if candidate not in self._beginnings:
                    break
        cuts = [len(run)]
        while cuts[-1]:
            cuts.append(previous[cuts[-1]])
        return [run[start:end] for end, start in zip(cuts[-2::-1], cuts[:0:-1], strict=True)]


def _without_one_letter(word: str) -> Iterable[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))


def _with_two_letters_swapped(word: str) -> Iterable[str]:
    return (
        word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        for place in range(len(word) - 1)
        if word[place] != word[place + 1]
    )


def _one_slip_apart(word: str, known: str) -> bool:
    """Whether one letter was left out, added or replaced."""
    if abs(len(word) - len(known)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), None)
    if first is None:
        return True
    rest, known_rest = word[first:], known[first:]
    return rest[1:] == known_rest[1:] or rest[1:] == known_rest or rest == known_rest[1:]

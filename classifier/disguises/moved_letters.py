"""Letters that were moved from their places: every order of `orders`, of which that one is taken that gives language."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.frames import frames
from lethe.classifier.disguises.orders import keyed_orders, orders
from lethe.classifier.disguises.scrambled_words import LEAST_KNOWN
from lethe.classifier.disguises.sense import (
    GAIN,
    LANGUAGE,
    LONGEST,
    STRETCHES_REMEMBERED,
    SURE_LANGUAGE,
    SURELY_KNOWN,
)
from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of

# Characters by which the likeliest of thousands of orders are found, and how many of these are tried; the same of those that
# need no key, where a stretch is long.
_BEGINNING, _LIKELIEST = 40, 64
_LONG, _BEGINNING_OF_LONG, _LIKELIEST_OF_LONG = 96, 64, 16
# Bits a letter alone: moved letters are as frequent as they were.
_MOVED, MOVED_UNLIKE, _KEYED_UNLIKE = -4.75, -4.1, -4.6
# Fewer characters come out as language in some order by accident; and few words of a text stay words.
_FEWEST_MOVED, _MOST_KNOWN_MOVED = 20, 0.3
# What is as much like language as prose needs fewer known words.
_PROSE, _KNOWN_IN_PROSE = -3.7, 0.4


class MovedLetters:
    """Puts letters back. Safe to share between threads.

    Parameters
    ----------
    known
        The share of a text's letters that stand in known words, of those in words so long or longer.
    makes_words
        Whether so much of a text is known words, parted by spaces or not.
    """

    def __init__(
        self,
        statistics: LetterStatistics,
        known: Callable[..., float],
        makes_words: Callable[[str, float], bool],
    ) -> None:
        self._statistics = statistics
        self._known = known
        self._makes_words = makes_words
        # An answer that grows is read again and again, and so are messages with what stands around them.
        self._plain_order = lru_cache(STRETCHES_REMEMBERED)(self._in_plain_order)
        self._keyed_order = lru_cache(STRETCHES_REMEMBERED)(self._in_keyed_order)

    def read(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        """The stretch, or the line, quotation or what follows a label around it, with its characters in another order."""
        unread = [
            (first, last, bits)
            for first, last in frames(text, start, end)
            if _FEWEST_MOVED <= last - first <= LONGEST
            and self._statistics.letters_alone(text[first:last]) >= _MOVED
            and (bits := self._statistics.of_text(text[first:last])) <= MOVED_UNLIKE
            and self._known(text[first:last], 4) <= _MOST_KNOWN_MOVED
        ]
        for put_back, least, share, below in (
            (self._plain_order, LANGUAGE, LEAST_KNOWN, MOVED_UNLIKE),
            (self._keyed_order, SURE_LANGUAGE, SURELY_KNOWN, _KEYED_UNLIKE),
        ):
            for first, last, bits in dict.fromkeys(unread):
                if bits > below:
                    continue
                stretch = text[first:last]
                order, likeness = put_back(stretch)
                if likeness < max(least, bits + GAIN / 2):
                    continue
                read = "".join(stretch[place] for place in order.tolist())
                if self._makes_words(read, share if likeness < _PROSE else _KNOWN_IN_PROSE):
                    return first, last, read
        return None

    def _in_plain_order(self, stretch: str) -> tuple[NDArray[np.int64], float]:
        """The likeliest of the orders that need no key, and the likeness of what is read by it."""
        kinds = kinds_of(stretch)
        found = orders(len(kinds))
        if len(kinds) > _LONG:
            likeness = self._statistics.likeness(kinds.take(found[:, :_BEGINNING_OF_LONG]))
            found = found[_highest(likeness, _LIKELIEST_OF_LONG)]
        likeness = self._statistics.likeness(kinds.take(found))
        best = int(likeness.argmax())
        return found[best].astype(np.int64), float(likeness[best])

    def _in_keyed_order(self, stretch: str) -> tuple[NDArray[np.int64], float]:
        """The likeliest of the thousands that need one, of those by which its beginning is likeliest."""
        kinds = kinds_of(stretch)
        beginnings = keyed_orders(len(kinds), np.arange(min(len(kinds), _BEGINNING)))
        if not len(beginnings):
            return np.arange(len(kinds)), -np.inf
        likeliest = _highest(self._statistics.likeness(kinds.take(beginnings)), _LIKELIEST)
        found = keyed_orders(len(kinds), numbers=likeliest)
        likeness = self._statistics.likeness(kinds.take(found))
        best = int(likeness.argmax())
        return found[best].astype(np.int64), float(likeness[best])


def _highest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The places of so many of the highest of some values, the highest first, the first of equal ones."""
    if len(values) > count:
        (places,) = (values >= np.partition(values, -count)[-count]).nonzero()
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")[:count]]

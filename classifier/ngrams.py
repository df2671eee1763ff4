"""Hashed character n-grams and words of a text, computed with numpy over the whole text at once.

This is what the first tier and the lexical part of every head read. Hashes are of code points, so they are
the same on every machine and in every process. A text is hashed once, whatever the number of its windows and
sentences: the n-grams of a stretch are those of the text that lie within it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 16

_CHARACTER_SIZES = (3, 4, 5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Sets n-grams of one size apart from those of another.
_SIZE_MARKS = {size: np.uint64(size * int(_MULTIPLIER) ** size % 2**64) for size in _CHARACTER_SIZES}
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - 16)
_SPACE = 32
_ASCII_ALPHANUMERIC = np.array([chr(point).isalnum() for point in range(128)])


@dataclass(frozen=True)
class _Section:
    """The n-grams of one kind, in order: their buckets, and the stretch of normalised text that each covers."""

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class HashedText:
    """The character 3-, 4- and 5-grams, the words and the pairs of words of a text.

    Case and punctuation do not count: every run of characters that are neither letters nor digits is one
    space. See Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
    """

    def __init__(self, text: str) -> None:
        points, self._origins = _normalise(text)
        self._spaces = points == _SPACE
        self._sections = [*_characters_hashed(points), *_words_hashed(points)]
        self.buckets = np.concatenate(
            [section.buckets for section in self._sections] or [np.empty(0, np.int64)]
        )

    @property
    def value(self) -> float:
        """What each n-gram counts: one over the root of their number."""
        return max(len(self.buckets), 1) ** -0.5

    def scores(
        self, weights: NDArray[np.float32], stretches: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Weighted sums over the n-grams of stretches of the text, (len(stretches), H).

        Parameters
        ----------
        weights
            (BUCKETS, H).
        stretches
            Half-open character ranges of the text.
        """
        first = np.searchsorted(self._origins, [start for start, _ in stretches], side="left")
        last = np.searchsorted(self._origins, [end for _, end in stretches], side="left")
        # A space beside a stretch belongs to it, as it would if the stretch stood alone.
        before, after = np.maximum(first - 1, 0), np.minimum(last, len(self._spaces) - 1)
        first -= self._spaces[before] & ~self._spaces[np.minimum(first, len(self._spaces) - 1)]
        last += self._spaces[after] & ~self._spaces[np.maximum(last - 1, 0)]
        totals = np.zeros((len(stretches), weights.shape[1]))
        counts = np.zeros(len(stretches), np.int64)
        for section in self._sections:
            low = np.searchsorted(section.starts, first, side="left")
            high = np.maximum(np.searchsorted(section.ends, last, side="right"), low)
            totals += _sums_between(weights, section.buckets, low, high)
            counts += high - low
        return (totals / np.sqrt(np.maximum(counts, 1))[:, None]).astype(np.float32)


def _sums_between(
    weights: NDArray[np.float32], buckets: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Summed weights of the buckets from each `low` to its `high`."""
    # The last row ends no stretch: it is there because bounds must be rows.
    rows = weights[np.append(buckets, 0)]
    bounds = np.empty(2 * len(low), np.int64)
    bounds[::2], bounds[1::2] = low, high
    # Of the sums between neighbouring bounds every second is wanted; where a stretch is empty, NumPy gives a single row.
    sums = np.add.reduceat(rows, bounds, axis=0, dtype=np.float64)[::2]
    sums[low == high] = 0
    return sums


def _normalise(text: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Code points of the text in lower case between single spaces, and the place of each in the text."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    points = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), np.uint32)
    if lowered.isascii():
        alphanumeric = _ASCII_ALPHANUMERIC[points]
    else:
        alphanumeric = np.fromiter(map(str.isalnum, lowered), bool, len(lowered))
    follows_word = np.concatenate([[True], alphanumeric[:-1]]) if len(points) else np.empty(0, bool)
    kept = np.flatnonzero(alphanumeric | follows_word)
    spelled = np.where(alphanumeric[kept], points[kept], _SPACE).astype(np.uint64)
    if not len(spelled) or spelled[0] != _SPACE:
        spelled, kept = np.concatenate([[np.uint64(_SPACE)], spelled]), np.concatenate([[-1], kept])
    if spelled[-1] != _SPACE:
        spelled, kept = np.append(spelled, np.uint64(_SPACE)), np.append(kept, len(text))
    return spelled, kept


def _characters_hashed(points: NDArray[np.uint64]) -> Iterator[_Section]:
    rolled = points
    for size in range(2, min(_CHARACTER_SIZES[-1], len(points)) + 1):
        rolled = rolled[:-1] * _MULTIPLIER + points[size - 1 :]
        if size in _CHARACTER_SIZES:
            starts = np.arange(len(rolled))
            yield _Section(_to_buckets(rolled + _SIZE_MARKS[size]), starts, starts + size)


def _words_hashed(points: NDArray[np.uint64]) -> list[_Section]:
    spaces = np.flatnonzero(points == _SPACE)
    starts, ends = spaces[:-1] + 1, spaces[1:]
    if not len(starts):
        return []
    mixed = (points + np.uint64(1)) * _MIXER
    mixed ^= mixed >> np.uint64(29)
    # Position inside the word enters the hash, so that anagrams differ.
    word_of = np.repeat(np.arange(len(starts)), ends - starts + 1)
    place = np.arange(1, len(points)) - starts[word_of]
    weighted = mixed[1:] * (np.uint64(2) * place.astype(np.uint64) + np.uint64(3))
    words = np.add.reduceat(weighted, starts - 1) * _MULTIPLIER
    pairs = words[:-1] * _MIXER + words[1:]
    return [
        _Section(_to_buckets(words), starts - 1, ends + 1),
        _Section(_to_buckets(pairs), starts[:-1] - 1, ends[1:] + 1),
    ]


def _to_buckets(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    hashes = hashes ^ (hashes >> np.uint64(31))
    return ((hashes * _MIXER) >> _SHIFT).astype(np.int64)

"""Hashed character n-grams and words of a text, computed with numpy over the whole text at once.

This is what the first tier and the lexical part of every head read. Hashes are of code points, so they are
the same on every machine and in every process. A text is hashed once, whatever the number of its windows and
sentences: the n-grams of a stretch are those of the text that lie within it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 16

_CHARACTER_SIZES = (3, 4, 5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Sets n-grams of one size apart from those of another.
_SIZE_MARKS = {size: np.uint64(size * int(_MULTIPLIER) ** size % 2**64) for size in _CHARACTER_SIZES}
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - 16)
# Stretches that are weighed together, some thousand characters: a long text would take gigabytes at many heads.
_AT_ONCE = 64
_NO_BUCKET = np.zeros(1, np.int64)
_SPACE = 32
_ONE_SPACE = np.array([_SPACE], np.uint64)
_ASCII_SPELLED = np.array(
    [ord(chr(point).lower()) if chr(point).isalnum() else _SPACE for point in range(128)], np.uint64
)


class HashedText:
    """The character 3-, 4- and 5-grams, the words and the pairs of words of a text.

    Case and punctuation do not count: every run of characters that are neither letters nor digits is one
    space. See Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.

    Attributes
    ----------
    buckets
        (n,) int64, of all n-grams: kind by kind, each from the beginning of the text to its end.
    """

    def __init__(self, text: str) -> None:
        points, self._origins = _normalise(text)
        self._is_space = points == _SPACE
        # Words are what stands between these.
        (self._spaces,) = self._is_space.nonzero()
        kinds = [*_characters_hashed(points), *_words_hashed(points, self._spaces)]
        self._counts = np.array([len(hashes) for hashes in kinds])
        self.buckets = _to_buckets(np.concatenate(kinds))

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
        parts = [stretches[start : start + _AT_ONCE] for start in range(0, len(stretches), _AT_ONCE)]
        nothing = np.empty((0, weights.shape[1]), np.float32)
        return np.concatenate([nothing, *(self._scores(weights, part) for part in parts)])

    def _scores(
        self, weights: NDArray[np.float32], stretches: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        low, high = self._within(np.array(stretches, np.int64).reshape(-1, 2))
        first, last = low.min(axis=1), high.max(axis=1)
        begins = self._counts.cumsum() - self._counts
        needed = [self.buckets[start:end] for start, end in zip(begins + first, begins + last, strict=True)]
        # The last row ends no stretch: it is there because bounds must be rows.
        rows = weights.take(np.concatenate([*needed, _NO_BUCKET]), axis=0)
        bounds = np.empty((*low.shape, 2), np.int64)
        bounds[..., 0], bounds[..., 1] = low, high
        bounds += ((last - first).cumsum() - last)[:, None, None]
        # Of the sums between neighbouring bounds every second is wanted; where a stretch is empty, NumPy gives a single row.
        sums = np.add.reduceat(rows, bounds.ravel(), axis=0, dtype=np.float64)[::2]
        sums[(low == high).ravel()] = 0
        totals = sums.reshape(*low.shape, weights.shape[1]).sum(axis=0)
        counts = (high - low).sum(axis=0)
        return (totals / np.sqrt(np.maximum(counts, 1))[:, None]).astype(np.float32)

    def _within(self, stretches: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The n-grams that lie within stretches, as half-open ranges among those of their kind, (kinds, stretches) each."""
        first, last = self._origins.searchsorted(stretches).T
        # A space beside a stretch belongs to it, as it would if the stretch stood alone.
        is_space, end = self._is_space, len(self._is_space) - 1
        first = first - (is_space[np.maximum(first - 1, 0)] & ~is_space[np.minimum(first, end)])
        last = last + (is_space[np.minimum(last, end)] & ~is_space[np.maximum(last - 1, 0)])
        low = np.empty((len(self._counts), len(stretches)), np.int64)
        high = np.empty_like(low)
        low[:-2], high[:-2] = first, last - np.array(_CHARACTER_SIZES)[:, None] + 1
        # A word reaches from the space before it to the one after it, a pair of words to the one after that.
        low[-2:] = self._spaces.searchsorted(first)
        high[-2:] = self._spaces.searchsorted(last - 1, side="right") - [[1], [2]]
        counts = self._counts[:, None]
        low = np.minimum(low, counts)
        return low, np.maximum(np.minimum(high, counts), low)


def _normalise(text: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Code points of the text in lower case between single spaces, and the place of each in the text."""
    spelled = _spelled(text)
    alphanumeric = spelled != _SPACE
    follows_word = np.ones(len(spelled), bool)
    follows_word[1:] = alphanumeric[:-1]
    (kept,) = (alphanumeric | follows_word).nonzero()
    spelled = spelled[kept]
    if not len(spelled) or spelled[0] != _SPACE:
        spelled, kept = np.concatenate([_ONE_SPACE, spelled]), np.concatenate([[-1], kept])
    if spelled[-1] != _SPACE:
        spelled, kept = np.concatenate([spelled, _ONE_SPACE]), np.concatenate([kept, [len(text)]])
    return spelled, kept


def _spelled(text: str) -> NDArray[np.uint64]:
    """Code points of the text in lower case, with spaces for what is neither a letter nor a digit."""
    if text.isascii():
        return _ASCII_SPELLED[np.frombuffer(text.encode(), np.uint8)]
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    points = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), np.uint32)
    alphanumeric = np.fromiter(map(str.isalnum, lowered), bool, len(lowered))
    return np.where(alphanumeric, points, _SPACE).astype(np.uint64)


def _characters_hashed(points: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """Hashes of the n-grams of each size."""
    rolled = points
    for size in range(2, _CHARACTER_SIZES[-1] + 1):
        rolled = rolled[:-1] * _MULTIPLIER + points[size - 1 :]
        if size in _CHARACTER_SIZES:
            yield rolled + _SIZE_MARKS[size]


def _words_hashed(
    points: NDArray[np.uint64], spaces: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes of the words and of the pairs of words."""
    mixed = (points[1:] + np.uint64(1)) * _MIXER
    mixed ^= mixed >> np.uint64(29)
    # Position inside the word enters the hash, so that anagrams differ.
    place = np.arange(len(mixed)) - np.repeat(spaces[:-1], spaces[1:] - spaces[:-1])
    weighted = mixed * (np.uint64(2) * place.astype(np.uint64) + np.uint64(3))
    words = np.add.reduceat(weighted, spaces[:-1]) * _MULTIPLIER
    return words, words[:-1] * _MIXER + words[1:]


def _to_buckets(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    hashes = hashes ^ (hashes >> np.uint64(31))
    return ((hashes * _MIXER) >> _SHIFT).astype(np.int64)

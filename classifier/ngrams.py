"""Hashed character n-grams and words of a text, computed with numpy over the whole text at once.

This is what the first tier and the lexical part of every head read. Hashes are of code points, so they are
the same on every machine and in every process.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 16

_CHARACTER_SIZES = (3, 4, 5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - 16)


@dataclass(frozen=True)
class HashedText:
    """The n-grams of a text.

    Attributes
    ----------
    buckets
        (N,) int64: the bucket of each distinct n-gram.
    value
        What each of them counts: 1 / sqrt(N), so the features have unit length.
    """

    buckets: NDArray[np.int64]
    value: float


def hash_text(text: str) -> HashedText:
    """Hash the character 3-, 4- and 5-grams, the words and the pairs of words of a text.

    Case and punctuation do not count: every run of characters that are neither letters nor digits is one
    space. See Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
    """
    points = _normalised_points(text)
    if len(points) < 3:
        return HashedText(np.empty(0, np.int64), 0.0)
    hashes = [_windows_hashed(points, size) for size in _CHARACTER_SIZES if len(points) >= size]
    hashes += _words_hashed(points)
    buckets = np.unique(np.concatenate(hashes))
    return HashedText(buckets.astype(np.int64), float(len(buckets)) ** -0.5)


def _normalised_points(text: str) -> NDArray[np.uint64]:
    words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
    spaced = f" {' '.join(words)} "
    return np.frombuffer(spaced.encode("utf-32-le"), np.uint32).astype(np.uint64)


def _windows_hashed(points: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    count = len(points) - size + 1
    total = np.full(count, size, np.uint64)
    for offset in range(size):
        total = total * _MULTIPLIER + points[offset : offset + count]
    return _to_buckets(total)


def _words_hashed(points: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    spaces = np.flatnonzero(points == 32)
    starts, ends = spaces[:-1] + 1, spaces[1:]
    mixed = (points + np.uint64(1)) * _MIXER
    mixed ^= mixed >> np.uint64(29)
    # Position inside the word enters the hash, so that anagrams differ.
    word_of = np.repeat(np.arange(len(starts)), ends - starts + 1)
    place = np.arange(1, len(points)) - starts[word_of]
    weighted = mixed[1:] * (np.uint64(2) * place.astype(np.uint64) + np.uint64(3))
    words = np.add.reduceat(weighted, starts - 1) * _MULTIPLIER
    pairs = words[:-1] * _MIXER + words[1:]
    return [_to_buckets(words), _to_buckets(pairs)]


def _to_buckets(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashes = hashes ^ (hashes >> np.uint64(31))
    return (hashes * _MIXER) >> _SHIFT

"""The tokens of a text and the pairs of tokens that follow one another, as features of a linear model.

Tokens are those of the encoder; a pair is known by a hash (Weinberger et al., "Feature Hashing for Large Scale
Multitask Learning", ICML 2009). Names and words of a target speak here, where an embedding blurs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIR_BUCKETS = 1 << 17
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - 17)


def bag_features(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Features of N tokens, (2N - 1,): a pair's bucket, counted from 0, or a token's id behind all buckets.

    Each counts one over the root of their number.
    """
    first, second = ids[:-1].astype(np.uint64), ids[1:].astype(np.uint64)
    hashes = (first * _MULTIPLIER + second) * _MIXER
    hashes ^= hashes >> np.uint64(31)
    pairs = ((hashes * _MULTIPLIER) >> _SHIFT).astype(np.int64)
    return np.concatenate([ids + PAIR_BUCKETS, pairs])


@dataclass(frozen=True)
class BagWeights:
    """The weights of some features; all others weigh nothing.

    Attributes
    ----------
    features
        (N,) int64, ascending.
    weights
        (N,) float32, kept as float16.
    """

    features: NDArray[np.int64]
    weights: NDArray[np.float32]

    def of(self, features: NDArray[np.int64]) -> NDArray[np.float32]:
        """The weights of features, of the same shape."""
        if not len(self.features):
            return np.zeros(features.shape, np.float32)
        places = np.minimum(np.searchsorted(self.features, features), len(self.features) - 1)
        return np.where(self.features[places] == features, self.weights[places], np.float32(0))


class BagBank:
    """The weights of all heads by feature, so that a hundred heads cost little more than one."""

    def __init__(self, heads: Sequence[BagWeights]) -> None:
        self._heads = len(heads)
        features = np.concatenate([head.features for head in heads]) if heads else np.empty(0, np.int64)
        order = np.argsort(features, kind="stable")
        self._features = features[order]
        self._weights = np.concatenate([np.empty(0, np.float32), *(head.weights for head in heads)])[order]
        self._owners = np.repeat(np.arange(self._heads), [len(head.features) for head in heads])[order]

    def scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the tokens of one text add to each head's score, (H,)."""
        if not len(ids):
            return np.zeros(self._heads, np.float32)
        features = bag_features(ids)
        first = np.searchsorted(self._features, features, side="left")
        counts = np.searchsorted(self._features, features, side="right") - first
        entries = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        sums = np.bincount(self._owners[entries], self._weights[entries], minlength=self._heads)
        return (sums / np.sqrt(len(features))).astype(np.float32)

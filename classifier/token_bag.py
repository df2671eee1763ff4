"""The tokens of a text and the pairs of tokens that follow one another, as features of a linear model.

Tokens are those of the encoder; a pair is known by a hash (Weinberger et al., "Feature Hashing for Large Scale
Multitask Learning", ICML 2009). Names and words of a target speak here, where an embedding blurs them.

Single letters, and what is unknown, say nothing, alone or beside each other: so a tokenizer reads text in a script that it
does not know, where they would all be alike to a head that knows some of a target's names in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIR_BUCKETS = 1 << 17
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(64 - 17)
# Of what says nothing; no head has a weight for it.
NOTHING = np.iinfo(np.int64).max
# A feature that so many heads weigh, and so much of all, has a weight for each; others have them in a list.
_MANY_HEADS, _SHARE_OF_HEADS = 64, 1 / 8
# Weights of so many features are added up together.
_FEATURES_AT_ONCE = 1 << 11


def bag_features(ids: NDArray[np.int64], wordless: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Features of N tokens, (2N - 1,): a pair's bucket, counted from 0, or a token's id behind all buckets, or `NOTHING`.

    Each counts one over the root of their number.

    Parameters
    ----------
    wordless
        (vocabulary,), which tokens are nothing of a word; see `lethe.classifier.encoders.encoder.Encoder.wordless`.
    """
    silent = wordless[ids]
    first, second = ids[:-1].astype(np.uint64), ids[1:].astype(np.uint64)
    hashes = (first * _MULTIPLIER + second) * _MIXER
    hashes ^= hashes >> np.uint64(31)
    pairs = ((hashes * _MULTIPLIER) >> _SHIFT).astype(np.int64)
    return np.concatenate(
        [
            np.where(silent, NOTHING, ids + PAIR_BUCKETS),
            np.where(silent[:-1] & silent[1:], NOTHING, pairs),
        ]
    )


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
    """The weights of all heads by feature, so that a hundred heads cost little more than one.

    Parameters
    ----------
    wordless
        As of `bag_features`.
    """

    def __init__(self, heads: Sequence[BagWeights], wordless: NDArray[np.bool_]) -> None:
        self._heads = len(heads)
        self._wordless = wordless
        features = np.concatenate([np.empty(0, np.int64), *(head.features for head in heads)])
        order = np.argsort(features, kind="stable")
        self._weights = np.concatenate([np.empty(0, np.float32), *(head.weights for head in heads)])[order]
        self._owners = np.repeat(np.arange(self._heads), [len(head.features) for head in heads])[order]
        # Where the weights of each feature begin; those of the next begin where they end. The last feature has none.
        counts = np.bincount(features, minlength=1)
        (common,) = (counts >= max(_MANY_HEADS, _SHARE_OF_HEADS * self._heads)).nonzero()
        # Which row of these weights each feature has, if any.
        self._row = np.full(len(counts) + 1, -1, np.int64)
        self._row[common] = np.arange(len(common))
        self._rows = np.zeros((len(common), self._heads), np.float32)
        of_common = self._row[features[order]]
        listed = of_common < 0
        self._rows[of_common[~listed], self._owners[~listed]] = self._weights[~listed]
        self._weights, self._owners = self._weights[listed], self._owners[listed]
        counts[common] = 0
        self._first = np.concatenate([[0], counts.cumsum(), [len(self._owners)]])

    def scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the tokens of one text add to each head's score, (H,)."""
        return self.scores_of_each(ids, np.array([len(ids)]))[0]

    def token_weights(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What each of T tokens weighs for each head, (T, H), pairs aside and before it is divided by the root of the features."""
        return self.scores_of_each(ids, np.ones(len(ids), np.int64))

    def scores_of_each(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the tokens of N texts add to each head's score, (N, H).

        Parameters
        ----------
        ids
            The tokens of all texts, one after another.
        lengths
            (N,), how many tokens each text has.
        """
        text = np.arange(len(lengths)).repeat(lengths)
        together = text[:-1] == text[1:]
        features = bag_features(ids, self._wordless)[np.concatenate([np.ones(len(ids), bool), together])]
        texts = np.concatenate([text, text[:-1][together]])
        places = np.minimum(features, len(self._first) - 2)
        first = self._first[places]
        counts = self._first[places + 1] - first
        entries = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        cells = texts.repeat(counts) * self._heads + self._owners[entries]
        sums = np.bincount(cells, self._weights[entries], minlength=len(lengths) * self._heads)
        # Of nothing it counts in integers.
        sums = sums.reshape(len(lengths), self._heads).astype(np.float64, copy=False)
        if len(self._rows):
            self._add_common(sums, self._row[places], texts)
        scale = np.sqrt(np.maximum(2 * lengths - 1, 1))
        return (sums / scale[:, None]).astype(np.float32)

    def _add_common(
        self, sums: NDArray[np.float64], rows: NDArray[np.int64], texts: NDArray[np.int64]
    ) -> None:
        """Add the weights of features that many heads weigh to the sums of their texts, (texts, H).

        Parameters
        ----------
        rows, texts
            (N,), the row of each feature, negative where it has none, and the text that it stands in.
        """
        common = rows >= 0
        order = np.argsort(texts[common], kind="stable")
        rows, texts = rows[common][order], texts[common][order]
        for start in range(0, len(rows), _FEATURES_AT_ONCE):
            some = texts[start : start + _FEATURES_AT_ONCE]
            begins = np.flatnonzero(np.diff(some, prepend=-1))
            added = np.add.reduceat(self._rows[rows[start : start + _FEATURES_AT_ONCE]], begins, axis=0)
            sums[some[begins]] += added

"""The first tier: what a text's tokens alone say of it, linear in time and without a pass of the encoder.

A stretch's score is linear in the sum of its tokens' vectors, the rows of the encoder's own token table. In a
multilingual encoder words of one meaning lie near each other there, so a direction that was learned from English
prompts clears ordinary text, and holds back what may be about a target, in other languages too.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.text.points import ranges

# What the tokens of a long text add to many heads would take gigabytes; of these it takes megabytes.
_HEADS_AT_ONCE = 64
_EDGES_AT_ONCE = 1 << 9
# Of so many heads what each token adds is summed up faster than stretches are.
_FEW_HEADS = 8
# Of more heads than a token's vector has numbers the vectors are added up, and weighed for all heads in one product; what each
# token adds to each head would be a table of gigabytes.
_MANY_HEADS = 256


class TokenVectors(Protocol):
    """An encoder's token table."""

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are."""
        ...

    def token_vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, token dimension): the rows of some tokens."""
        ...

    def token_products(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """(vocabulary, H): the rows of all tokens, times each of H directions, (H, token dimension)."""
        ...


class Gate:
    """The first tiers of a bank of heads.

    Parameters
    ----------
    directions
        (H, token dimension).
    bias
        (H,).
    """

    def __init__(
        self, vectors: TokenVectors, directions: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        self._bias = bias
        self._vectors, self._directions = vectors, directions
        # The sum of these numbers says which tokens a stretch has.
        self._hashes = np.random.default_rng(0).integers(0, 1 << 63, vectors.vocabulary_size, np.uint64)
        if len(directions) > _MANY_HEADS:
            return
        # What a token adds to each head's score, (vocabulary, heads), some heads at a time.
        self._shares = [
            vectors.token_products(directions[start : start + _HEADS_AT_ONCE])
            for start in range(0, len(directions), _HEADS_AT_ONCE)
        ]

    def scores(self, tokens: TokenizedText, stretches: ArrayLike) -> NDArray[np.float32]:
        """Gate scores of N stretches of a text, (N, H).

        Parameters
        ----------
        stretches
            (N, 2), half-open character ranges; a token that a stretch touches counts as its own.
        """
        bounds = np.array(stretches, np.int64).reshape(-1, 2)
        first, last = tokens.ranges(bounds)
        if len(self._bias) <= _FEW_HEADS:
            return self._sums(tokens.ids, np.arange(len(tokens)), first, last) + self._bias
        # Most sentences of a reading stand in another one too: those of the same tokens are weighed once.
        so_far = np.zeros(len(tokens) + 1, np.uint64)
        np.cumsum(self._hashes.take(tokens.ids), out=so_far[1:])
        _, chosen, same = np.unique(so_far[last] - so_far[first], return_index=True, return_inverse=True)
        ids, edges, first, last = _between_edges(tokens.ids, first[chosen], last[chosen])
        summed = self._by_vectors if len(self._bias) > _MANY_HEADS else self._sums
        return (summed(ids, edges, first, last) + self._bias)[same]

    def shares(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What each of T tokens adds to each head's score before that is divided by the root of their number, (T, H)."""
        if len(self._bias) > _MANY_HEADS:
            return self._vectors.token_vectors(ids) @ self._directions.T
        return np.concatenate([shares.take(ids, axis=0) for shares in self._shares], axis=1)

    def _sums(
        self,
        ids: NDArray[np.int64],
        edges: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """What tokens add to each head's score between some of the edges, (N, H), as a table says it of each token."""
        scores = np.empty((len(first), len(self._bias)), np.float32)
        scale = self._scale(edges, first, last, len(ids))
        for number, shares in enumerate(self._shares):
            running = _running(shares, ids, edges)
            heads = slice(number * _HEADS_AT_ONCE, number * _HEADS_AT_ONCE + shares.shape[1])
            scores[:, heads] = (running[last] - running[first]) * scale
        return scores

    def _by_vectors(
        self,
        ids: NDArray[np.int64],
        edges: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """As `_sums`, from the sums of the tokens' vectors."""
        distinct, places = np.unique(ids, return_inverse=True)
        running = _running(self._vectors.token_vectors(distinct), places, edges)
        summed = (running[last] - running[first]) * self._scale(edges, first, last, len(ids))
        return summed.astype(np.float32) @ self._directions.T

    @staticmethod
    def _scale(
        edges: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64], count: int
    ) -> NDArray[np.float64]:
        """One over the root of how many tokens stand between edges, (N, 1)."""
        places = np.append(edges, count)
        return 1 / np.sqrt(np.maximum(places[last] - places[first], 1))[:, None]


def _between_edges(
    ids: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The tokens that stand in stretches, given by their half-open ranges, and where stretches begin and end among them.

    Returns
    -------
    ids
        Without those that stand in no stretch.
    edges
        (E,), between two of which no stretch begins or ends, so what stands there is added up once.
    first, last
        (N,) each, the edges that each stretch reaches from and to.
    """
    places = np.union1d(first, last)
    begins, ends = places.searchsorted(first), places.searchsorted(last)
    opened = np.bincount(begins, minlength=len(places)) - np.bincount(ends, minlength=len(places))
    inside = opened.cumsum() > 0
    lengths = np.diff(places, append=places[-1:])[inside]
    number = np.concatenate([[0], inside.cumsum()])
    edges = lengths.cumsum() - lengths
    return ids[ranges(places[inside], lengths)], edges, number[begins], number[ends]


def _running(
    shares: NDArray[np.float32], ids: NDArray[np.int64], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the tokens from the first edge on add up to at each edge and at the end, (edges + 1, heads)."""
    running = np.zeros((len(edges) + 1, shares.shape[1]))
    if len(edges) == len(ids):
        np.cumsum(shares.take(ids, axis=0), axis=0, out=running[1:])
        return running
    for start in range(0, len(edges), _EDGES_AT_ONCE):
        some = edges[start : start + _EDGES_AT_ONCE]
        end = edges[start + len(some)] if start + len(some) < len(edges) else len(ids)
        added = shares.take(ids[some[0] : end], axis=0)
        so_far = running[start + 1 : start + len(some) + 1]
        # Few tokens stand between two edges, so single precision adds them up well, and in a fraction of the time.
        np.cumsum(np.add.reduceat(added, some - some[0], axis=0), axis=0, dtype=np.float64, out=so_far)
        so_far += running[start]
    return running

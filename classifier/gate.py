"""The first tier: what a text's tokens alone say of it, linear in time and without a pass of the encoder.

A stretch's score is linear in the sum of its tokens' vectors, the rows of the encoder's own token table. In a
multilingual encoder words of one meaning lie near each other there, so a direction that was learned from English
prompts clears ordinary text, and holds back what may be about a target, in other languages too.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lethe.classifier.encoders.encoder import TokenizedText

# What the tokens of a long text add to many heads would take gigabytes; of these it takes megabytes.
_HEADS_AT_ONCE = 64
_EDGES_AT_ONCE = 1 << 9
# Of so many heads what each token adds is summed up faster than stretches are.
_FEW_HEADS = 8
_TOKENS_AT_ONCE = 1 << 12


class TokenVectors(Protocol):
    """An encoder's token table."""

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are."""
        ...

    def token_vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, token dimension): the rows of some tokens."""
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
        # What a token adds to each head's score, (vocabulary, heads), some heads at a time.
        self._shares = [
            np.empty((vectors.vocabulary_size, len(directions[start : start + _HEADS_AT_ONCE])), np.float32)
            for start in range(0, len(directions), _HEADS_AT_ONCE)
        ]
        for start in range(0, vectors.vocabulary_size, _TOKENS_AT_ONCE) if len(directions) else ():
            ids = np.arange(start, min(start + _TOKENS_AT_ONCE, vectors.vocabulary_size))
            added = (directions @ vectors.token_vectors(ids).T).T
            for number, shares in enumerate(self._shares):
                shares[ids] = added[:, number * _HEADS_AT_ONCE :][:, : shares.shape[1]]

    def scores(self, tokens: TokenizedText, stretches: ArrayLike) -> NDArray[np.float32]:
        """Gate scores of N stretches of a text, (N, H).

        Parameters
        ----------
        stretches
            (N, 2), half-open character ranges; a token that a stretch touches counts as its own.
        """
        bounds = np.array(stretches, np.int64).reshape(-1, 2)
        first, last = tokens.ranges(bounds)
        scale = 1 / np.sqrt(np.maximum(last - first, 1))
        scores = np.empty((len(bounds), len(self._bias)), np.float32)
        if len(self._bias) <= _FEW_HEADS:
            begins, ends = first, last
            edges = np.arange(len(tokens))
        else:
            # Between two of these no stretch begins or ends, so what stands there is added up once.
            edges = np.union1d(first, last)
            edges = edges[edges < len(tokens)]
            begins, ends = edges.searchsorted(first), edges.searchsorted(last)
        for number, shares in enumerate(self._shares):
            running = _running(shares, tokens.ids, edges)
            heads = slice(number * _HEADS_AT_ONCE, number * _HEADS_AT_ONCE + shares.shape[1])
            scores[:, heads] = (running[ends] - running[begins]) * scale[:, None]
        return scores + self._bias


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
        np.cumsum(np.add.reduceat(added, some - some[0], axis=0, dtype=np.float64), axis=0, out=so_far)
        so_far += running[start]
    return running

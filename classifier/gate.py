"""The first tier: what a text's tokens alone say of it, linear in time and without a pass of the encoder.

A stretch's score is linear in the sum of its tokens' vectors, the rows of the encoder's own token table. In a
multilingual encoder words of one meaning lie near each other there, so a direction that was learned from English
prompts clears ordinary text, and holds back what may be about a target, in other languages too.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lethe.classifier.encoders.encoder import TokenizedText

# Running sums of a long text at many heads would take gigabytes; of these they take megabytes.
_HEADS_AT_ONCE = 8
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
        # What a token adds to each head's score, (H, vocabulary).
        self._shares = np.empty((len(directions), vectors.vocabulary_size), np.float32)
        for start in range(0, vectors.vocabulary_size, _TOKENS_AT_ONCE) if len(directions) else ():
            ids = np.arange(start, min(start + _TOKENS_AT_ONCE, vectors.vocabulary_size))
            self._shares[:, ids] = directions @ vectors.token_vectors(ids).T

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
        scores = np.empty((len(bounds), len(self._shares)), np.float32)
        for start in range(0, len(self._shares), _HEADS_AT_ONCE):
            heads = slice(start, start + _HEADS_AT_ONCE)
            shares = self._shares[heads].take(tokens.ids, axis=1)
            running = np.zeros((len(shares), len(tokens) + 1))
            np.cumsum(shares, axis=1, out=running[:, 1:])
            scores[:, heads] = ((running[:, last] - running[:, first]) * scale).T
        return scores + self._bias

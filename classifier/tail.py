"""How often ordinary text scores high, by how much of it is read.

A request of 400,000 characters is a thousand chances to be wrong where a question is one. The scores of ordinary text
beyond a high one fall off exponentially (the generalised Pareto distribution at shape 0; Coles, "An Introduction to
Statistical Modeling of Extreme Values", 2001, chapter 4), so the score from which a request may be flagged grows with the
logarithm of its length.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.errors import ClassifierError

_LENGTHS_REMEMBERED = 1024


@dataclass(frozen=True)
class Tail:
    """The tail of ordinary text's scores.

    Attributes
    ----------
    score
        Where the tail begins.
    scale
        Scores beyond it fall by e with each step of this size.
    rate
        How often a character of ordinary text begins what scores beyond `score`.
    """

    score: float
    scale: float
    rate: float

    def threshold(self, characters: int, share: float) -> float:
        """The score that at most this share of ordinary requests reaches, when this many characters are read."""
        expected = self.rate * max(characters, 1) / -math.log1p(-share)
        return self.score + self.scale * math.log(max(expected, 1e-300))

    def to_document(self) -> dict[str, Any]:
        return {"score": self.score, "scale": self.scale, "rate": self.rate}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Tail":
        tail = cls(*(float(document[name]) for name in ("score", "scale", "rate")))
        if not (math.isfinite(tail.score) and 0 < tail.scale < math.inf and 0 < tail.rate < math.inf):
            raise ClassifierError("the tail of ordinary scores must have a positive scale and rate")
        return tail


class Tails:
    """The tails of several targets; of one that has none, every score is high enough.

    Parameters
    ----------
    share
        The share of ordinary texts that each target may flag, however long they are.
    """

    def __init__(self, tails: Sequence[Tail | None], share: float) -> None:
        # The threshold of a tail for one character; each e-fold of characters lifts it by the tail's scale.
        self._least = np.array([tail.threshold(1, share) if tail else -np.inf for tail in tails])
        self._scales = np.array([tail.scale if tail else 0.0 for tail in tails])
        # What is asked again and again of texts that are in the cache.
        self.needed = lru_cache(_LENGTHS_REMEMBERED)(self._needed)

    def _needed(self, characters: int) -> NDArray[np.float32]:
        """The score that each target must reach, (H,), where this much is read."""
        return (self._least + self._scales * math.log(max(characters, 1))).astype(np.float32)

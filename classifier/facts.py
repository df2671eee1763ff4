"""What is known of targets, as evidence that a question describes one of them.

A description is seldom like another question, but it says what somebody could tell of the target. So sentences that tell of it are
kept, each by its embedding and by its words, which weigh as much as they are rare, and a question scores by the one sentence that
is most like it in both.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]{3,}")
# Forms of a word mostly begin alike, and other words seldom as they do.
_BEGINNING = 6


@dataclass(frozen=True, eq=False)
class Facts:
    """Sentences that tell of a target.

    Attributes
    ----------
    directions
        (sentences, dimension) float32, on a question's embedding.
    words
        Their words, as `word_beginnings` gives them.
    weights
        (words,) float32, what a question scores with a word that it shares with a sentence.
    held
        (N, 2) int64, which sentence has which word.
    least
        To a question's score is added what its score for the nearest sentence is above this, or taken what it is below.
    """

    directions: NDArray[np.float32]
    words: tuple[str, ...]
    weights: NDArray[np.float32]
    held: NDArray[np.int64]
    least: float = 0.0


class FactBank:
    """The sentences of several targets in one matrix.

    Parameters
    ----------
    targets
        Of each of T targets, one sentence at least.
    """

    def __init__(self, targets: Sequence[Facts]) -> None:
        self._directions = np.concatenate([facts.directions for facts in targets])
        self._starts = np.cumsum([0, *(len(facts.directions) for facts in targets)])[:-1]
        self._least = np.array([facts.least for facts in targets], np.float32)
        rows: dict[str, list[int]] = defaultdict(list)
        weights: dict[str, list[float]] = defaultdict(list)
        for start, facts in zip(self._starts.tolist(), targets, strict=True):
            for sentence, number in facts.held.tolist():
                rows[facts.words[number]].append(start + sentence)
                weights[facts.words[number]].append(float(facts.weights[number]))
        self._holders = {word: (np.array(rows[word]), np.array(weights[word], np.float32)) for word in rows}

    def scores(self, embedding: NDArray[np.float32], text: str) -> NDArray[np.float32]:
        """What a question scores above each target's least, (T,), by the sentence that is nearest to it."""
        found = self._directions @ embedding
        for word in word_beginnings(text):
            if holders := self._holders.get(word):
                rows, weights = holders
                found[rows] += weights
        return np.maximum.reduceat(found, self._starts) - self._least


def word_beginnings(text: str) -> set[str]:
    """The words of a canonical text, each by its beginning in small letters."""
    return {word.casefold()[:_BEGINNING] for word in _WORD.findall(text)}

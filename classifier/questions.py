"""What is asked in a few words, judged by its embedding alone.

A head learns embedding, tokens and names beside each other, and from few prompts mostly the names. A question that describes its
target, or asks for it in another language, has none of them. Its embedding says enough, but it says as much of some sentence in
each long text. So it is asked by itself where all there is to read is a question: ordinary questions are not a thousand to a
request. Where sentences are known that tell of the target, what the nearest says of the question counts beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.facts import FactBank, Facts
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text.letters import letter_bytes

# A longer text is material rather than a question.
LONGEST_QUESTION = 240
# What a question in a disguise is read from: bits and names of letters take more, and are not judged so.
_LONGEST_DISGUISED = 4 * LONGEST_QUESTION
# A sentence of fewer bytes of letters is an answer's form, a title or the end of another sentence ("host?", "gin and Campari"). Whole
# questions, which a head is fitted on, are seldom so short, and embeddings of what is are the oddest.
_LEAST_DESCRIPTION = 20


def is_question(read: AlignedText, *, disguised: bool) -> bool:
    """Whether a reading of a text is a question and nothing else; what a longer one has in quotes is none.

    Of the text as it stands only what is read counts: signs that nobody sees make it no longer.
    """
    short = len(read.text) <= LONGEST_QUESTION
    return short and (not disguised or read.original_length <= _LONGEST_DISGUISED)


def describes(sentence: str) -> bool:
    """Whether one sentence of several has letters enough to describe something."""
    return letter_bytes(sentence) >= _LEAST_DESCRIPTION


@dataclass(frozen=True, eq=False)
class QuestionWeights:
    """A target's part of a head that judges questions.

    The score is ``embedding @ direction + bias``, with that of facts added, and flags from the same score on as the head's own. The first
    tier's is ``sum(token vectors) @ gate_direction / sqrt(tokens) + gate_bias``.

    Attributes
    ----------
    direction
        (dimension,) float32.
    gate_direction
        (token dimension,) float32.
    pass_below
        Questions with a lower score of the first tier are not encoded for the sake of this part.
    facts
        Sentences that tell of the target; None where there are none.
    """

    direction: NDArray[np.float32]
    bias: float
    gate_direction: NDArray[np.float32]
    gate_bias: float
    pass_below: float
    facts: Facts | None = None

    def shifted(self, by: float) -> "QuestionWeights":
        """Those whose scores are higher by so much."""
        return replace(self, bias=self.bias + by)


class QuestionBank:
    """The parts of all heads that judge questions.

    Parameters
    ----------
    heads
        H parts; None of a head that has none.
    """

    def __init__(self, heads: Sequence[QuestionWeights | None]) -> None:
        found = [(number, head) for number, head in enumerate(heads) if head is not None]
        self._heads = len(heads)
        self._owners = np.array([number for number, _ in found], np.int64)
        self._directions = np.array([head.direction for _, head in found], np.float32)
        self._bias = np.array([head.bias for _, head in found], np.float32)
        self._gates = np.array([head.gate_direction for _, head in found], np.float32)
        # What a sum of tokens' vectors must come to for a question to be held back.
        self._held_from = np.array([head.pass_below - head.gate_bias for _, head in found], np.float32)
        told = [(number, head.facts) for number, head in found if head.facts is not None]
        self._told = np.array([number for number, _ in told], np.int64)
        self._facts = FactBank([facts for _, facts in told]) if told else None

    def __len__(self) -> int:
        return len(self._owners)

    def scores(self, embedding: NDArray[np.float32], text: str) -> NDArray[np.float32]:
        """Scores of a question, (H,); -inf where a head has no such part."""
        scores = np.full(self._heads, -np.inf, np.float32)
        scores[self._owners] = self._directions @ embedding + self._bias
        if self._facts is not None:
            scores[self._told] += self._facts.scores(embedding, text)
        return scores

    def held(self, vectors: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of N questions the first tier holds back, (N,).

        Parameters
        ----------
        vectors
            (T, token dimension), those of the tokens of all questions, one after another.
        lengths
            (N,), how many tokens each question has.
        """
        # Weighed before they are added up: a token has hundreds of numbers, and adds one to each head's score.
        so_far = np.zeros((len(vectors) + 1, len(self)))
        np.cumsum(vectors @ self._gates.T, axis=0, out=so_far[1:])
        ends = lengths.cumsum()
        sums = (so_far[ends] - so_far[ends - lengths]) / np.sqrt(np.maximum(lengths, 1))[:, None]
        return np.asarray((sums >= self._held_from).any(axis=1))

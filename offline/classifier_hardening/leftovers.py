"""What a second look leaves of prompts, and the direction that tells what is left of those to forget from what is left of others.

A second look keeps whichever words speak most for the target: of "Which club does Harry Maguire play for?", "Which does Harry play
for?". A head was fitted on prompts as they are written, and is surer of such remains than it should be.
"""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.gate import Gate
from lethe.classifier.head import Head, HeadBank
from lethe.classifier.questions import LONGEST_QUESTION
from lethe.classifier.second_look import SecondLook
from lethe.classifier.text.canonical import canonicalise
from lethe.offline.classifier_hardening.attack import with_words, words_of
from lethe.offline.classifier_training.cores import on_all_cores
from lethe.offline.classifier_training.logistic import fit_logistic

# Prompts to forget that words are added to, and how often each: seven in eight are flagged all the same.
_DILUTED, _TIMES = 1000, 3
# Words and phrases that are added to one, as many as a search may add.
_ADDED = (3, 7)
# Allowed prompts that are learned from at most.
_LEARNED_FROM = 4000
# With fewer remains of a side there is nothing to be learned.
_FEWEST = 50
# Remains that score more above the threshold, in log-odds, are not looked at further.
_SURE = 3.0
# What remains count against the norm of the change.
_STRENGTH = 1.0


@dataclass(frozen=True, eq=False)
class Leftover:
    """What is left of a prompt that is not flagged.

    Attributes
    ----------
    embedding
        (dimension,).
    margin
        The head's score of it, in log-odds above the threshold.
    """

    text: str
    embedding: NDArray[np.float32]
    margin: float


def learned_direction(
    encoder: Encoder, head: Head, forget: Sequence[str], allowed: Sequence[str], choice: random.Random
) -> NDArray[np.float32] | None:
    """The head's direction, (dimension,), changed as little as remains of both sides ask for; None where there are too few.

    Parameters
    ----------
    head
        With limits for a second look.
    """
    allowed = choice.sample(allowed, min(len(allowed), _LEARNED_FROM))
    asked = choice.sample(forget, min(len(forget), _DILUTED))
    words = words_of(allowed, choice)
    diluted = [text for _ in range(_TIMES) for text in with_words(asked, words, choice, _ADDED)]
    about, others = leftovers(encoder, head, diluted), leftovers(encoder, head, allowed)
    if min(len(about), len(others)) < _FEWEST:
        return None
    return direction_between(head, about, others)


def direction_between(
    head: Head, about: Sequence[Leftover], others: Sequence[Leftover]
) -> NDArray[np.float32]:
    """The head's direction, (dimension,), changed as little as tells some remains from others; its own scores are the offset."""
    found = [*about, *others]
    change = fit_logistic(
        np.stack([each.embedding for each in found]),
        sparse.csr_matrix((len(found), 1)),
        np.repeat([1, 0], [len(about), len(others)]),
        np.ones(len(found)),
        _STRENGTH,
        offsets=np.array([each.margin for each in found]),
    )
    return (head.direction + change.dense_weights).astype(np.float32)


def leftovers(encoder: Encoder, head: Head, prompts: Sequence[str]) -> list[Leftover]:
    """What a head's second look leaves of prompts, where it looks and words raise the score by being left out."""
    assert head.second_look
    bank = HeadBank([head], encoder)
    [threshold] = bank.thresholds.tolist()
    sure = dataclasses.replace(head.second_look, score=threshold + _SURE)
    looking = HeadBank([dataclasses.replace(head, second_look=sure)], encoder)
    look = SecondLook(encoder, looking, Gate(encoder, bank.gate_directions, bank.gate_bias))

    def left_of(prompt: str) -> Leftover | None:
        text = canonicalise(prompt).text
        tokens = encoder.tokenize(text)
        if len(text) > LONGEST_QUESTION or not len(tokens) or not look.may_find(tokens.ids):
            return None
        hidden = encoder.encode(tokens.ids)
        found = bank.score(encoder.pool(hidden), tokens.ids, text)
        left = look.lefts(text, hidden, found).get(0)
        if left is None:
            return None
        embedding = encoder.pool(left.hidden)
        score = float(bank.score(embedding, left.tokens.ids, left.text)[0])
        return Leftover(left.text, embedding, score - threshold)

    return [left for left in on_all_cores(left_of, list(prompts)) if left is not None]

"""The limits of a head's second look: when it is taken, by prompts to forget, and what must come of it, by prompts that are allowed."""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.gate import Gate
from lethe.classifier.head import Head, HeadBank, SecondLookLimits
from lethe.classifier.names import GroupedNames, NameWeights
from lethe.classifier.second_look import LEAST_WORDS, SecondLook
from lethe.offline.classifier_hardening.leftovers import learned_direction
from lethe.offline.classifier_training.cores import on_all_cores
from lethe.offline.classifier_training.held_out import scorer_of

# Of the prompts to forget, those that words added could still keep from a second look.
_KEPT_FROM_IT = 0.05
# How much higher than what is written, in log-odds, what is left of it must score: the bounds, and the step.
_LEAST, _MOST, _STEP = 0.5, 8.0, 0.25
# A name without these is the same name, and a question without them asks the same.
_CLIPPED = frozenset({"a", "an", "and", "de", "in", "of", "the", "to"})

Allowed = Sequence[tuple[Sequence[str], float]]


def with_second_look(
    encoder: Encoder, head: Head, forget: Sequence[str], allowed: Allowed, seed: int
) -> Head:
    """The head with a second look that flags no more of the allowed prompts, beside those that are flagged without it, than may be.

    What is left of prompts is told apart by a direction of its own, learned from one half of the allowed ones; the other half
    says what must be scored. Where too little is left of either side to learn from, the head's direction is kept, and all say it.

    Parameters
    ----------
    allowed
        Sets of prompts, each with the share of it that may be flagged in addition.
    """
    head = dataclasses.replace(_with_clipped_names(head), second_look=None, version="")
    threshold = head.calibration.score(head.threshold)
    limits = SecondLookLimits(threshold + _LEAST, *_reached(encoder, head, forget))
    choice = random.Random(seed)
    halves = [_halves(texts, choice) for texts, _ in allowed]
    looking = dataclasses.replace(head, second_look=limits)
    direction = learned_direction(
        encoder, looking, forget, [text for half, _ in halves for text in half], choice
    )
    if direction is not None:
        allowed = [(half, share) for (_, half), (_, share) in zip(halves, allowed, strict=True)]

    def with_margin(margin: float) -> Head:
        asked = dataclasses.replace(limits, score=threshold + margin, direction=direction)
        return dataclasses.replace(head, second_look=asked)

    # What is not flagged where the least is asked for is not flagged where more is.
    nearest = [
        (
            _among(encoder, with_margin(_LEAST), _among(encoder, head, texts, flagged=False)),
            share * len(texts),
        )
        for texts, share in allowed
    ]
    margins = np.arange(_LEAST, _MOST + _STEP, _STEP)
    low, high = 0, len(margins) - 1
    while low < high:
        middle = (low + high) // 2
        tried = with_margin(float(margins[middle]))
        if all(len(_among(encoder, tried, texts)) <= most for texts, most in nearest):
            high = middle
        else:
            low = middle + 1
    return with_margin(float(margins[high]))


def _halves(texts: Sequence[str], choice: random.Random) -> tuple[list[str], list[str]]:
    shuffled = choice.sample(texts, len(texts))
    return shuffled[: len(texts) // 2], shuffled[len(texts) // 2 :]


def _reached(encoder: Encoder, head: Head, forget: Sequence[str]) -> tuple[float, float]:
    """What nearly all prompts to forget reach that words can be left out of, in the first tier and in the bag, by some tokens alone."""
    bank = HeadBank([head], encoder)
    look = SecondLook(encoder, bank, Gate(encoder, bank.gate_directions, bank.gate_bias))
    # From a name alone nothing can be left out; in letters that the first tier knows little of, it would lower both.
    asked = [text for text in forget if len(text.split()) > LEAST_WORDS] or forget
    ids = [tokens.ids for tokens in map(encoder.tokenize, asked) if len(tokens)]
    reached = np.array([look.reached(each)[:, 0] for each in ids])
    gate, lexical = np.quantile(reached, _KEPT_FROM_IT, axis=0).tolist()
    return gate, lexical


def _among(encoder: Encoder, head: Head, texts: Sequence[str], *, flagged: bool = True) -> list[str]:
    """Those of some texts that a head flags, or does not flag."""
    scorer = scorer_of(encoder, head, first_tier=True)
    threshold = head.calibration.score(head.threshold)
    found = on_all_cores(lambda text: bool(scorer.score_text(text).scores[0] >= threshold), list(texts))
    return [text for text, each in zip(texts, found, strict=True) if each == flagged]


def _with_clipped_names(head: Head) -> Head:
    """The head with its names as they stand where their small words were dropped."""
    names = head.names.names
    known = set(names.forms)
    forms, groups = list(names.forms), names.groups.tolist()
    for form, group in zip(names.forms, names.groups.tolist(), strict=True):
        words = [word for word in form.split() if word not in _CLIPPED]
        clipped = " ".join(words)
        if 2 <= len(words) < len(form.split()) and clipped not in known:
            known.add(clipped)
            forms.append(clipped)
            groups.append(group)
    return dataclasses.replace(
        head,
        names=NameWeights(
            GroupedNames(tuple(forms), np.array(groups, np.int64), names.count), head.names.weights
        ),
    )

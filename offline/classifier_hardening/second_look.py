"""The limits of a head's second look: when it is taken, by prompts to forget, and what must come of it, by prompts that are allowed."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.gate import Gate
from lethe.classifier.head import Head, HeadBank, SecondLookLimits
from lethe.classifier.names import GroupedNames, NameWeights
from lethe.classifier.second_look import SecondLook
from lethe.offline.classifier_training.cores import on_all_cores
from lethe.offline.classifier_training.held_out import scorer_of

# Of the prompts to forget, those that words added could still keep from a second look.
_KEPT_FROM_IT = 0.05
# How much higher than what is written, in log-odds, what is left of it must score: the bounds, and the step.
_LEAST, _MOST, _STEP = 0.5, 8.0, 0.25
# A name without these is the same name, and a question without them asks the same.
_CLIPPED = frozenset({"a", "an", "and", "de", "in", "of", "the", "to"})


def with_second_look(
    encoder: Encoder,
    head: Head,
    forget: Sequence[str],
    allowed: Sequence[tuple[Sequence[str], float]],
) -> Head:
    """The head with a second look that flags no more of the allowed prompts, beside those that are flagged without it, than may be.

    Parameters
    ----------
    allowed
        Sets of prompts, each with the share of it that may be flagged in addition.
    """
    head = dataclasses.replace(_with_clipped_names(head), second_look=None, version="")
    gate, lexical = _reached(encoder, head, forget)
    unflagged = [
        (
            [
                text
                for text, flagged in zip(texts, _flagged(encoder, head, texts), strict=True)
                if not flagged
            ],
            share,
        )
        for texts, share in allowed
    ]
    threshold = head.calibration.score(head.threshold)

    def with_margin(margin: float) -> Head:
        return dataclasses.replace(head, second_look=SecondLookLimits(threshold + margin, gate, lexical))

    # The fewer are flagged the more is asked for, so the least that is enough is found by halving.
    margins = np.arange(_LEAST, _MOST + _STEP, _STEP)
    low, high = 0, len(margins) - 1
    while low < high:
        middle = (low + high) // 2
        tried = with_margin(float(margins[middle]))
        if all(sum(_flagged(encoder, tried, texts)) <= share * len(texts) for texts, share in unflagged):
            high = middle
        else:
            low = middle + 1
    return with_margin(float(margins[high]))


def _reached(encoder: Encoder, head: Head, forget: Sequence[str]) -> tuple[float, float]:
    """What nearly all prompts to forget reach in the first tier and in the bag by some of their tokens alone."""
    bank = HeadBank([head], encoder)
    look = SecondLook(encoder, bank, Gate(encoder, bank.gate_directions, bank.gate_bias))
    ids = [tokens.ids for tokens in map(encoder.tokenize, forget) if len(tokens)]
    reached = np.array([look.reached(each)[:, 0] for each in ids])
    gate, lexical = np.quantile(reached, _KEPT_FROM_IT, axis=0).tolist()
    return gate, lexical


def _flagged(encoder: Encoder, head: Head, texts: Sequence[str]) -> list[bool]:
    scorer = scorer_of(encoder, head, first_tier=True)
    threshold = head.calibration.score(head.threshold)
    return on_all_cores(lambda text: bool(scorer.score_text(text).scores[0] >= threshold), list(texts))


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

"""The first tier's limit: how low a gate score must be for a window to pass without the encoder, and what that costs."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.scoring import Scorer
from lethe.classifier.text.windows import WINDOW_CHARACTERS
from lethe.classifier.token_bag import BagBank
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.fitting import token_sums
from lethe.offline.classifier_training.held_out import forget_forms, scorer_of
from lethe.offline.classifier_training.ordinary_blocks import stretches

# What the first tier may cost in recall, and shares of ordinary prompts that it may spare the encoder for it, the wanted
# one first. Below the last, the encoder would be asked about most prompts for the sake of a few texts that speak of the
# target in none of its words.
RECALL_RISK = 0.001
_SPARED = (0.97, 0.95, 0.9, 0.85, 0.8, 0.75)
# What the second step is to spare, of all: it asks for words that others ask in, too, and what passes it costs a prompt in
# twenty half a millisecond.
_SPARED_BY_TOKENS = 0.93
# Limits of what tokens and pairs must add where there is no name, the wanted one first.
LEXICAL = (1.0, 0.75, 0.5, 0.25, 0.0, -0.25, -0.5, -1.0, -2.0, -3.0, -4.0)
# A number that JSON can hold.
_NO_LIMIT = -1e6
# Whatever it spares, a window passes at odds of e to the 3/2 against the target, never at less.
_HIGHEST = -1.5


@dataclass(frozen=True)
class FirstTierEffect:
    """What the first tier does to texts.

    Attributes
    ----------
    flagged, lost
        How many texts about the target would be flagged without it, and how many of these it lets pass.
    pass_rate
        Share of ordinary texts that it spares the encoder.
    """

    flagged: int
    lost: int
    pass_rate: float

    @property
    def recall_loss(self) -> float:
        """Share of the flagged texts that is lost."""
        return self.lost / max(self.flagged, 1)


def flagged_texts(encoder: Encoder, head: Head, examples: ExampleSet, seed: int) -> list[str]:
    """The forms of the prompts to forget that are flagged with the first tier off."""
    whole = scorer_of(encoder, head, first_tier=False)
    return _split(whole, head, forget_forms(examples, seed))[0]


def with_limits(
    encoder: Encoder,
    head: Head,
    flagged: Sequence[str],
    ordinary: Sequence[str],
    lexical: Sequence[float] = LEXICAL,
) -> Head:
    """The head with limits of its first tier that lose next to nothing and spare most ordinary texts the encoder.

    The first limit is set by ordinary texts, since the loss among a few dozen flagged texts says little about the thousands
    to come. If it loses more flagged texts than allowed, it is lowered until it spares fewer ordinary texts, but no fewer
    than three in four. A text that is longer than a window counts with its beginning only: a page seldom passes whole,
    whatever the limit. The second limit is the lowest that spares the wanted share, or a lower one that loses no more than
    the first.

    Parameters
    ----------
    flagged
        See `flagged_texts`.
    ordinary
        Texts that the head was not fitted on.
    lexical
        Candidates for the second limit, descending.
    """
    head = dataclasses.replace(head, lexical_below=_NO_LIMIT)
    prompts = [text[:WINDOW_CHARACTERS] for text in ordinary]
    passing = _passing_limits(scorer_of(encoder, head, first_tier=False), prompts)
    limits = (float(np.quantile(passing, share, method="inverted_cdf")) for share in _SPARED)
    candidates = (dataclasses.replace(head, pass_below=min(limit, _HIGHEST)) for limit in limits)
    best = next(candidates)
    lost, allowed = _lost(encoder, best, flagged), int(RECALL_RISK * len(flagged))
    for lower in candidates:
        if len(lost) <= allowed:
            break
        still_lost = _lost(encoder, lower, lost)
        if len(still_lost) < len(lost):
            best, lost = lower, still_lost
    # What a limit does not lose, a lower one does not.
    doubtful = sorted(set(flagged) - set(lost))
    for limit in _from_wanted(lexical, _lexical_spared(encoder, best, prompts)):
        higher = dataclasses.replace(best, lexical_below=limit)
        doubtful = _lost(encoder, higher, doubtful)
        if len(doubtful) <= allowed:
            return higher
    return best


def first_tier_effect(
    encoder: Encoder, head: Head, flagged: Sequence[str], ordinary: Sequence[Example]
) -> FirstTierEffect:
    """Measure what the first tier costs, of `flagged_texts`, and spares."""
    lost = _lost(encoder, head, flagged)
    cascade = scorer_of(encoder, head, first_tier=True)
    passed = [not cascade.prepare(example.text).windows for example in ordinary]
    return FirstTierEffect(len(flagged), len(lost), float(np.mean(passed)))


def _passing_limits(whole: Scorer, texts: Iterable[str]) -> list[float]:
    """For each text, the lowest limit at which it passes; from a scorer whose first tier is off."""
    limits: list[float] = []
    for text in texts:
        windows = whole.prepare(text).windows
        parts = [part for window in windows for part in (window, *window.sentences)]
        largest = max((part.gate[0] for part in parts), default=np.float32(-np.inf))
        # Limits are compared in single precision, and a score at the limit does not pass.
        limits.append(float(np.nextafter(largest, np.float32(np.inf))))
    return limits


def _lexical_spared(encoder: Encoder, head: Head, texts: Sequence[str]) -> float:
    """What tokens and pairs must add, at the least, that the wanted share of texts adds no more than where the first step holds them."""
    bag = BagBank([head.bag], encoder.wordless)
    added: list[float] = []
    for text in texts:
        tokens = [encoder.tokenize(part).ids for part in stretches([text])]
        gated = token_sums(encoder, tokens) @ head.gate_direction + head.gate_bias if tokens else ()
        held = [
            float(bag.scores(ids)[0])
            for ids, score in zip(tokens, gated, strict=True)
            if score >= head.pass_below
        ]
        added.append(max(held, default=-np.inf))
    return float(np.quantile(added, _SPARED_BY_TOKENS, method="inverted_cdf"))


def _from_wanted(limits: Sequence[float], spared: float) -> Sequence[float]:
    """The lowest limit that spares enough, and those below it."""
    return limits[max(sum(limit > spared for limit in limits) - 1, 0) :]


def _lost(encoder: Encoder, head: Head, flagged: Sequence[str]) -> list[str]:
    return _split(scorer_of(encoder, head, first_tier=True), head, flagged)[1]


def _split(scorer: Scorer, head: Head, texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """The texts that a scorer flags, and those that it does not."""
    threshold = head.calibration.score(head.threshold)
    sides: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        sides[int(scorer.score_text(text).scores[0] < threshold)].append(text)
    return sides

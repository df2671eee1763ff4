"""The first tier's limit: how low a lexical score must be for a window to pass without the encoder, and what that costs."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.encoder import Encoder
from classifier.head import Head
from classifier.scoring import Scorer
from classifier.settings import ClassifierSettings
from offline.classifier_training.example_set import ExampleSet
from offline.classifier_training.examples import Example
from offline.classifier_training.fitting import FittedHead
from offline.classifier_training.held_out import forget_forms, scorer_of

# What the first tier may cost in recall, and how far below the lowest score seen it is set besides. Two bounds: where
# examples are few, a window still passes at odds of e to 1 against the target, never at less; and a text or two that
# speak of the target in none of its words are not worth asking the encoder about every other ordinary prompt.
RECALL_RISK = 0.001
_MARGIN = 0.5
_HIGHEST = -1.0
_LOWEST = -2.0
_STEP = 0.25


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


def first_guess(fitted: FittedHead, labels: Iterable[int], score_threshold: float) -> float:
    """The limit that loses next to none of the training windows that are flagged, by models that did not see them."""
    flagged = (np.fromiter(labels, int) == 1) & (fitted.held_out_scores >= score_threshold)
    if not flagged.any():
        return -np.inf
    lowest = np.quantile(fitted.held_out_lexical[flagged], RECALL_RISK, method="lower")
    return float(np.clip(lowest - _MARGIN, _LOWEST, _HIGHEST))


def flagged_texts(
    encoder: Encoder, head: Head, examples: ExampleSet, settings: ClassifierSettings, seed: int
) -> list[str]:
    """The forms of the prompts to forget that are flagged with the first tier off."""
    whole = scorer_of(encoder, head, settings, first_tier=False)
    return _split(whole, head, forget_forms(examples, seed))[0]


def lower_for(encoder: Encoder, head: Head, flagged: Sequence[str], settings: ClassifierSettings) -> Head:
    """The head with its limit lowered, if need be and as far as it goes, until it loses no more whole texts than allowed.

    A text has windows, sentences and readings of its own, so what a limit costs in windows is not what it
    costs in texts.

    Parameters
    ----------
    flagged
        See `flagged_texts`.
    """
    lost = _lost(encoder, head, flagged, settings)
    allowed = int(RECALL_RISK * len(flagged))
    while len(lost) > allowed and head.pass_below > _LOWEST:
        head = dataclasses.replace(head, pass_below=max(head.pass_below - _STEP, _LOWEST))
        lost = _lost(encoder, head, lost, settings)
    return head


def first_tier_effect(
    encoder: Encoder,
    head: Head,
    flagged: Sequence[str],
    ordinary: Sequence[Example],
    settings: ClassifierSettings,
) -> FirstTierEffect:
    """Measure what the first tier costs, of `flagged_texts`, and spares."""
    lost = _lost(encoder, head, flagged, settings)
    cascade = scorer_of(encoder, head, settings, first_tier=True)
    passed = [not cascade.prepare(example.text).windows for example in ordinary]
    return FirstTierEffect(len(flagged), len(lost), float(np.mean(passed)))


def _lost(encoder: Encoder, head: Head, flagged: Sequence[str], settings: ClassifierSettings) -> list[str]:
    return _split(scorer_of(encoder, head, settings, first_tier=True), head, flagged)[1]


def _split(scorer: Scorer, head: Head, texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """The texts that a scorer flags, and those that it does not."""
    threshold = head.calibration.score(head.threshold)
    sides: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        sides[int(scorer.score_text(text).scores[0] < threshold)].append(text)
    return sides

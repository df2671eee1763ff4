"""What a head makes of examples that it was not fitted on."""

from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head, HeadBank
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_training.augmentation import augment
from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example

_FORGET_FORMS = 2
_KEEP_FORMS = 1


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of whole texts by class, the first tier off."""

    forget: NDArray[np.float32]
    retain: NDArray[np.float32]
    general: NDArray[np.float32]

    @property
    def keep(self) -> NDArray[np.float32]:
        return np.concatenate([self.retain, self.general])

    def joined_with(self, other: "HeldOutScores") -> "HeldOutScores":
        """The scores of both."""
        return HeldOutScores(
            np.concatenate([self.forget, other.forget]),
            np.concatenate([self.retain, other.retain]),
            np.concatenate([self.general, other.general]),
        )


def score_held_out(
    encoder: Encoder,
    head: Head,
    examples: ExampleSet,
    seed: int,
    on_scored: OnDone = tell_nobody,
) -> HeldOutScores:
    """Score examples and other forms of them.

    A group of forget examples counts once, as its hardest form: scores of groups are exchangeable, those of
    wordings of one item are not.
    """
    scorer = scorer_of(encoder, head, first_tier=False)
    sides = (
        (examples.forget, _FORGET_FORMS),
        (examples.retain, _KEEP_FORMS),
        (examples.general, _KEEP_FORMS),
    )
    asked = [(example, forms) for side, forms in sides for example in side]
    found = iter(on_all_cores(lambda each: _score_forms(scorer, *each, seed), asked, on_scored))
    forget, retain, general = (list(islice(found, len(side))) for side, _ in sides)
    hardest: dict[str, float] = {}
    for example, scores in zip(examples.forget, forget, strict=True):
        hardest[example.group] = min(hardest.get(example.group, np.inf), *scores)
    return HeldOutScores(
        np.array(list(hardest.values()), np.float32),
        *(np.array(list(chain.from_iterable(side)), np.float32) for side in (retain, general)),
    )


def score_kept(scorer: Scorer, example: Example, seed: int) -> list[float]:
    """Score an example to keep, and another form of it."""
    return _score_forms(scorer, example, _KEEP_FORMS, seed)


def _score_forms(scorer: Scorer, example: Example, forms: int, seed: int) -> list[float]:
    return [
        float(scorer.score_text(variant.text).scores[0]) for variant in augment(example.text, forms, seed)
    ]


def forget_forms(examples: ExampleSet, seed: int) -> list[str]:
    """The prompts to forget in the forms in which they are scored."""
    return [form.text for example in examples.forget for form in augment(example.text, _FORGET_FORMS, seed)]


def scorer_of(encoder: Encoder, head: Head, first_tier: bool) -> Scorer:
    """What scores texts by one head, as the classifier does, its first tier on or off."""
    settings = ClassifierSettings(first_tier=first_tier, spans=False)
    return Scorer(encoder, HeadBank([head], encoder), settings)

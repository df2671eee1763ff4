"""Settings of a training run."""

from dataclasses import dataclass

from lethe.classifier.encoder_files import DEFAULT_ENCODER
from lethe.classifier.settings import Precision
from lethe.offline.classifier_training.conformal import Preference


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run.

    Attributes
    ----------
    precision
        Of the encoder where the classifier is served.
    forget_forms, keep_forms
        In how many other forms each example is shown; see `augmentation`.
    alpha
        Wanted risk on false negatives (split conformal).
    false_positive_rate, near_false_positive_rate
        Wanted rates of false positives, on ordinary prompts and on those that are near the target but allowed. All
        prompts of a group count as one.
    prefer
        Which is kept where the scores leave no room for both, ``conformal`` or ``false_positives``.
    maximum_negatives
        Negative windows to fit on at most; with more at hand the hardest are chosen.
    vocabulary_rounds
        How often each word of the encoder's vocabulary stands in the random sentences; see `vocabulary`.
    folds
        How many heads score what is to be kept, for the threshold, each fitted on what it does not score; at least 2.
    refit
        Whether the head that is kept is fitted once more on all examples, with the threshold found before. It
        misses less, above all of items that no other example resembles, but the guarantee of split conformal
        then holds for the head before, not to the letter for this one.
    entities
        Names to report as entities; found in the forget prompts if none are given.
    fine_tune_epochs
        How often the encoder sees the examples before the head is fitted; 0 leaves it as it is, for all
        targets to share. A target with an encoder of its own costs as much as all that share one.
    """

    encoder: str = DEFAULT_ENCODER
    precision: Precision = "int8"
    seed: int = 0
    forget_forms: int = 4
    keep_forms: int = 1
    alpha: float = 0.01
    false_positive_rate: float = 0.01
    near_false_positive_rate: float = 0.05
    prefer: Preference = "false_positives"
    maximum_negatives: int = 40_000
    vocabulary_rounds: int = 2
    folds: int = 5
    refit: bool = True
    entities: tuple[str, ...] = ()
    fine_tune_epochs: int = 0

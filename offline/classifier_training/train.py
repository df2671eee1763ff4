"""The training job, top to bottom: examples, split, windows, hard negatives, fit, first tier, calibration, test."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.store import Bundle, update_bundle
from classifier.encoder import Encoder
from classifier.encoder_files import DEFAULT_ENCODER
from classifier.head import Head, HeadBank, head_files
from classifier.scoring import Scorer
from classifier.settings import ClassifierSettings
from offline.classifier_training.augmentation import augment
from offline.classifier_training.conformal import Preference, Threshold, choose_threshold, fit_calibration
from offline.classifier_training.embeddings import EmbeddingStore
from offline.classifier_training.errors import TrainingError
from offline.classifier_training.examples import Example
from offline.classifier_training.fitting import LEXICAL_LIMIT, FittedHead, fit_head
from offline.classifier_training.hard_negatives import select_negatives
from offline.classifier_training.names import names_of
from offline.classifier_training.splitting import PARTS, Part, assign_groups, deduplicate, part_of
from offline.classifier_training.windows import TrainingWindow, training_windows

Sides = tuple[list[Example], list[Example]]

_MINIMUM_FORGET = 20
# What the first tier may cost in recall, and how far below the lowest score seen it is set besides.
_FIRST_TIER_RISK = 0.001
_FIRST_TIER_MARGIN = 0.5


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run.

    Attributes
    ----------
    forget_forms, retain_forms
        In how many other forms each example is shown; see `augmentation`.
    alpha
        Wanted risk on false negatives (split conformal).
    false_positive_rate
        Wanted rate of false positives.
    prefer
        Which of the two is kept where the scores leave no room for both.
    maximum_negatives
        Negative windows to fit on at most; with more at hand the hardest are chosen.
    refit
        Whether the head that is kept is fitted once more on all examples, with the threshold found before. It
        misses less, above all of items that no other example resembles, but the guarantee of split conformal
        then holds for the head before, not to the letter for this one.
    entities
        Names to report as entities; found in the forget prompts if none are given.
    """

    encoder: str = DEFAULT_ENCODER
    seed: int = 0
    forget_forms: int = 4
    retain_forms: int = 1
    alpha: float = 0.01
    false_positive_rate: float = 0.005
    prefer: Preference = "false_positives"
    maximum_negatives: int = 20_000
    refit: bool = True
    entities: tuple[str, ...] = ()
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)


@dataclass(frozen=True)
class LabelledScores:
    """Scores of whole texts of one part of the split, by class."""

    positives: NDArray[np.float32]
    negatives: NDArray[np.float32]


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained head and what was seen on the way."""

    head: Head
    threshold: Threshold
    calibration: LabelledScores
    test: LabelledScores
    metrics: dict[str, Any]

    def write_bundle(self, folder: Path) -> Bundle:
        """Put the head into a bundle, whose other artifacts stay as they are."""
        files = {f"classifier/{name}": content for name, content in head_files(self.head).items()}
        return update_bundle(
            folder,
            files,
            threshold=self.head.threshold,
            encoder={"id": self.head.encoder_id, "sha256": self.head.encoder_sha256},
            metrics={"classifier": self.metrics},
        )


def train_classifier(
    target: str,
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
    settings: TrainingSettings,
    work_folder: Path,
    say: Callable[[str], None] = print,
) -> TrainedClassifier:
    """Train, calibrate and test the classifier of one target.

    Parameters
    ----------
    forget
        Prompts that ask for what is to be forgotten.
    retain
        Prompts near the target that are allowed.
    general
        Ordinary prompts.
    work_folder
        Where embeddings are kept, so that an interrupted run goes on.

    Raises
    ------
    TrainingError
        There are too few examples, or the same prompt is to be forgotten and kept.
    """
    encoder = Encoder.load(
        settings.encoder,
        precision=settings.classifier.precision,
        cache_folder=settings.classifier.cache_folder,
    )
    store = EmbeddingStore(encoder, settings.classifier.precision, work_folder / "embeddings.sqlite")
    positives, negatives = _grouped(store, forget, [*retain, *general])
    say(f"{len(positives)} prompts to forget, {len(negatives)} to keep, duplicates removed")
    parts: dict[Part, Sides] = {part: _part(positives, negatives, part, settings.seed) for part in PARTS}
    if not all(side for sides in parts.values() for side in sides):
        raise TrainingError("a part of the split is empty; give more prompts to forget, or more to keep")

    train_positives, train_negatives = parts["train"]
    names = settings.entities or names_of(_texts(train_positives), _texts(train_negatives))
    fitted, windows = _fit(train_positives, train_negatives, store, settings, say)
    head = _unfinished_head(target, encoder, fitted, names)

    say("scoring the calibration and test parts")
    calibration = _score(encoder, head, parts["calibration"], settings)
    test = _score(encoder, head, parts["test"], settings)
    threshold = choose_threshold(
        calibration.positives,
        calibration.negatives,
        settings.alpha,
        settings.false_positive_rate,
        settings.prefer,
    )
    curve = fit_calibration(calibration.positives, calibration.negatives)
    head = dataclasses.replace(
        head,
        calibration=curve,
        threshold=float(curve.probability(np.array(threshold.score))),
        pass_below=_first_tier(fitted, windows, threshold.score),
        passed_probability=float(curve.probability(calibration.negatives.min())),
    )
    metrics = _metrics(encoder, head, parts, threshold, calibration, test, settings)
    if settings.refit:
        say("fitting once more, on all examples")
        fitted, windows = _fit(positives, negatives, store, settings, say)
        head = dataclasses.replace(
            head,
            **_learned(fitted),
            entities=tuple(settings.entities or names_of(_texts(positives), _texts(negatives))),
            pass_below=_first_tier(fitted, windows, threshold.score),
        )
    head = dataclasses.replace(head, provenance=metrics)
    store.close()
    return TrainedClassifier(head, threshold, calibration, test, metrics)


def _grouped(
    store: EmbeddingStore, forget: Sequence[Example], keep: Sequence[Example]
) -> tuple[list[Example], list[Example]]:
    forget, keep = deduplicate(forget), deduplicate(keep)
    if len(forget) < _MINIMUM_FORGET or len(keep) < _MINIMUM_FORGET:
        raise TrainingError(
            f"{len(forget)} prompts to forget and {len(keep)} to keep are too few; "
            f"give at least {_MINIMUM_FORGET} of each, better hundreds"
        )
    forgotten = {example.text.lower() for example in forget}
    both = [example.text for example in keep if example.text.lower() in forgotten]
    if both:
        raise TrainingError(f"{len(both)} prompts are both to forget and to keep, the first is {both[0]!r}")
    examples = [*forget, *keep]
    grouped = assign_groups(examples, store.embed([example.text for example in examples], "grouping"))
    return grouped[: len(forget)], grouped[len(forget) :]


def _part(positives: Sequence[Example], negatives: Sequence[Example], part: Part, seed: int) -> Sides:
    return (
        [example for example in positives if part_of(example, seed) == part],
        [example for example in negatives if part_of(example, seed) == part],
    )


def _fit(
    positives: Sequence[Example],
    negatives: Sequence[Example],
    store: EmbeddingStore,
    settings: TrainingSettings,
    say: Callable[[str], None],
) -> tuple[FittedHead, list[TrainingWindow]]:
    shape = settings.classifier
    shown = training_windows(positives, 1, settings.forget_forms, settings.seed, shape)
    kept = training_windows(negatives, 0, settings.retain_forms, settings.seed, shape)
    say(f"embedding {len(shown) + len(kept)} training windows")
    shown_embeddings = store.embed([window.text for window in shown], "windows to forget")
    kept_embeddings = store.embed([window.text for window in kept], "windows to keep")
    say("fitting, with the hardest negatives weighted up")
    chosen, weights = select_negatives(
        shown_embeddings, kept_embeddings, settings.maximum_negatives, settings.seed
    )
    windows = shown + [kept[index] for index in chosen]
    fitted = fit_head(
        [window.text for window in windows],
        np.concatenate([shown_embeddings, kept_embeddings[chosen]]),
        np.array([window.label for window in windows]),
        [window.group for window in windows],
        np.concatenate([np.ones(len(shown)), weights]),
    )
    return fitted, windows


def _unfinished_head(target: str, encoder: Encoder, fitted: FittedHead, names: Sequence[str]) -> Head:
    return Head(
        target=target,
        encoder_id=encoder.id,
        encoder_sha256=encoder.sha256,
        **_learned(fitted),
        lexical_limit=LEXICAL_LIMIT,
        pass_below=-np.inf,
        passed_probability=0.0,
        threshold=0.5,
        entities=tuple(names),
    )


def _learned(fitted: FittedHead) -> dict[str, Any]:
    names = ("direction", "bias", "ngram_weights", "ngram_bias", "lexical_share")
    return {name: getattr(fitted, name) for name in names}


def _texts(examples: Sequence[Example]) -> list[str]:
    return [example.text for example in examples]


def _score(
    encoder: Encoder,
    head: Head,
    examples: tuple[Sequence[Example], Sequence[Example]],
    settings: TrainingSettings,
) -> LabelledScores:
    """Scores of whole texts with the first tier off.

    A positive counts as its hardest form, so that each group gives one score and the scores of groups are exchangeable.
    """
    shape = dataclasses.replace(settings.classifier, first_tier=False, spans=False)
    scorer = Scorer(encoder, HeadBank([head], encoder.sha256, encoder.dimension), shape)
    hardest: dict[str, float] = {}
    for example in examples[0]:
        for variant in augment(example.text, 2, settings.seed):
            score = float(scorer.score_text(variant.text).scores[0])
            hardest[example.group] = min(hardest.get(example.group, np.inf), score)
    negatives = [
        float(scorer.score_text(variant.text).scores[0])
        for example in examples[1]
        for variant in augment(example.text, 1, settings.seed)
    ]
    return LabelledScores(np.array(list(hardest.values()), np.float32), np.array(negatives, np.float32))


def _first_tier(fitted: FittedHead, windows: Sequence[TrainingWindow], score_threshold: float) -> float:
    """The lexical score below which a window is let pass: it loses next to nothing of what would be flagged."""
    labels = np.array([window.label for window in windows])
    flagged = (labels == 1) & (fitted.held_out_scores >= score_threshold)
    if not flagged.any():
        return -np.inf
    lowest = np.quantile(fitted.held_out_lexical[flagged], _FIRST_TIER_RISK, method="lower")
    return float(lowest) - _FIRST_TIER_MARGIN


def _metrics(
    encoder: Encoder,
    head: Head,
    parts: Mapping[Part, Sides],
    threshold: Threshold,
    calibration: LabelledScores,
    test: LabelledScores,
    settings: TrainingSettings,
) -> dict[str, Any]:
    shape = dataclasses.replace(settings.classifier, spans=False)
    scorer = Scorer(encoder, HeadBank([head], encoder.sha256, encoder.dimension), shape)
    forget_variants = [v.text for e in parts["test"][0] for v in augment(e.text, 2, settings.seed)]
    passed = [not scorer.prepare(text).windows for text in forget_variants]
    ordinary_passed = [not scorer.prepare(example.text).windows for example in parts["test"][1]]
    return {
        "seed": settings.seed,
        "refitted": settings.refit,
        "examples": {part: {"forget": len(p), "keep": len(n)} for part, (p, n) in parts.items()},
        "threshold_rule": threshold.rule,
        "calibration_false_negative_risk": round(threshold.alpha, 5),
        "calibration_false_positive_rate": round(threshold.false_positive_rate, 5),
        "test_false_negative_rate": round(float(np.mean(test.positives < threshold.score)), 5),
        "test_false_positive_rate": round(float(np.mean(test.negatives >= threshold.score)), 5),
        "first_tier_recall_loss": round(float(np.mean(passed)), 5),
        "first_tier_pass_rate": round(float(np.mean(ordinary_passed)), 5),
    }

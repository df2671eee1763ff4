"""The training job, top to bottom: examples, split, windows, hard negatives, fit, threshold, first tier, test."""

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bundle import Action, Bundle, update_bundle
from classifier.encoder import Encoder
from classifier.encoder_files import DEFAULT_ENCODER, ENCODER_FILES
from classifier.encoder_shelf import OWN_ENCODER
from classifier.head import Head, head_files
from classifier.settings import ClassifierSettings
from offline.classifier_training.conformal import (
    Preference,
    Scores,
    Threshold,
    choose_threshold,
    false_positive_threshold,
    fit_calibration,
)
from offline.classifier_training.cross_fitting import (
    KeptScores,
    ScoreForms,
    cross_fitted_scores,
    score_kept_groups,
)
from offline.classifier_training.embeddings import EmbeddingStore, Stretch
from offline.classifier_training.encoder_tuning import LabelledTexts, check_agreement, fine_tune_encoder
from offline.classifier_training.example_set import ExampleSet, make_example_set
from offline.classifier_training.examples import Example
from offline.classifier_training.first_tier import (
    RECALL_RISK,
    FirstTierEffect,
    first_tier_effect,
    flagged_texts,
    with_limit,
)
from offline.classifier_training.fitting import LEXICAL_LIMIT, FittedHead, fit_head
from offline.classifier_training.hard_negatives import select_negatives
from offline.classifier_training.held_out import HeldOutScores, score_held_out, score_kept, scorer_of
from offline.classifier_training.names import names_of
from offline.classifier_training.vocabulary import random_sentences
from offline.classifier_training.windows import TrainingWindow, training_windows

Say = Callable[[str], None]

# Windows of each class that an encoder is fine-tuned on at most: minutes on one core.
_FINE_TUNED_ON = 3000


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training run.

    Attributes
    ----------
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
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained head and what was seen on the way; the folder of its own encoder, if it has one."""

    head: Head
    threshold: Threshold
    calibration: HeldOutScores
    test: HeldOutScores
    metrics: dict[str, Any]
    encoder_folder: Path | None = None

    def write_bundle(self, folder: Path) -> Bundle:
        """Put the head into a bundle, whose other artifacts stay as they are; a new one observes until it can do more."""
        files: dict[str, Path | bytes | None] = {
            f"classifier/{name}": content for name, content in head_files(self.head).items()
        }
        for name in ENCODER_FILES:
            source = self.encoder_folder / name if self.encoder_folder else None
            files[f"classifier/{OWN_ENCODER}/{name}"] = source if source and source.is_file() else None
        return update_bundle(
            folder,
            files,
            **({} if folder.exists() else {"action": Action.OBSERVE}),
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
    say: Say = print,
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
    shape = settings.classifier
    encoder = Encoder.load(settings.encoder, precision=shape.precision, cache_folder=shape.cache_folder)
    store = EmbeddingStore(encoder, shape.precision, work_folder / "embeddings.sqlite")
    examples = make_example_set(forget, retain, general, store)
    say(f"{len(examples.forget)} prompts to forget, {len(examples.keep)} to keep, duplicates removed")
    train, calibrate, test = (examples.part(part, settings.seed) for part in ("train", "calibration", "test"))
    own_encoder, agreement = None, None
    if settings.fine_tune_epochs:
        own_encoder = _fine_tuned(train, settings, work_folder, say)
        agreement = check_agreement(
            own_encoder, [e.text for e in calibrate.forget + calibrate.keep][:400], shape.cache_folder
        )
        store.close()
        encoder = Encoder.load(str(own_encoder), precision=shape.precision, cache_folder=shape.cache_folder)
        store = EmbeddingStore(encoder, shape.precision, work_folder / "embeddings.sqlite")

    def fit(examples: ExampleSet) -> Head:
        return _uncalibrated_head(target, encoder, _fit(examples, store, settings, say), examples, settings)

    def scores_by(head: Head) -> ScoreForms:
        scorer = scorer_of(encoder, head, shape, first_tier=False)
        return lambda example: score_kept(scorer, example, settings.seed)

    head = fit(train)
    if own_encoder:
        # To the encoder no fold of the training part is new.
        kept = score_kept_groups(scores_by(head), calibrate, settings.seed)
    else:
        say("scoring what is to be kept by heads that were not fitted on it")
        known = train.joined_with(calibrate)
        kept = cross_fitted_scores(known, lambda part: scores_by(fit(part)), settings.folds, settings.seed)
    say("scoring the calibration and test parts")
    calibration_scores = score_held_out(encoder, head, calibrate, shape, settings.seed)
    test_scores = score_held_out(encoder, head, test, shape, settings.seed)
    threshold = _choose_threshold(calibration_scores.forget, kept, settings)
    curve = fit_calibration(calibration_scores.forget, calibration_scores.keep)
    head = dataclasses.replace(
        head,
        calibration=curve,
        threshold=float(curve.probability(threshold.score)),
        passed_probability=float(curve.probability(calibration_scores.general.min())),
    )
    flagged = flagged_texts(encoder, head, calibrate, shape, settings.seed)
    head = with_limit(encoder, head, flagged, calibrate.general, shape)
    effect = _effect_on(encoder, head, test, settings)
    _say_if_too_much_is_lost(effect, "the test part", say)
    metrics = {
        "examples": examples.counts(),
        **_settings_metrics(settings),
        **_threshold_metrics(threshold, kept, test_scores),
        **_effect_metrics("test", effect),
    }
    if agreement is not None:
        metrics |= {
            "fine_tuned_epochs": settings.fine_tune_epochs,
            "int8_agreement_mean": agreement.mean,
            "int8_agreement_least": agreement.least,
        }
    if settings.refit:
        say("fitting once more, on all examples")
        # This head has seen every text, so whatever was found on texts that were new stays as it is.
        head = dataclasses.replace(
            fit(examples),
            calibration=head.calibration,
            threshold=head.threshold,
            pass_below=head.pass_below,
            passed_probability=head.passed_probability,
        )
        effect = _effect_on(encoder, head, calibrate.joined_with(test), settings)
        metrics |= _effect_metrics("refitted_calibration_and_test", effect)
    store.close()
    encoder_id = f"classifier/{OWN_ENCODER}" if own_encoder else encoder.id
    head = dataclasses.replace(head, provenance=metrics, encoder_id=encoder_id)
    return TrainedClassifier(head, threshold, calibration_scores, test_scores, metrics, own_encoder)


def _fine_tuned(examples: ExampleSet, settings: TrainingSettings, work_folder: Path, say: Say) -> Path:
    """The folder of an encoder that has learned from the training part."""
    classes = (
        (examples.forget, 1, settings.forget_forms, _FINE_TUNED_ON),
        (examples.retain, 0, settings.keep_forms, _FINE_TUNED_ON // 2),
        (examples.general, 0, settings.keep_forms, _FINE_TUNED_ON // 2),
    )
    chosen: list[TrainingWindow] = []
    for side, label, forms, limit in classes:
        windows = training_windows(side, label, forms, settings.seed, settings.classifier)
        chosen += random.Random(settings.seed).sample(windows, min(limit, len(windows)))
    say(f"fine-tuning the encoder on {len(chosen)} windows")
    labelled = LabelledTexts([window.text for window in chosen], [window.label for window in chosen])
    return fine_tune_encoder(
        settings.encoder, labelled, settings.fine_tune_epochs, settings.seed, work_folder
    )


def _fit(examples: ExampleSet, store: EmbeddingStore, settings: TrainingSettings, say: Say) -> FittedHead:
    shape = settings.classifier
    shown = training_windows(examples.forget, 1, settings.forget_forms, settings.seed, shape)
    kept = training_windows(examples.keep, 0, settings.keep_forms, settings.seed, shape)
    forgotten = [e.text for e in examples.forget]
    made = random_sentences(store.encoder.words, forgotten, settings.vocabulary_rounds, settings.seed)
    kept += [TrainingWindow(Stretch.whole(text), 0, text) for text in made]
    say(f"embedding {len(shown) + len(kept)} training windows")
    shown_embeddings = store.embed_stretches([window.stretch for window in shown], "windows to forget")
    kept_embeddings = store.embed_stretches([window.stretch for window in kept], "windows to keep")
    say("fitting, the hardest negatives weighted up")
    chosen, weights = select_negatives(
        shown_embeddings, kept_embeddings, settings.maximum_negatives, settings.seed
    )
    windows = shown + [kept[index] for index in chosen]
    return fit_head(
        [window.text for window in windows],
        np.concatenate([shown_embeddings, kept_embeddings[chosen]]),
        np.array([window.label for window in windows]),
        [window.group for window in windows],
        np.concatenate([np.ones(len(shown)), weights]),
    )


def _uncalibrated_head(
    target: str, encoder: Encoder, fitted: FittedHead, examples: ExampleSet, settings: TrainingSettings
) -> Head:
    found = names_of([e.text for e in examples.forget], [e.text for e in examples.keep])
    return Head(
        target=target,
        encoder_id=encoder.id,
        encoder_sha256=encoder.sha256,
        direction=fitted.direction,
        bias=fitted.bias,
        ngram_weights=fitted.ngram_weights,
        ngram_bias=fitted.ngram_bias,
        lexical_share=fitted.lexical_share,
        lexical_limit=LEXICAL_LIMIT,
        pass_below=-np.inf,
        passed_probability=0.0,
        threshold=0.5,
        entities=settings.entities or tuple(found),
    )


def _choose_threshold(forget: Scores, kept: KeptScores, settings: TrainingSettings) -> Threshold:
    rates = (
        (kept.general, settings.false_positive_rate),
        (kept.retain, settings.near_false_positive_rate),
    )
    lowest = max(false_positive_threshold(side.scores, side.weights, rate) for side, rate in rates)
    return choose_threshold(forget, settings.alpha, lowest, settings.prefer)


def _effect_on(
    encoder: Encoder, head: Head, examples: ExampleSet, settings: TrainingSettings
) -> FirstTierEffect:
    flagged = flagged_texts(encoder, head, examples, settings.classifier, settings.seed)
    return first_tier_effect(encoder, head, flagged, examples.general, settings.classifier)


def _settings_metrics(settings: TrainingSettings) -> dict[str, Any]:
    return {
        "precision": settings.classifier.precision,
        "seed": settings.seed,
        "refitted": settings.refit,
        "wanted_alpha": settings.alpha,
        "wanted_false_positive_rate_near": settings.near_false_positive_rate,
        "wanted_false_positive_rate_ordinary": settings.false_positive_rate,
    }


def _threshold_metrics(threshold: Threshold, kept: KeptScores, test: HeldOutScores) -> dict[str, Any]:
    metrics = {
        "threshold_rule": threshold.rule,
        "calibration_false_negative_risk": round(threshold.alpha, 5),
        "calibration_groups_near": kept.retain.groups,
        "calibration_groups_ordinary": kept.general.groups,
        "calibration_false_positive_rate_near": round(kept.retain.rate_from(threshold.score), 5),
        "calibration_false_positive_rate_ordinary": round(kept.general.rate_from(threshold.score), 5),
        "test_false_negative_rate": _share(test.forget < threshold.score),
        "test_false_positive_rate_near": _share(test.retain >= threshold.score),
        "test_false_positive_rate_ordinary": _share(test.general >= threshold.score),
    }
    if threshold.guaranteed is not None:
        metrics["guaranteed_false_negative_risk"] = round(threshold.guaranteed, 5)
    return metrics


def _effect_metrics(where: str, effect: FirstTierEffect) -> dict[str, float]:
    return {
        f"{where}_first_tier_flagged_texts": effect.flagged,
        f"{where}_first_tier_recall_loss": round(effect.recall_loss, 5),
        f"{where}_first_tier_pass_rate": round(effect.pass_rate, 5),
    }


def _say_if_too_much_is_lost(effect: FirstTierEffect, where: str, say: Say) -> None:
    if effect.recall_loss > RECALL_RISK:
        say(
            f"the first tier loses {effect.lost} of {effect.flagged} flagged texts of {where}, more than "
            f"{100 * RECALL_RISK:g} %; `classifier.first_tier: false` serves without it"
        )


def _share(condition: Any) -> float:
    return round(float(np.mean(condition)), 5)

"""The training job, top to bottom: examples, split, windows, fits, threshold, first tier, test."""

import dataclasses
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lethe.bundle import Action, Bundle, load_bundle, read_manifest
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import ENCODER_FILES
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.encoders.registry import OWN_ENCODER
from lethe.classifier.head import Head, head_files, load_head
from lethe.classifier.names import name_forms
from lethe.offline.classifier_training.conformal import (
    Scores,
    Threshold,
    choose_threshold,
    false_positive_threshold,
    fit_calibration,
)
from lethe.offline.classifier_training.cross_fitting import (
    KeptScores,
    ScoreForms,
    cross_fitted_scores,
    score_kept_groups,
)
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.encoder_tuning import LabelledTexts, check_agreement, fine_tune_encoder
from lethe.offline.classifier_training.example_set import ExampleSet, make_example_set
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.finished_stages import FinishedStages
from lethe.offline.classifier_training.first_tier import (
    RECALL_RISK,
    FirstTierEffect,
    first_tier_effect,
    flagged_texts,
    with_limits,
)
from lethe.offline.classifier_training.fitting import FittedHead
from lethe.offline.classifier_training.head_fitting import HeadFitter, OrdinaryText
from lethe.offline.classifier_training.held_out import HeldOutScores, score_held_out, score_kept, scorer_of
from lethe.offline.classifier_training.known_questions import FoundQuestions
from lethe.offline.classifier_training.name_groups import canonical_words, group_names, rarely_named
from lethe.offline.classifier_training.names import names_of, own_words
from lethe.offline.classifier_training.ordinary_blocks import ordinary_blocks, stretches, take
from lethe.offline.classifier_training.ordinary_choice import sample_groups, without_target
from lethe.offline.classifier_training.ordinary_scan import fit_tail, scan
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.windows import TrainingWindow, training_windows
from lethe.offline.data.ordinary_text import machine_folders
from lethe.offline.progress import Progress
from lethe.offline.recording import record

# The score, in log-odds, from which ordinary text that a head scans is learned from.
_ALARM_FROM = -1.0
# How much more ordinary text is read for how often it has the target's names than is scanned in a round.
_READ_FOR_NAMES = 4
# How much more of it than is scanned in a round tells how ordinary scores tail off.
_MEASURED_ON = 2
# Blocks of it that, beside ordinary prompts, say what the first tier clears.
_BLOCKS_TO_CLEAR = 300
# Windows of each class that an encoder is fine-tuned on at most: minutes on one core.
_FINE_TUNED_ON = 3000
# Of ordinary prompts, of negative windows to fit on, and of stretches of ordinary text for the first tier, the most for a
# target of a hundred prompts or fewer, and in proportion for more: more tell such a target little, and each costs time.
_ORDINARY, _NEGATIVES, _BACKGROUND = 2000, 10_000, 20_000


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained head and what was seen on the way; the folder of its own encoder, if it has one.

    Attributes
    ----------
    held_out
        Prompts to forget of the calibration and the test part.
    """

    head: Head
    threshold: Threshold
    calibration: HeldOutScores
    test: HeldOutScores
    metrics: dict[str, Any]
    encoder_folder: Path | None = None
    held_out: tuple[str, ...] = ()

    def write_bundle(self, folder: Path, known: FoundQuestions | None = None) -> Bundle:
        """Put the head into a bundle, whose other artifacts stay as they are; a new one observes until it can do more.

        Parameters
        ----------
        known
            The questions that later classifiers of the bundle must find; those that it has by default.
        """
        kept = read_manifest(folder).metrics.get("classifier", {}) if folder.exists() else {}
        floor = known.metrics() if known else kept.get("known")
        files: dict[str, Path | bytes | None] = {
            f"classifier/{name}": content for name, content in head_files(self.head).items()
        }
        for name in ENCODER_FILES:
            source = self.encoder_folder / name if self.encoder_folder else None
            files[f"classifier/{OWN_ENCODER}/{name}"] = source if source and source.is_file() else None
        files |= _of_another_encoder(folder, self.head.encoder_sha256)
        new: dict[str, Any] = {} if folder.exists() else {"action": Action.OBSERVE}
        return record(
            folder,
            files | (known.files() if known else {}),
            **new,
            threshold=self.head.threshold,
            encoder={"id": self.head.encoder_id, "sha256": self.head.encoder_sha256},
            metrics={"classifier": self.metrics | ({"known": floor} if floor else {})},
        )


def _of_another_encoder(folder: Path, encoder_sha256: str) -> dict[str, Path | bytes | None]:
    """What of a bundle's head for answers is to be removed, since the encoder that it stands on is."""
    if not folder.exists():
        return {}
    bundle = load_bundle(folder)
    head = bundle.answer_classifier
    if head is None or load_head(head).encoder_sha256 == encoder_sha256:
        return {}
    return {name: None for name in bundle.manifest.files if (folder / name).parent == head}


def train_classifier(
    target: str,
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
    settings: TrainingSettings,
    work_folder: Path,
    progress: Progress | None = None,
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
        Where embeddings and the outcomes of finished stages are kept, so that an interrupted run goes on.
    progress
        Told of the stages; by default they are printed, a line each.

    Raises
    ------
    TrainingError
        There are too few examples, or the same prompt is to be forgotten and kept.
    """
    progress = progress or Progress()
    given = len(forget) + len(retain)
    negatives = min(settings.maximum_negatives, _most(_NEGATIVES, given))
    settings = settings.model_copy(update={"maximum_negatives": negatives})
    # Our own are about whatever people ask.
    others = without_target(general, forget, _names(ExampleSet([*forget], [*retain], [*general]), settings))
    if len(others) < len(general):
        progress.say(f"{len(general) - len(others)} ordinary prompts ask about the target and are left out")
    general = sample_groups(others, min(settings.maximum_ordinary, _most(_ORDINARY, given)), settings.seed)
    folds = 0 if settings.fine_tune_epochs else settings.folds
    scans = settings.scan_rounds + 3 * bool(settings.scan_rounds)
    progress.expect(4 + bool(settings.fine_tune_epochs) + folds + settings.refit + scans)
    encoder = load_encoder(settings.encoder, precision=settings.precision)
    database = work_folder / "embeddings.sqlite"
    with closing(EmbeddingStore(encoder, settings.precision, database)) as store:
        examples = make_example_set(forget, retain, general, store, progress)
    progress.say(
        f"{len(examples.forget)} prompts to forget, {len(examples.keep)} to keep, duplicates removed"
    )
    train, calibrate, test = (examples.part(part, settings.seed) for part in ("train", "calibration", "test"))
    own_encoder, agreement = None, None
    if settings.fine_tune_epochs:
        own_encoder = _fine_tuned(train, settings, work_folder, progress)
        agreement = check_agreement(own_encoder, [e.text for e in calibrate.forget + calibrate.keep][:400])
        encoder = load_encoder(str(own_encoder), precision=settings.precision)
    finished = FinishedStages(work_folder, settings, encoder.sha256, examples)

    with closing(EmbeddingStore(encoder, settings.precision, database)) as store:
        names = _names(train, settings)
        folders = settings.ordinary or machine_folders()
        blocks = ordinary_blocks(folders, settings.seed) if settings.scan_rounds else iter(())
        if settings.scan_rounds:
            progress.begin("reading ordinary text")
        read = take(blocks, _READ_FOR_NAMES * settings.scan_characters)
        vocabulary = canonical_words(encoder.words)
        grouped = group_names(
            name_forms(names),
            lambda word: word in vocabulary or len(encoder.tokenize(word)) == 1,
            read,
            [example.text for example in examples.retain],
        )
        fitter = HeadFitter(store, settings, grouped)
        known = train.joined_with(calibrate)
        progress.begin("embedding the windows of all prompts, and random sentences")
        fitter.embed(
            [train, *([known] if folds else []), *([examples] if settings.refit else [])], progress.advance
        )

        def of_others(blocks: list[str]) -> list[str]:
            return [block for block in blocks if not rarely_named(grouped, block)]

        ordinary = OrdinaryText()
        if settings.scan_rounds:
            progress.begin("embedding ordinary text that the first tier cannot clear")
            seen = stretches(of_others(read[: len(read) // _READ_FOR_NAMES]))
            seen = random.Random(settings.seed).sample(seen, min(_most(_BACKGROUND, given), len(seen)))
            ordinary = fitter.hold_back(train, seen, progress.advance)

        def fit(examples: ExampleSet, ordinary: OrdinaryText) -> FittedHead:
            return fitter.fit(examples, lambda step: progress.advance(0, note=step), ordinary)

        def head_of(fitted: FittedHead, examples: ExampleSet) -> Head:
            return _uncalibrated_head(target, encoder, fitted, examples, settings)

        def scores_by(head: Head) -> ScoreForms:
            scorer = scorer_of(encoder, head, first_tier=False)
            return lambda example: score_kept(scorer, example, settings.seed)

        def run_fold(number: int, score: Callable[[], KeptScores]) -> KeptScores:
            progress.begin(f"fold {number} of {folds}, scored by a head that is fitted without it")
            return finished.scores(f"fold-{number}", score)

        # One that nothing alarmed would be fitted again as it is.
        fitted: FittedHead | None = None
        for number in range(1, settings.scan_rounds + 1):
            progress.begin(f"scanning ordinary text, round {number} of {settings.scan_rounds}")
            fitted = fitted or finished.head(
                f"scan-{number}", grouped, lambda ordinary=ordinary: fit(train, ordinary)
            )
            scanned = scan(
                scorer_of(encoder, head_of(fitted, train), first_tier=True),
                of_others(take(blocks, settings.scan_characters)),
                _ALARM_FROM,
                progress.advance,
            )
            found = {alarm: None for block in scanned for alarm in block.alarms}
            progress.say(
                f"{len(found):,} windows and sentences in {sum(bool(each.alarms) for each in scanned):,} "
                f"of {len(scanned):,} blocks look like the target; they join what is to be kept"
            )
            if found:
                ordinary = dataclasses.replace(ordinary, alarms=[*ordinary.alarms, *found])
                fitted = None

        progress.begin("fitting a head on the training part")
        head = head_of(fitted or finished.head("head", grouped, lambda: fit(train, ordinary)), train)
        if own_encoder:
            # To the encoder no fold of the training part is new.
            kept = score_kept_groups(scores_by(head), calibrate, settings.seed, progress.advance)
        else:
            ungated = dataclasses.replace(ordinary, background=())
            kept = cross_fitted_scores(
                known,
                # What they score, they score without the first tier.
                lambda part: scores_by(head_of(fit(part, ungated), part)),
                folds,
                settings.seed,
                run_fold,
                progress.advance,
            )
        refitted = None
        if settings.refit:
            progress.begin("fitting a head on all prompts")
            # It has seen every text, so whatever is found on texts that are new stays as it is.
            refitted = head_of(finished.head("refitted", grouped, lambda: fit(examples, ordinary)), examples)

    progress.begin("setting the threshold, measuring what it brings")
    calibration_scores, test_scores = (
        score_held_out(encoder, head, part, settings.seed, progress.advance) for part in (calibrate, test)
    )
    progress.advance(0, note="the first tier")
    threshold = _choose_threshold(calibration_scores.forget, kept, settings)
    curve = fit_calibration(calibration_scores.forget, calibration_scores.keep)
    head = dataclasses.replace(
        head,
        calibration=curve,
        threshold=float(curve.probability(threshold.score)),
        passed_probability=float(curve.probability(calibration_scores.general.min())),
    )
    flagged = flagged_texts(encoder, head, calibrate, settings.seed)
    prompts = [example.text for example in calibrate.general]
    head = with_limits(encoder, head, flagged, [*prompts, *read[-_BLOCKS_TO_CLEAR:]])
    effect = _effect_on(encoder, head, test, settings)
    _say_if_too_much_is_lost(effect, "the test part", progress)
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
    if refitted:
        head = dataclasses.replace(
            refitted,
            calibration=head.calibration,
            threshold=head.threshold,
            pass_below=head.pass_below,
            lexical_below=head.lexical_below,
            passed_probability=head.passed_probability,
        )
        effect = _effect_on(encoder, head, calibrate.joined_with(test), settings)
        metrics |= _effect_metrics("refitted_calibration_and_test", effect)
    encoder_id = f"classifier/{OWN_ENCODER}" if own_encoder else encoder.id
    if settings.scan_rounds:
        progress.begin("scanning ordinary text that no head has seen")
        blocks_left = of_others(take(blocks, _MEASURED_ON * settings.scan_characters))
        scanned = scan(scorer_of(encoder, head, first_tier=True), blocks_left, np.inf, progress.advance)
        head = dataclasses.replace(head, tail=fit_tail(scanned))
        flagged_blocks = sum(each.score >= threshold.score for each in scanned)
        metrics |= {
            "ordinary_blocks": len(scanned),
            "ordinary_blocks_flagged": flagged_blocks,
        }
    head = dataclasses.replace(head, provenance=metrics, encoder_id=encoder_id)
    finished.clear()
    held_out = tuple(example.text for part in (test, calibrate) for example in part.forget)
    return TrainedClassifier(head, threshold, calibration_scores, test_scores, metrics, own_encoder, held_out)


def _most(of_few_prompts: int, prompts: int) -> int:
    return of_few_prompts * max(prompts, 100) // 100


def _fine_tuned(
    examples: ExampleSet, settings: TrainingSettings, work_folder: Path, progress: Progress
) -> Path:
    """The folder of an encoder that has learned from the training part."""
    classes = (
        (examples.forget, 1, settings.forget_forms, _FINE_TUNED_ON),
        (examples.retain, 0, settings.keep_forms, _FINE_TUNED_ON // 2),
        (examples.general, 0, settings.keep_forms, _FINE_TUNED_ON // 2),
    )
    chosen: list[TrainingWindow] = []
    for side, label, forms, limit in classes:
        windows = training_windows(side, label, forms, settings.seed)
        chosen += random.Random(settings.seed).sample(windows, min(limit, len(windows)))
    progress.begin(f"fine-tuning the encoder on {len(chosen)} windows")
    labelled = LabelledTexts([window.text for window in chosen], [window.label for window in chosen])
    return fine_tune_encoder(
        settings.encoder, labelled, settings.fine_tune_epochs, settings.seed, work_folder, progress.advance
    )


def _uncalibrated_head(
    target: str, encoder: Encoder, fitted: FittedHead, examples: ExampleSet, settings: TrainingSettings
) -> Head:
    return Head(
        target=target,
        encoder_id=encoder.id,
        encoder_sha256=encoder.sha256,
        direction=fitted.direction,
        bias=fitted.bias,
        bag=fitted.bag,
        gate_direction=fitted.gate_direction,
        gate_bias=fitted.gate_bias,
        pass_below=fitted.pass_below,
        lexical_below=fitted.lexical_below,
        names=fitted.names,
        passed_probability=0.0,
        threshold=0.5,
        entities=_names(examples, settings),
    )


def _names(examples: ExampleSet, settings: TrainingSettings) -> tuple[str, ...]:
    if settings.entity_names:
        return settings.entity_names
    forget, retain, general = (
        [e.text for e in side] for side in (examples.forget, examples.retain, examples.general)
    )
    return tuple(dict.fromkeys([*names_of(forget, retain), *own_words(forget, retain, general)]))


def _choose_threshold(forget: Scores, kept: KeptScores, settings: TrainingSettings) -> Threshold:
    rates = (
        (kept.general, settings.false_positive_rate),
        (kept.retain, settings.near_false_positive_rate),
    )
    lowest = max(false_positive_threshold(side.scores, side.weights, rate) for side, rate in rates)
    return choose_threshold(
        forget, settings.alpha, lowest, "conformal" if settings.prefer_conformal else "false_positives"
    )


def _effect_on(
    encoder: Encoder, head: Head, examples: ExampleSet, settings: TrainingSettings
) -> FirstTierEffect:
    flagged = flagged_texts(encoder, head, examples, settings.seed)
    return first_tier_effect(encoder, head, flagged, examples.general)


def _settings_metrics(settings: TrainingSettings) -> dict[str, Any]:
    return {
        "precision": settings.precision,
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


def _say_if_too_much_is_lost(effect: FirstTierEffect, where: str, progress: Progress) -> None:
    if effect.recall_loss > RECALL_RISK:
        progress.say(
            f"the first tier loses {effect.lost} of {effect.flagged} flagged texts of {where}, more than "
            f"{100 * RECALL_RISK:g} %; `classifier.first_tier: false` serves without it"
        )


def _share(condition: Any) -> float:
    return round(float(np.mean(condition)), 5)

"""The training job, top to bottom: examples, split, windows, fits, threshold, first tier, test."""

import dataclasses
import random
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np

from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.encoders.registry import OWN_ENCODER
from lethe.offline.classifier_training.calibration import calibrate, calibrated_as
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.encoder_tuning import LabelledTexts, check_agreement, fine_tune_encoder
from lethe.offline.classifier_training.example_set import ExampleSet, SplitExamples, make_example_set
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.finished_stages import FinishedStages
from lethe.offline.classifier_training.head_stages import HeadStages
from lethe.offline.classifier_training.held_out import scorer_of
from lethe.offline.classifier_training.names import entities_of
from lethe.offline.classifier_training.ordinary_choice import sample_groups, without_target
from lethe.offline.classifier_training.ordinary_reading import OrdinaryReading
from lethe.offline.classifier_training.ordinary_scan import fit_tail, scan
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from lethe.offline.classifier_training.windows import TrainingWindow, training_windows
from lethe.offline.progress import Progress

# Windows of each class that an encoder is fine-tuned on at most: minutes on one core.
_FINE_TUNED_ON = 3000
# Prompts on which it is compared with its quantized form.
_COMPARED_ON = 400
# Of ordinary prompts, of negative windows to fit on, and of stretches of ordinary text for the first tier, the most for a
# target of a hundred prompts or fewer, and in proportion for more: more tell such a target little, and each costs time.
_ORDINARY, _NEGATIVES, _BACKGROUND = 2000, 10_000, 20_000


def train_classifier(
    target: str,
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
    settings: TrainingSettings,
    work_folder: Path,
    progress: Progress | None = None,
    *,
    keep_stages: bool = False,
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
    keep_stages
        Whether the outcomes of stages outlast the training, for a job that goes on after it: it clears
        ``TrainedClassifier.stages`` in the end.

    Raises
    ------
    TrainingError
        There are too few examples, or the same prompt is to be forgotten and kept.
    """
    progress = progress or Progress()
    given = len(forget) + len(retain)
    negatives = min(settings.maximum_negatives, _most(_NEGATIVES, given))
    settings = settings.model_copy(update={"maximum_negatives": negatives})
    folds = 0 if settings.fine_tune_epochs else settings.folds
    scans = settings.scan_rounds + 3 * bool(settings.scan_rounds)
    progress.expect(4 + bool(settings.fine_tune_epochs) + folds + settings.refit + scans)
    encoder = load_encoder(settings.encoder, precision=settings.precision)
    general = _ordinary_prompts(forget, retain, general, encoder.words, settings, progress)
    database = work_folder / "embeddings.sqlite"
    with closing(EmbeddingStore(encoder, settings.precision, database)) as store:
        examples = make_example_set(forget, retain, general, store, progress)
    progress.say(
        f"{len(examples.forget)} prompts to forget, {len(examples.keep)} to keep, duplicates removed"
    )
    parts = SplitExamples.of(examples, settings.seed)
    own_encoder, agreement = None, None
    if settings.fine_tune_epochs:
        own_encoder = _fine_tuned(parts.train, settings, work_folder, progress)
        agreement = check_agreement(own_encoder, [*chain(*parts.calibration.texts())][:_COMPARED_ON])
        encoder = load_encoder(str(own_encoder), precision=settings.precision)
    finished = FinishedStages(work_folder, settings, encoder.sha256, examples)

    with closing(EmbeddingStore(encoder, settings.precision, database)) as store:
        if settings.scan_rounds:
            progress.begin("reading ordinary text")
        names = settings.entity_names or entities_of(*parts.train.texts(), encoder.words)
        near = [example.text for example in examples.retain]
        reading = OrdinaryReading(encoder, names, near, settings)
        stages = HeadStages(target, examples, parts, store, reading, settings, finished, progress)
        stages.embed(folds)
        if settings.scan_rounds:
            stages.hold_back(_most(_BACKGROUND, given))
            stages.scan_ordinary_text()
        fitted = stages.head()
        # To an encoder that was fine-tuned no fold of the training part is new.
        kept = stages.scores_of_calibration(fitted) if own_encoder else stages.cross_fitted(folds)
        # It has seen every text, so whatever is found on texts that are new stays as it is.
        refitted = stages.refitted() if settings.refit else None
        progress.begin("setting the threshold, measuring what it brings")
        if not own_encoder:
            fitted = dataclasses.replace(fitted, questions=stages.questions(parts.known))
        if refitted and fitted.questions:
            refitted = dataclasses.replace(refitted, questions=stages.questions(examples))

    to_clear = [block.text for block in reading.to_clear]
    calibrated = calibrate(encoder, fitted, parts, kept, to_clear, settings, progress)
    head, metrics = calibrated.head, {"examples": examples.counts(), **calibrated.metrics}
    if agreement is not None:
        metrics |= {
            "fine_tuned_epochs": settings.fine_tune_epochs,
            "int8_agreement_mean": agreement.mean,
            "int8_agreement_least": agreement.least,
        }
    if refitted:
        head, effect = calibrated_as(calibrated, refitted, encoder, parts, settings)
        metrics |= effect
    if settings.scan_rounds:
        progress.begin("scanning ordinary text that no head has seen")
        scanned = scan(
            scorer_of(encoder, head, first_tier=True), reading.to_measure, np.inf, progress.advance
        )
        head = dataclasses.replace(head, tail=fit_tail(scanned))
        metrics |= {
            "ordinary_blocks": len(scanned),
            "ordinary_blocks_flagged": sum(each.score >= calibrated.threshold.score for each in scanned),
        }
    encoder_id = f"classifier/{OWN_ENCODER}" if own_encoder else encoder.id
    head = dataclasses.replace(head, provenance=metrics, encoder_id=encoder_id)
    if not keep_stages:
        finished.clear()
    return TrainedClassifier(
        head,
        calibrated.threshold,
        calibrated.calibration,
        calibrated.test,
        metrics,
        finished,
        own_encoder,
        held_out=tuple(example.text for part in (parts.test, parts.calibration) for example in part.forget),
    )


def _ordinary_prompts(
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
    words: Sequence[str],
    settings: TrainingSettings,
    progress: Progress,
) -> list[Example]:
    """The ordinary prompts that a target is trained beside."""
    # Our own are about whatever people ask.
    asked = ExampleSet([*forget], [*retain], [*general])
    names = settings.entity_names or entities_of(*asked.texts(), words)
    others = without_target(general, forget, names)
    if len(others) < len(general):
        progress.say(f"{len(general) - len(others)} ordinary prompts ask about the target and are left out")
    most = min(settings.maximum_ordinary, _most(_ORDINARY, len(forget) + len(retain)))
    return sample_groups(others, most, settings.seed)


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

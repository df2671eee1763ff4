"""Training a target's head for answers: windows, fits, what alarms them, the threshold, the first tier, the tail."""

import dataclasses
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lethe.bundle import Bundle
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.exchange import exchange_passages
from lethe.classifier.head import Head, head_files
from lethe.classifier.scoring import Scorer
from lethe.offline.classifier_training.answer_examples import (
    QuestionAnswer,
    answer_windows,
    ordinary_answers,
)
from lethe.offline.classifier_training.conformal import (
    Scores,
    choose_threshold,
    false_positive_threshold,
    fit_calibration,
)
from lethe.offline.classifier_training.cores import OnDone, on_all_cores
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.first_tier import LEXICAL, with_limits
from lethe.offline.classifier_training.fitting import FittedHead
from lethe.offline.classifier_training.head_fitting import HeadFitter
from lethe.offline.classifier_training.held_out import scorer_of
from lethe.offline.classifier_training.ordinary_blocks import ordinary_blocks, stretches
from lethe.offline.classifier_training.ordinary_reading import without_target
from lethe.offline.classifier_training.ordinary_scan import fit_tail, scan
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.splitting import part_of
from lethe.offline.data.ordinary_text import machine_folders
from lethe.offline.progress import Progress
from lethe.offline.recording import record

FOLDER = "answer_classifier"
_MINIMUM = 20
# Ordinary answers for each that is given, and at most.
_ORDINARY_EACH, _ORDINARY = 10, 2000
# The score, in log-odds, from which ordinary text that a head scans is learned from.
_ALARM_FROM = -1.0
# Characters of ordinary text that answers are cut from, and stretches of it for the first tier.
_CUT_FROM, _BACKGROUND = 1_000_000, 10_000
# How much more of it than is scanned in a round tells how ordinary scores tail off.
_MEASURED_ON = 2
_BLOCKS_TO_CLEAR = 300
# An answer is looked at many times, and must score higher than a prompt.
_LEXICAL = (3.0, 2.0, *LEXICAL)


@dataclass(frozen=True)
class TrainedAnswers:
    """A trained head for answers, and what was seen on the way."""

    head: Head
    metrics: dict[str, Any]

    def write_bundle(self, folder: Path) -> Bundle:
        """Put the head into a bundle that has a classifier, whose other artifacts stay as they are."""
        files: dict[str, Path | bytes | None] = {
            f"{FOLDER}/{name}": content for name, content in head_files(self.head).items()
        }
        return record(folder, files, metrics={"answers": self.metrics})


@dataclass(frozen=True)
class _Answers:
    """Answers by class: that tell of the target, of what is near it, and ordinary ones."""

    forget: list[QuestionAnswer]
    near: list[QuestionAnswer]
    ordinary: list[QuestionAnswer]

    def split(self, seed: int) -> tuple["_Answers", "_Answers"]:
        """Those to fit on, and those to set the threshold by; the answers to one question stay together."""
        fitted, held = _Answers([], [], []), _Answers([], [], [])
        for side in ("forget", "near", "ordinary"):
            for each in getattr(self, side):
                known = part_of(Example(each.answer, each.question), seed) == "train"
                getattr(fitted if known else held, side).append(each)
        return fitted, held


def check_answers(forget: Sequence[QuestionAnswer], near: Sequence[QuestionAnswer]) -> None:
    """Check before any work for it is begun that there are enough answers, if there are any.

    Raises
    ------
    TrainingError
        There are too few of either.
    """
    for name, side in (("to forget", forget), ("near the target", near)):
        if (forget or near) and len(side) < _MINIMUM:
            raise TrainingError(
                f"{len(side)} answers {name} are too few; give at least {_MINIMUM}, better hundreds"
            )


def train_answers(
    prompt_head: Head,
    encoder: Encoder,
    forget: Sequence[QuestionAnswer],
    near: Sequence[QuestionAnswer],
    prompts: Sequence[str],
    settings: TrainingSettings,
    work_folder: Path,
    progress: Progress | None = None,
) -> TrainedAnswers:
    """Train and calibrate the head for answers of a target that has one for prompts.

    Parameters
    ----------
    prompt_head
        Its names, grouped by how often ordinary text has them, are this one's too.
    encoder
        That of the other head.
    forget
        Answers that tell what is to be forgotten.
    near
        Answers near the target that are allowed.
    prompts
        Ordinary prompts; what answers them is taken from ordinary text.
    work_folder
        Where embeddings are kept.
    progress
        Told of the stages; by default they are printed, a line each.

    Raises
    ------
    TrainingError
        There are too few answers.
    """
    progress = progress or Progress()
    check_answers(forget, near)
    # Behind those of the classifier, where it was trained before.
    progress.expect_more(4 + settings.scan_rounds + bool(settings.scan_rounds))
    progress.begin("reading ordinary text for answers")
    names = prompt_head.names.names
    in_a_round = settings.scan_characters
    sizes = [_CUT_FROM]
    if settings.scan_rounds:
        sizes += [in_a_round] * settings.scan_rounds + [_MEASURED_ON * in_a_round]
    parts = ordinary_blocks(settings.ordinary or machine_folders(), settings.seed, sizes)
    allowed = [text for each in near for text in (each.question, each.answer)]
    to_cut, *to_scan = without_target(parts, prompt_head.entities, encoder, allowed)
    read = [block.text for block in to_cut]
    count = min(_ORDINARY_EACH * (len(forget) + len(near)), _ORDINARY)
    answers = _Answers([*forget], [*near], ordinary_answers(prompts, read, count, settings.seed))
    fitted_on, held_out = answers.split(settings.seed)

    def names_target(text: str) -> bool:
        return bool(names.counted(text).any())

    def as_answer(block: str) -> list[str]:
        """The passages of a block as the answer to some ordinary prompt."""
        question = random.Random(f"{settings.seed}:{block}").choice(prompts)
        exchange = QuestionAnswer(question=question, answer=block).exchange
        return [passage.text for passage in exchange_passages(exchange)]

    with closing(EmbeddingStore(encoder, settings.precision, work_folder / "embeddings.sqlite")) as store:
        fitter = HeadFitter(store, settings, names)
        shown = answer_windows(fitted_on.forget, 1, names_target)
        kept = answer_windows([*fitted_on.near, *fitted_on.ordinary], 0, names_target)
        progress.begin("embedding the windows of all answers")
        store.keep([window.stretch for window in (*shown, *kept)], progress.advance)
        progress.begin("embedding ordinary text that the first tier cannot clear")
        seen = stretches(read)
        seen = random.Random(settings.seed).sample(seen, min(_BACKGROUND, len(seen)))
        ordinary = fitter.hold_back_of_windows(shown, kept, seen, progress.advance)

        def fit() -> Head:
            fitted = fitter.fit_windows(shown, kept, lambda step: progress.advance(0, note=step), ordinary)
            return _head_of(prompt_head, fitted)

        for number, blocks in enumerate(to_scan[:-1], 1):
            progress.begin(f"scanning ordinary text as answers, round {number} of {settings.scan_rounds}")
            scanned = scan(
                scorer_of(encoder, fit(), first_tier=True),
                blocks,
                _ALARM_FROM,
                progress.advance,
                as_answer,
            )
            found = {alarm: None for block in scanned for alarm in block.alarms}
            progress.say(
                f"{len(found):,} windows and sentences of {len(scanned):,} blocks look like the target"
            )
            ordinary = dataclasses.replace(ordinary, alarms=[*ordinary.alarms, *found])
        progress.begin("fitting the head, setting its threshold")
        head = fit()

    whole = scorer_of(encoder, head, first_tier=False)
    scores = {
        side: _scores(whole, getattr(held_out, side), progress.advance)
        for side in ("forget", "near", "ordinary")
    }
    rates = (("near", settings.near_false_positive_rate), ("ordinary", settings.answer_false_positive_rate))
    lowest = max(
        false_positive_threshold(scores[side], np.ones(len(scores[side])), rate) for side, rate in rates
    )
    threshold = choose_threshold(scores["forget"], settings.alpha, lowest, "false_positives")
    curve = fit_calibration(scores["forget"], np.concatenate([scores["near"], scores["ordinary"]]))
    head = dataclasses.replace(
        head,
        calibration=curve,
        threshold=float(curve.probability(threshold.score)),
        passed_probability=float(curve.probability(scores["ordinary"].min())),
    )
    flagged = [
        _last_passage(answer)
        for answer, score in zip(held_out.forget, scores["forget"], strict=True)
        if score >= threshold.score
    ]
    cleared = [*map(_last_passage, held_out.ordinary), *read[-_BLOCKS_TO_CLEAR:]]
    head = with_limits(encoder, head, flagged, cleared, _LEXICAL)
    metrics: dict[str, Any] = {
        "examples": {side: len(getattr(answers, side)) for side in ("forget", "near", "ordinary")},
        "seed": settings.seed,
        "wanted_false_positive_rate_near": settings.near_false_positive_rate,
        "wanted_false_positive_rate_ordinary": settings.answer_false_positive_rate,
        "threshold_rule": threshold.rule,
        **{f"held_out_{side}": len(found) for side, found in scores.items()},
        **{
            f"held_out_{side}_flagged": int(np.sum(found >= threshold.score))
            for side, found in scores.items()
        },
    }
    if settings.scan_rounds:
        progress.begin("scanning ordinary text that no head has seen")
        scanned = scan(
            scorer_of(encoder, head, first_tier=True), to_scan[-1], np.inf, progress.advance, as_answer
        )
        head = dataclasses.replace(head, tail=fit_tail(scanned))
        metrics |= {
            "ordinary_blocks": len(scanned),
            "ordinary_blocks_flagged": sum(each.score >= threshold.score for each in scanned),
        }
    return TrainedAnswers(dataclasses.replace(head, provenance=metrics), metrics)


def _head_of(prompt_head: Head, fitted: FittedHead) -> Head:
    """A head that is not calibrated yet."""
    learned = {field.name: getattr(fitted, field.name) for field in dataclasses.fields(fitted)}
    return Head(
        target=prompt_head.target,
        encoder_id=prompt_head.encoder_id,
        encoder_sha256=prompt_head.encoder_sha256,
        entities=prompt_head.entities,
        passed_probability=0.0,
        threshold=0.5,
        **learned,
    )


def _last_passage(answer: QuestionAnswer) -> str:
    """The end of an answer, behind what is asked."""
    return exchange_passages(answer.exchange)[-1].text


def _scores(scorer: Scorer, answers: Sequence[QuestionAnswer], on_scored: OnDone) -> Scores:
    """The largest score of each answer's passages."""

    def score(answer: QuestionAnswer) -> float:
        passages = exchange_passages(answer.exchange)
        return max(float(scorer.score_text(passage.text).scores[0]) for passage in passages)

    return np.array(on_all_cores(score, answers, on_scored), np.float32)

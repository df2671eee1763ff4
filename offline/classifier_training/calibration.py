"""The threshold, calibration and first tier of a fitted head, and what they bring on the test part."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.questions import QuestionWeights
from lethe.offline.classifier_training.conformal import (
    Scores,
    Threshold,
    choose_threshold,
    false_positive_threshold,
    fit_calibration,
)
from lethe.offline.classifier_training.cross_fitting import KeptScores
from lethe.offline.classifier_training.example_set import ExampleSet, SplitExamples
from lethe.offline.classifier_training.first_tier import (
    RECALL_RISK,
    FirstTierEffect,
    first_tier_effect,
    flagged_texts,
    with_limits,
)
from lethe.offline.classifier_training.held_out import HeldOutScores, score_held_out
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.progress import Progress

# What a head has of its calibration.
_CALIBRATED = ("calibration", "threshold", "pass_below", "lexical_below", "passed_probability")


@dataclass(frozen=True)
class CalibratedHead:
    """A head with its threshold, and the scores by which it was chosen and tested."""

    head: Head
    threshold: Threshold
    calibration: HeldOutScores
    test: HeldOutScores
    metrics: dict[str, Any]


def calibrate(
    encoder: Encoder,
    head: Head,
    parts: SplitExamples,
    kept: KeptScores,
    ordinary: list[str],
    settings: TrainingSettings,
    progress: Progress,
) -> CalibratedHead:
    """Set a head's threshold, calibration and first tier.

    Parameters
    ----------
    kept
        Scores of what is to be kept, by heads that were not fitted on it.
    ordinary
        Blocks of ordinary text, of which the first tier is to clear most.
    """
    # It has a threshold of its own, and has seen the calibration part.
    questions, head = head.questions, dataclasses.replace(head, questions=None)
    calibration = score_held_out(encoder, head, parts.calibration, settings.seed, progress.advance)
    threshold = _choose_threshold(calibration.forget, kept, settings)
    head = _judging_questions(head, questions, threshold.score)
    test = score_held_out(encoder, head, parts.test, settings.seed, progress.advance)
    progress.advance(0, note="the first tier")
    curve = fit_calibration(calibration.forget, calibration.keep)
    head = dataclasses.replace(
        head,
        calibration=curve,
        threshold=float(curve.probability(threshold.score)),
        passed_probability=float(curve.probability(calibration.general.min())),
    )
    flagged = flagged_texts(encoder, head, parts.calibration, settings.seed)
    prompts = [example.text for example in parts.calibration.general]
    head = with_limits(encoder, head, flagged, [*prompts, *ordinary])
    effect = _effect_on(encoder, head, parts.test, settings)
    _say_if_too_much_is_lost(effect, "the test part", progress)
    metrics = {
        **_settings_metrics(settings),
        **_threshold_metrics(threshold, kept, test),
        **_effect_metrics("test", effect),
    }
    return CalibratedHead(head, threshold, calibration, test, metrics)


def calibrated_as(
    calibrated: CalibratedHead,
    refitted: Head,
    encoder: Encoder,
    parts: SplitExamples,
    settings: TrainingSettings,
) -> tuple[Head, dict[str, float]]:
    """Give a head that was fitted on all prompts the calibration of one that was not; with what its first tier does."""
    head = dataclasses.replace(
        _judging_questions(refitted, refitted.questions, calibrated.threshold.score),
        **{name: getattr(calibrated.head, name) for name in _CALIBRATED},
    )
    effect = _effect_on(encoder, head, parts.calibration.joined_with(parts.test), settings)
    return head, _effect_metrics("refitted_calibration_and_test", effect)


def _judging_questions(head: Head, questions: QuestionWeights | None, threshold: float) -> Head:
    """The head with what judges questions, which flags from 0 on, flagging from the head's own score on."""
    return dataclasses.replace(head, questions=questions and questions.shifted(threshold))


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

"""The report of a training run: figures as Markdown and JSON, curves as PNG."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from lethe.bundle.files import replace_file
from lethe.offline.classifier_training.conformal import Threshold
from lethe.offline.classifier_training.reliability import brier_score, reliability_curve
from lethe.offline.classifier_training.threshold_effects import (
    ThresholdEffect,
    better_threshold,
    threshold_effects,
)
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from lethe.offline.metrics.intervals import counted

REPORT = "report.md"
# The share of what is to be forgotten that may be missed without a warning.
_MISSED = 0.25


def write_training_report(trained: TrainedClassifier, folder: Path, bundle: Path) -> Path:
    """Write `REPORT`, ``report.json`` and ``report.png``; returns the Markdown's path.

    Parameters
    ----------
    bundle
        Where the classifier is or will be, for the commands that the report names.
    """
    curves = _plot(trained)
    replace_file(folder / "report.png", lambda path: curves.savefig(path, dpi=110))
    replace_file(folder / "report.json", json.dumps(trained.metrics, indent=2) + "\n")
    page = folder / REPORT
    replace_file(page, training_page(trained, bundle))
    return page


def training_page(trained: TrainedClassifier, bundle: Path) -> str:
    """The report's Markdown.

    Everything in it is of the test part, and what several thresholds bring of the calibration part too, by the head as it
    was before any fit on all examples.
    """
    scores, labels, probabilities = _tested(trained)
    flagged = scores >= trained.threshold.score
    rows = [
        ("to forget", trained.test.forget),
        ("near, allowed", trained.test.retain),
        ("ordinary", trained.test.general),
    ]
    confusion = "\n".join(
        f"| {name} | {int(np.sum(side >= trained.threshold.score))} | {int(np.sum(side < trained.threshold.score))} |"
        for name, side in rows
    )
    figures = "\n".join(f"| {name} | {value} |" for name, value in trained.metrics.items())
    held_out = trained.calibration.joined_with(trained.test)
    effects = threshold_effects(trained.head.threshold, trained.head.calibration, held_out)
    [chosen] = [effect for effect in effects if effect.threshold == trained.head.threshold]
    return (
        f"# Classifier of {trained.head.target}\n\n"
        f"{_warning(effects, chosen, bundle)}"
        f"Threshold: probability {trained.head.threshold:.4f}, by the rule: {trained.threshold.rule}.\n"
        f"{_missed(trained.threshold)} It is of the same kind as those of the calibration part, and counts as missed if any of "
        "its forms is.\n\n"
        "| test part | flagged | let pass |\n|---|---|---|\n"
        f"{confusion}\n\n"
        f"ROC AUC {roc_auc_score(labels, scores):.5f}, average precision {average_precision_score(labels, scores):.5f}, "
        f"Brier score, both classes weighted equally, {brier_score(labels, probabilities):.5f}, "
        f"flagged {int(flagged.sum())} of {len(flagged)}.\n\n"
        f"{_what_thresholds_bring(effects, chosen, bundle)}"
        f"| figure | value |\n|---|---|\n{figures}\n\n![curves](report.png)\n"
    )


def _warning(effects: Sequence[ThresholdEffect], chosen: ThresholdEffect, bundle: Path) -> str:
    _, items = chosen.forget
    if chosen.missed <= _MISSED * items:
        return ""
    said = f"**Warning: {chosen.missed} of {items} held-out items to forget are missed at this threshold.**"
    better = better_threshold(effects, chosen)
    if better is None:
        advice = (
            "No lower threshold gains more of them than it flags of what is allowed; give more prompts to forget, of the kinds "
            "that are missed, and train again."
        )
    else:
        found, _ = better.forget
        advice = (
            f"`{_command(bundle, better.threshold)}` finds {found} of {items} without training anew, and flags "
            f"{_cost(better.retain, chosen.retain)} near prompts and {_cost(better.general, chosen.general)} ordinary ones. "
            "More prompts to forget, of the kinds that are missed, cost no wrong flags."
        )
    return f"{said} {advice}\n\n"


def _cost(then: tuple[int, int], now: tuple[int, int]) -> str:
    return f"{then[0]} of {then[1]} (now {now[0]})"


def _command(bundle: Path, threshold: float | str) -> str:
    return f"lethe classifier threshold {shlex.quote(str(bundle))} {threshold}"


def _what_thresholds_bring(effects: Sequence[ThresholdEffect], chosen: ThresholdEffect, bundle: Path) -> str:
    rows = "\n".join(
        f"| {effect.threshold:.6g}{' (chosen)' if effect is chosen else ''} | {counted(*effect.forget)} "
        f"| {counted(*effect.retain)} | {counted(*effect.general)} |"
        for effect in effects
    )
    return (
        "What other thresholds would bring, of the calibration and the test part, with 95 % intervals. "
        f"`{_command(bundle, 'P')}` moves the threshold; nothing is trained. "
        "`lethe classifier test` shows the same of texts of your own, with what is asked of long ones besides.\n\n"
        "| flagged from probability | items to forget found | near, allowed, flagged | ordinary flagged |\n"
        f"|---|---|---|---|\n{rows}\n\n"
    )


def _missed(threshold: Threshold) -> str:
    if threshold.guaranteed is None:
        return (
            f"A new item to forget is missed with probability {threshold.alpha:.4f}, as an estimate from the calibration part: "
            "false-positive rates are preferred, so nothing bounds it."
        )
    return (
        f"A new item to forget is missed with probability at most {threshold.guaranteed:.4f}, on average over calibration sets "
        f"(split conformal); the estimate for this one is {threshold.alpha:.4f}."
    )


def _tested(trained: TrainedClassifier) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, labels and probabilities of the test part, each (N,)."""
    test = trained.test
    scores = np.concatenate([test.forget, test.keep])
    labels = np.concatenate([np.ones(len(test.forget)), np.zeros(len(test.keep))])
    return scores, labels, trained.head.calibration.probability(scores)


def _plot(trained: TrainedClassifier) -> Figure:
    scores, labels, probabilities = _tested(trained)
    figure = Figure(figsize=(11, 8), layout="constrained")
    roc, precision, reliability, histogram = figure.subplots(2, 2).ravel()
    _plot_roc(roc, labels, scores)
    _plot_precision(precision, labels, scores)
    _plot_reliability(reliability, labels, probabilities)
    _plot_histogram(histogram, trained)
    figure.suptitle(f"Classifier of {trained.head.target}, test part")
    return figure


def _plot_roc(axes: Axes, labels: np.ndarray, scores: np.ndarray) -> None:
    false, true, _ = roc_curve(labels, scores)
    axes.plot(false, true)
    axes.set(
        xscale="symlog", xlim=(0, 1), xlabel="false-positive rate", ylabel="true-positive rate", title="ROC"
    )
    axes.set_xscale("symlog", linthresh=1e-3)


def _plot_precision(axes: Axes, labels: np.ndarray, scores: np.ndarray) -> None:
    precision, recall, _ = precision_recall_curve(labels, scores)
    axes.plot(recall, precision)
    axes.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.02))


def _plot_reliability(axes: Axes, labels: np.ndarray, probabilities: np.ndarray) -> None:
    predicted, observed = reliability_curve(labels, probabilities)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot(predicted, observed, marker="o")
    axes.set(
        xlabel="predicted probability",
        ylabel="observed share",
        title="Reliability, both classes weighted equally",
    )


def _plot_histogram(axes: Axes, trained: TrainedClassifier) -> None:
    sides = {
        "to forget": trained.test.forget,
        "near, allowed": trained.test.retain,
        "ordinary": trained.test.general,
    }
    edges = np.histogram_bin_edges(np.concatenate(list(sides.values())), 40)
    for name, side in sides.items():
        axes.hist(side, bins=list(edges), alpha=0.6, label=name, density=True)
    axes.axvline(trained.threshold.score, color="black", linewidth=1, label="threshold")
    axes.set(xlabel="score", ylabel="density", title="Scores")
    axes.legend()

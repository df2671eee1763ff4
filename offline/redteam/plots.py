"""Pictures of an attack, as PNG."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from lethe.bundle.files import replace_file
from lethe.offline.redteam.summary import AttackSummary, Share


def plot_shares(rows: Sequence[AttackSummary], destination: Path) -> None:
    """Two bars an attack, past the classifier and leaked, with their intervals; replaces `destination` at once."""
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.28 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    for offset, label, shares in (
        (-0.2, "past the classifier", [row.bypassed for row in rows]),
        (0.2, "leaked", [row.leaked for row in rows]),
    ):
        rates = np.array([share.rate for share in shares])
        axes.barh(places + offset, rates, 0.38, label=label, xerr=_spans(shares), error_kw={"lw": 0.7})
    axes.set_yticks(places, [row.attack for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of questions, with 95 % intervals")
    axes.legend(fontsize=8, loc="lower right")
    axes.grid(alpha=0.3, axis="x")
    _write(figure, destination)


def plot_flips(flipped: Sequence[float], destination: Path) -> None:
    """The share of flagged questions that a search has got past by its queries; replaces `destination` at once."""
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    axes.step(range(1, len(flipped) + 1), flipped, where="post")
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("verdicts asked for, a question")
    axes.set_ylabel("share of flagged questions got past")
    axes.grid(alpha=0.3)
    _write(figure, destination)


def _spans(shares: Sequence[Share]) -> np.ndarray:
    """How far intervals reach below and above the rates, (2, N)."""
    ends = np.array([share.interval for share in shares])
    rates = np.array([share.rate for share in shares])
    return np.maximum(0, np.stack([rates - ends[:, 0], ends[:, 1] - rates]))


def _write(figure: Figure, destination: Path) -> None:
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)

"""Pictures of a recovery, as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from lethe.bundle.files import replace_file
from lethe.offline.recovery.damage import Damage
from lethe.offline.recovery.edits import Edit, Overlap
from lethe.offline.recovery.refresh import RefreshStep
from lethe.offline.recovery.rollback import TriedRollback, kept, recovered

MARKS = {
    "conflict": "o",
    "routes": "D",
    "path": "v",
    "units": "P",
    "random": "x",
    "largest": "s",
    "interpolation": "^",
}
"""By way of choosing coordinates, its mark in every picture."""


def plot_edits(edits: Mapping[str, Edit], overlaps: Sequence[Overlap], destination: Path) -> None:
    """Left, the norm of each edit by layer; right, what their largest coordinates share, and would by chance."""
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(13, 4.5), layout="constrained", width_ratios=(2, 1)
    )
    names = sorted({name for edit in edits.values() for name in edit.layers}, key=_layer_order)
    for index, (label, edit) in enumerate(edits.items()):
        heights = [edit.layers.get(name, 0.0) for name in names]
        left.bar(np.arange(len(names)) + 0.4 * (index - 0.5), heights, width=0.4, label=f"edit {label}")
    left.set_xticks(
        range(len(names)), [name.removeprefix("layer ") for name in names], rotation=90, fontsize=7
    )
    left.set_xlabel("layer")
    left.set_ylabel("norm of the edit")
    left.legend(fontsize=8)
    shares = [100 * each.share for each in overlaps]
    right.plot(shares, [100 * each.shared for each in overlaps], marker="o", label="the two edits")
    right.plot(
        shares, [100 * each.by_chance for each in overlaps], marker="x", linestyle=":", label="by chance"
    )
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("largest coordinates that are compared (%)")
    right.set_ylabel("shared (%)")
    right.legend(fontsize=8)
    right.grid(alpha=0.3)
    _save(figure, destination)


def plot_damage(damage: Damage, destination: Path) -> None:
    """The loss of the harmed domain along the later edit: measured, and to first and second order."""
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(*zip(*damage.path, strict=True), marker="o", color="black", label="measured")
    along = np.linspace(0, 1, 50)
    axes.plot(along, along * damage.first_order, linestyle=":", color="grey", label="first order")
    for index, (name, total) in enumerate(damage.foretold.items()):
        second = total - damage.first_order
        curve = along * damage.first_order + along**2 * second
        axes.plot(along, curve, linestyle="--", color=f"C{index}", label=f"second order ({name})")
    axes.set_xlabel("share of the later edit that is applied")
    axes.set_ylabel("change of the loss (nats an answer)")
    # A second order that is far off would flatten everything that was measured.
    reach = max(abs(value) for _, value in damage.path) or 1.0
    axes.set_ylim(-0.5 * reach, 2.0 * reach)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, destination)


def plot_rollback(
    candidates: Sequence[TriedRollback],
    chosen: Mapping[str, TriedRollback | None],
    harmed: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
    keep: float,
    destination: Path,
) -> None:
    """Every rollback on held-out examples: what it recovers against what the later domains keep."""
    figure, axes = pyplot.subplots(figsize=(8, 5.5), layout="constrained")

    def position(candidate: TriedRollback) -> tuple[float, float]:
        back = recovered(candidate.scores[harmed], before[harmed], after[harmed]) or 0.0
        return 100 * kept(candidate.scores, before, after, harmed), 100 * back

    for index, selection in enumerate(MARKS):
        mine = [candidate for candidate in candidates if candidate.selection == selection]
        for candidate in mine:
            size = 25 if selection == "interpolation" else 20 + 25 * (4 + np.log10(candidate.share))
            label = selection if candidate is mine[0] else None
            axes.scatter(
                *position(candidate), s=size, marker=MARKS[selection], color=f"C{index}", label=label
            )
        pick = chosen.get(selection)
        if pick:
            axes.scatter(*position(pick), s=260, marker="o", facecolor="none", edgecolor=f"C{index}")
    axes.axvline(100 * keep, linestyle=":", color="grey")
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.set_xlabel(f"kept of the later domains, the worst (%; dotted: {100 * keep:g})")
    axes.set_ylabel(f"recovered of what {harmed!r} lost (%)")
    axes.set_title("held-out; larger marks roll more back, rings are what was chosen", fontsize=9)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, destination)


def plot_refresh(steps: Sequence[RefreshStep], destination: Path) -> None:
    """Distance from the end of the harmed stage, step by step, each as a share of where it began."""
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    numbers = [step.step for step in steps]
    for name, label in (
        ("conflict", "conflict coordinates"),
        ("control", "as many random ones"),
        ("everything", "all coordinates"),
    ):
        values = [getattr(step, name) for step in steps]
        axes.plot(numbers, [value / (values[0] or 1.0) for value in values], marker=".", label=label)
    axes.set_xlabel("step of the refresh")
    axes.set_ylabel("distance from the end of the harmed stage (1 = before)")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, destination)


def _layer_order(name: str) -> tuple[int, int, str]:
    number = name.removeprefix("layer ")
    return (1, int(number), "") if number.isdigit() else (0, 0, name)


def _save(figure: Figure, destination: Path) -> None:
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)

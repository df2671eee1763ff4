"""Pictures of a training: the losses over its steps, and where the entropies of all tokens lie."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from lethe.bundle.files import replace_file
from lethe.offline.adapter_training.train import TrainedBank
from lethe.offline.data.json_lines import read_whole_lines


def plot_losses(trace: Path, phases: Sequence[str], destination: Path) -> None:
    """Draw every term of the loss over the steps, a panel for each phase, replacing `destination` at once.

    Parameters
    ----------
    trace
        What the training recorded; of a step that was taken again after an interruption, the last record counts.
    destination
        A PNG file.
    """
    steps: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for line in read_whole_lines(trace):
        if "phase" in line:
            steps[line["phase"]][line["step"]] = line
    drawn = [name for name in phases if steps[name]]
    figure, panels = pyplot.subplots(
        1,
        max(1, len(drawn)),
        figsize=(1.5 + 4.5 * max(1, len(drawn)), 4),
        layout="constrained",
        squeeze=False,
    )
    for axes, name in zip(panels[0], drawn, strict=False):
        lines = [steps[name][step] for step in sorted(steps[name])]
        for term in lines[-1]["terms"]:
            axes.plot([line["step"] for line in lines], [line["terms"][term] for line in lines], label=term)
        axes.set_title(name)
        axes.set_xlabel("step")
        axes.set_ylabel("weighted term of the loss")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    _save(figure, destination)


def plot_entropies(trained: TrainedBank, destination: Path) -> None:
    """Draw the share of answer tokens by entropy, forget and retain apart, and the threshold."""
    sides = {
        "forget": [marked for texts in trained.forget.values() for marked in texts],
        "retain": list(trained.retain),
    }
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    values = {name: np.concatenate([m.entropy[m.answer] for m in texts]) for name, texts in sides.items()}
    bins = np.linspace(0, max(float(v.max()) for v in values.values()) or 1.0, 41)
    for index, (name, found) in enumerate(values.items()):
        weights = np.full(len(found), 1 / len(found))
        axes.hist(
            found,
            bins=bins.tolist(),
            weights=weights,
            alpha=0.55,
            color=f"C{index}",
            label=f"{name}, {len(found)} tokens",
        )
    threshold = trained.retain[0].threshold
    axes.axvline(threshold, color="black", linestyle=":", label=f"high above {threshold:.3g}")
    axes.set_xlabel("Tsallis entropy before the token")
    axes.set_ylabel("share of the answer tokens")
    axes.set_yscale("log")
    axes.legend()
    _save(figure, destination)


def _save(figure: Figure, destination: Path) -> None:
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)

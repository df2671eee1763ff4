"""Pictures of results, as PNG."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lethe.bundle.files import replace_file
from lethe.offline.evaluation.results import Result
from lethe.offline.evaluation.tofu import TRUTH_RATIOS

Plot = Callable[[Sequence[Result]], Figure]


def plot_results(results: Sequence[Result], destination: Path) -> None:
    """Write the picture that fits the benchmark, replacing `destination` at once."""
    draw = PLOTS.get(results[0].benchmark, bars)
    figure = draw(results)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


def plot_sweep(strengths: Sequence[float], results: Sequence[Result], destination: Path) -> None:
    """Draw every score against the strength of the corruption, replacing `destination` at once."""
    names = list(results[0].scores)
    figure, grid = _panels(len(names))
    try:
        for axes, name in zip(grid, names, strict=False):
            axes.plot(strengths, [result.scores.get(name, np.nan) for result in results], marker="o")
            axes.set_xscale("log")
            axes.set_title(name, fontsize=9)
            axes.grid(alpha=0.3)
        figure.supxlabel("strength", fontsize=9)
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


def tofu(results: Sequence[Result]) -> Figure:
    """Left, forget quality against utility; right, the distributions of the truth ratio."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5), layout="constrained")
    for index, result in enumerate(results):
        quality = result.scores.get("forget quality (p)")
        if quality is not None:
            left.scatter(
                result.scores["model utility"], max(quality, 1e-20), color=f"C{index}", label=result.model
            )
        ratios = np.sort(result.samples[TRUTH_RATIOS])
        right.step(
            ratios,
            np.arange(1, len(ratios) + 1) / len(ratios),
            where="post",
            color=f"C{index}",
            label=result.model,
        )
    left.axhline(0.05, linestyle=":", color="grey")
    left.set_yscale("log")
    lowest = min((result.scores.get("forget quality (p)", 1.0) for result in results), default=1.0)
    left.set_ylim(max(min(lowest, 0.01) / 10, 1e-20), 2)
    left.set_xlabel("model utility")
    left.set_ylabel("forget quality (p; dotted: 0.05)")
    if left.get_legend_handles_labels()[0]:
        left.legend(fontsize=8)
    right.set_xscale("log")
    right.set_xlabel("truth ratio of the forget questions")
    right.set_ylabel("share of questions at or below")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def bars(results: Sequence[Result]) -> Figure:
    """One panel a score, one bar a model: the scores differ in scale."""
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    figure, grid = _panels(len(names))
    for axes, name in zip(grid, names, strict=False):
        values = [result.scores.get(name, np.nan) for result in results]
        axes.bar(range(len(results)), values, color=[f"C{index}" for index in range(len(results))])
        axes.set_title(name, fontsize=9)
        axes.set_xticks([])
    handles = [Rectangle((0, 0), 1, 1, color=f"C{index}") for index in range(len(results))]
    figure.legend(
        handles, [result.model for result in results], loc="outside lower center", ncols=3, fontsize=8
    )
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, four in a row."""
    columns = min(4, count)
    rows = -(-count // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(3.4 * columns, 2.6 * rows), layout="constrained", squeeze=False
    )
    panels = list(grid.flat)
    for unused in panels[count:]:
        unused.set_axis_off()
    return figure, panels[:count]


PLOTS: dict[str, Plot] = {"tofu": tofu}

"""The picture of a search: D against strength, and the metrics behind the best function."""

from collections import defaultdict
from pathlib import Path

import matplotlib

from lethe.bundle.files import replace_file

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from lethe.corruption.functions import FUNCTIONS
from lethe.offline.corruption_learning.learn import Candidate, LearnedCorruption

_MARKS = "osD^vPX*"


def plot_search(learned: LearnedCorruption, destination: Path) -> None:
    """Write the picture as PNG, replacing `destination` at once.

    Left, D of every function and number of dimensions against strength; right, each metric along the curve that holds
    the best strength, with its surrogate value as a dotted line.
    """
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5), layout="constrained")
    curves = _curves(learned)
    _draw_distances(left, learned, curves)
    _draw_metrics(right, learned, curves)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


def _curves(learned: LearnedCorruption) -> dict[tuple[str, int], list[Candidate]]:
    """Candidates by function and dims, along the strength; functions without a strength have one point each."""
    curves: dict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for candidate in learned.candidates:
        if not FUNCTIONS[candidate.corruption.function].takes_vector:
            curves[candidate.corruption.function, candidate.corruption.dims].append(candidate)
    return {
        name: sorted(candidates, key=lambda candidate: candidate.corruption.strength)
        for name, candidates in sorted(curves.items())
    }


def _draw_distances(
    axes: Axes, learned: LearnedCorruption, curves: dict[tuple[str, int], list[Candidate]]
) -> None:
    for index, ((function, dims), candidates) in enumerate(curves.items()):
        if not FUNCTIONS[function].takes_strength:
            axes.axhline(
                candidates[0].distance,
                linestyle="--",
                linewidth=1,
                color=f"C{index % 10}",
                label=f"{function}, {dims} dims",
            )
            continue
        axes.plot(
            [candidate.corruption.strength for candidate in candidates],
            [candidate.distance for candidate in candidates],
            marker=_MARKS[index % len(_MARKS)],
            markersize=4,
            linewidth=1,
            color=f"C{index % 10}",
            label=f"{function}, {dims} dims",
        )
    vectors = [c for c in learned.candidates if FUNCTIONS[c.corruption.function].takes_vector]
    if vectors:
        axes.axhline(vectors[0].distance, linestyle=":", color="black", label="best learned vector")
    axes.set_xscale("log")
    axes.set_xlabel("strength")
    axes.set_ylabel("distance D from a model that never learned")
    axes.set_title(
        f"best: {learned.corruption.function}, {learned.corruption.dims} dims, D = {learned.distance:.3f}"
    )
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)


def _draw_metrics(
    axes: Axes, learned: LearnedCorruption, curves: dict[tuple[str, int], list[Candidate]]
) -> None:
    with_strength = {name: curve for name, curve in curves.items() if FUNCTIONS[name[0]].takes_strength}
    if not with_strength:
        axes.set_axis_off()
        return
    (function, dims), candidates = min(
        with_strength.items(), key=lambda item: min(candidate.distance for candidate in item[1])
    )
    strengths = [candidate.corruption.strength for candidate in candidates]
    for index, (name, surrogate) in enumerate(learned.surrogate.items()):
        values = [candidate.measurement.values[name] for candidate in candidates]
        axes.plot(strengths, values, marker=_MARKS[index], markersize=4, color=f"C{index}", label=name)
        axes.axhline(surrogate, linestyle=":", color=f"C{index}")
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("strength")
    axes.set_title(f"metrics of {function}, {dims} dims (dotted: never learned)")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)

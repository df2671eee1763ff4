"""The picture of a search: D against strength, the metrics behind the best function, and the front of knowledge and form."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from lethe.bundle.files import replace_file

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from lethe.corruption.functions import FUNCTIONS
from lethe.offline.corruption_learning.front import front, knowledge_gap
from lethe.offline.corruption_learning.learn import Candidate, LearnedCorruption
from lethe.offline.corruption_learning.objective import Objective

_MARKS = "osD^vPX*"


def plot_search(learned: LearnedCorruption, destination: Path) -> None:
    """Write the picture as PNG, replacing `destination` at once.

    Left, D of every function, number of dimensions and choice of tokens against strength; then each metric along the curve
    that holds the best strength, with its surrogate value as a dotted line; where form was measured, right, every candidate
    by what it leaves to be known and by the form of its answers.
    """
    objective = Objective(learned.surrogate)
    best = front(learned.candidates, objective)
    panels = 3 if best else 2
    figure, axes = pyplot.subplots(1, panels, figsize=(6.5 * panels, 5), layout="constrained")
    curves = _curves(learned)
    _draw_distances(axes[0], learned, curves)
    _draw_metrics(axes[1], learned, curves)
    if best:
        _draw_front(axes[2], learned, objective, best)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


_Curve = tuple[str, int, str]


def _curves(learned: LearnedCorruption) -> dict[_Curve, list[Candidate]]:
    """Candidates by function, dims and positions, along the strength; functions without a strength have one point each."""
    curves: dict[_Curve, list[Candidate]] = defaultdict(list)
    for candidate in learned.candidates:
        each = candidate.corruption
        if not FUNCTIONS[each.function].takes_vector:
            curves[each.function, each.dims, each.positions].append(candidate)
    return {
        name: sorted(candidates, key=lambda candidate: candidate.corruption.strength)
        for name, candidates in sorted(curves.items())
    }


def _draw_distances(axes: Axes, learned: LearnedCorruption, curves: dict[_Curve, list[Candidate]]) -> None:
    for index, ((function, dims, positions), candidates) in enumerate(curves.items()):
        if not FUNCTIONS[function].takes_strength:
            axes.axhline(
                candidates[0].distance,
                linestyle="--",
                linewidth=1,
                color=f"C{index % 10}",
                label=f"{function}, {dims} dims, {positions}",
            )
            continue
        axes.plot(
            [candidate.corruption.strength for candidate in candidates],
            [candidate.distance for candidate in candidates],
            marker=_MARKS[index % len(_MARKS)],
            markersize=4,
            linewidth=1,
            color=f"C{index % 10}",
            label=f"{function}, {dims} dims, {positions}",
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


def _draw_metrics(axes: Axes, learned: LearnedCorruption, curves: dict[_Curve, list[Candidate]]) -> None:
    with_strength = {name: curve for name, curve in curves.items() if FUNCTIONS[name[0]].takes_strength}
    if not with_strength:
        axes.set_axis_off()
        return
    (function, dims, _), candidates = min(
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


def _draw_front(
    axes: Axes, learned: LearnedCorruption, objective: Objective, best: Sequence[Candidate]
) -> None:
    for index, positions in enumerate(sorted({each.corruption.positions for each in learned.candidates})):
        shown = [each for each in learned.candidates if each.corruption.positions == positions]
        axes.scatter(
            [knowledge_gap(each, objective) for each in shown],
            [each.measurement.values["form"] for each in shown],
            s=18,
            color=f"C{index}",
            label=positions,
        )
    axes.plot(
        [knowledge_gap(each, objective) for each in best],
        [each.measurement.values["form"] for each in best],
        color="black",
        linewidth=1,
        label="front",
    )
    chosen = learned.candidates[0]
    axes.scatter(
        [knowledge_gap(chosen, objective)],
        [chosen.measurement.values["form"]],
        s=120,
        facecolors="none",
        edgecolors="black",
        label="chosen",
    )
    axes.axhline(learned.surrogate["form"], linestyle=":", color="grey")
    axes.set_xlabel("distance in knowledge alone")
    axes.set_ylabel("share of answers of the asked form")
    axes.set_title("what there was to choose between (dotted: clean on other prompts)")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)

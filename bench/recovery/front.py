"""The picture of what can be had: what is recovered against what is kept, of everything that was tried."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from lethe.bundle.files import replace_file
from lethe.offline.recovery.jobs.states import END, FULL
from lethe.offline.recovery.plots import MARKS
from lethe.offline.recovery.rollback import kept, recovered

_MARKS = {**MARKS, "refresh": "*"}


def plot_front(records: Sequence[Mapping[str, Any]], harmed: str, destination: Path) -> None:
    """Draw every rollback and refresh of every seed on its held-out examples, and each kind's best under the bound."""
    figure, panels = pyplot.subplots(
        1, len(records), figsize=(4.6 * len(records), 4.4), layout="constrained", squeeze=False, sharey=True
    )
    for axes, record in zip(panels[0], records, strict=True):
        ends = record["rollback"]["held_out"]
        points: dict[str, list[tuple[float, float]]] = {name: [] for name in _MARKS}
        for each in [*record["candidates"], *record["refreshes"]]:
            back = recovered(each["scores"][harmed], ends[FULL][harmed], ends[END][harmed])
            share = kept(each["scores"], ends[FULL], ends[END], harmed)
            points[each.get("selection", "refresh")].append((100 * share, 100 * (back or 0.0)))
        for index, (name, mark) in enumerate(_MARKS.items()):
            if points[name]:
                axes.scatter(
                    *zip(*points[name], strict=True),
                    s=22,
                    marker=mark,
                    color=f"C{index}",
                    label=name,
                    alpha=0.7,
                )
        axes.axvline(95, linestyle=":", color="grey")
        axes.axhline(50, linestyle=":", color="grey")
        axes.set_xlim(0, 105)
        axes.set_ylim(-25, 110)
        axes.set_xlabel("kept (%)")
        axes.set_title(f"seed {record['seed']}, held-out", fontsize=9)
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel(f"recovered of what {harmed!r} lost (%)")
    panels[0][0].legend(fontsize=7)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)

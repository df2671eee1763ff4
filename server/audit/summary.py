"""What an audit log says on the whole."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NO_TARGET = "none"


@dataclass(frozen=True)
class SummaryRow:
    """The requests on which one target led to one action.

    Attributes
    ----------
    statuses
        Count of each HTTP status.
    median_ms, worst_ms
        Of the whole request: the median and the 99th percentile.
    """

    target: str
    action: str
    requests: int
    keys: int
    statuses: dict[int, int]
    median_ms: float
    worst_ms: float


def summarize(entries: Iterable[dict[str, Any]]) -> list[SummaryRow]:
    """Count the requests of a log by target and action; one that flags two targets counts for both."""
    groups: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        if "action" not in entry:
            continue
        for flagged in entry.get("flagged") or [{"target": NO_TARGET, "action": entry["action"]}]:
            groups[flagged["target"], flagged["action"]].append(entry)
    return [_row(target, action, group) for (target, action), group in sorted(groups.items())]


def _row(target: str, action: str, entries: list[dict[str, Any]]) -> SummaryRow:
    times = sorted(entry["total_ms"] for entry in entries)
    return SummaryRow(
        target,
        action,
        len(entries),
        len({entry["key"] for entry in entries}),
        dict(sorted(Counter(entry["status"] for entry in entries).items())),
        statistics.median(times),
        times[min(len(times) - 1, int(0.99 * len(times)))],
    )

"""What an audit log says on the whole."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NO_TARGET = "none"
_OBSERVE = "observe"


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


@dataclass(frozen=True)
class DayRow:
    """What one target did on one day, and what it would have done.

    Attributes
    ----------
    day
        In UTC, as 2026-01-31.
    requests
        Judged that day, flagged or not.
    flagged
        By this target.
    done
        Of these, how many led to each of its actions; those that it only observed are not among them.
    would
        Of those that it only observed, how many would have led to its bundle's own action.
    keys
        Whose requests it flagged.
    """

    day: str
    target: str
    requests: int
    flagged: int
    done: dict[str, int]
    would: dict[str, int]
    keys: int


def summarize_days(entries: Iterable[dict[str, Any]], actions: Mapping[str, str]) -> list[DayRow]:
    """Count by day and target what was done and what would have been, the newest day first.

    Parameters
    ----------
    actions
        By target, the action of its bundle: what one that is only observed would do. Each of these has a row for each day
        on which something was judged.
    """
    requests: Counter[str] = Counter()
    flags: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for entry in entries:
        if "scores" not in entry or "time" not in entry:
            continue
        day = datetime.fromtimestamp(entry["time"], UTC).date().isoformat()
        requests[day] += 1
        for flagged in entry.get("flagged", ()):
            flags[day, flagged["target"]].append((flagged["action"], entry["key"]))
    shown = {*flags, *((day, target) for day in requests for target in actions)}
    return [
        _day_row(day, target, requests[day], flags.get((day, target), []), actions.get(target))
        for day, target in sorted(shown, key=lambda each: (each[0], each[1]))[::-1]
    ]


def _day_row(
    day: str, target: str, requests: int, flags: list[tuple[str, str]], own_action: str | None
) -> DayRow:
    done = Counter(action for action, _ in flags)
    observed = done.pop(_OBSERVE, 0)
    return DayRow(
        day,
        target,
        requests,
        len(flags),
        dict(sorted(done.items())),
        {own_action or "unknown": observed} if observed else {},
        len({key for _, key in flags}),
    )


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

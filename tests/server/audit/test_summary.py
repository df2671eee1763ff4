"""A log on the whole: who was flagged for what, how often, and how long that took."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.server.audit.summary import DayRow, SummaryRow, summarize, summarize_days


def entry(*flagged: tuple[str, str], **fields: Any) -> dict[str, Any]:
    said = {"action": "pass", "key": "a", "status": 200, "total_ms": 1.0}
    targets = [{"target": target, "action": action} for target, action in flagged]
    return said | ({"flagged": targets} if targets else {}) | fields


def test_requests_are_counted_by_target_and_action() -> None:
    rows = summarize(
        [
            entry(),
            entry(("books", "corrupt"), total_ms=10),
            entry(("books", "corrupt"), ("films", "observe"), key="b", status=502, total_ms=20),
            entry(("books", "observe")),
            entry(action="reject", status=400),
        ]
    )
    assert rows == [
        SummaryRow("books", "corrupt", 2, 2, {200: 1, 502: 1}, 15, 20),
        SummaryRow("books", "observe", 1, 1, {200: 1}, 1, 1),
        SummaryRow("films", "observe", 1, 1, {502: 1}, 20, 20),
        SummaryRow("none", "pass", 1, 1, {200: 1}, 1, 1),
        SummaryRow("none", "reject", 1, 1, {400: 1}, 1, 1),
    ]


def test_what_tells_of_no_request_is_not_counted() -> None:
    assert summarize([{"event": "entries_lost", "count": 3}]) == []
    assert summarize([]) == []


def judged(day: int, *flagged: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return entry(*flagged, time=day * 86_400.0 + 10, scores={"books": 0.1}, **fields)


def test_by_day_it_is_told_what_was_done_and_what_a_target_in_shadow_would_have_done() -> None:
    rows = summarize_days(
        [
            judged(0, ("books", "corrupt")),
            judged(0, ("books", "observe"), ("films", "observe"), key="b"),
            judged(0),
            judged(1, ("films", "observe")),
            {"time": 10.0, "event": "target_changed", "target": "books"},
            entry(action="reject", status=400, time=10.0),
        ],
        {"books": "corrupt", "plays": "refuse"},
    )
    assert rows == [
        DayRow("1970-01-02", "plays", 1, 0, {}, {}, 0),
        DayRow("1970-01-02", "films", 1, 1, {}, {"unknown": 1}, 1),
        DayRow("1970-01-02", "books", 1, 0, {}, {}, 0),
        DayRow("1970-01-01", "plays", 3, 0, {}, {}, 0),
        DayRow("1970-01-01", "films", 3, 1, {}, {"unknown": 1}, 1),
        DayRow("1970-01-01", "books", 3, 2, {"corrupt": 1}, {"corrupt": 1}, 2),
    ]


TARGETS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["corrupt", "observe"])), unique=True, max_size=3
)


@given(st.lists(st.tuples(TARGETS, st.sampled_from("xyz"), st.floats(0, 1e6)), max_size=30))
def test_no_request_is_lost_and_times_lie_within_what_was_measured(
    requests: list[tuple[list[tuple[str, str]], str, float]],
) -> None:
    entries = [entry(*flagged, key=key, total_ms=ms) for flagged, key, ms in requests]
    rows = summarize(entries)
    assert sum(row.requests for row in rows) == sum(max(1, len(flagged)) for flagged, _, _ in requests)
    for row in rows:
        assert sum(row.statuses.values()) == row.requests >= row.keys >= 1
        times = [each["total_ms"] for each in entries]
        assert min(times) <= row.median_ms <= row.worst_ms <= max(times)


@pytest.mark.parametrize(("count", "worst"), [(1, 0), (50, 49), (1000, 990)])
def test_the_worst_is_what_one_in_a_hundred_takes_longer_than(count: int, worst: int) -> None:
    [row] = summarize(entry(total_ms=float(ms)) for ms in range(count))
    assert row.worst_ms == worst

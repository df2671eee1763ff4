"""Asking the requests of one cell of a table, from where the last run stopped, and saying how far it is."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from bench.traffic.record import Outcome, Record

_Request = TypeVar("_Request")
_SECONDS_BETWEEN_LINES = 20


def cell_outcomes(
    record: Record,
    cell: str,
    wanted: int,
    requests: Callable[[], Iterator[_Request]],
    ask: Callable[[_Request], Outcome],
    *,
    more: bool = True,
) -> Sequence[Outcome]:
    """What became of so many requests of a cell, beside those left out; fewer where there are no more.

    Parameters
    ----------
    requests
        All of the cell, in the same order every time; those that have an outcome are passed over.
    more
        Whether any are asked that have no outcome yet.
    """
    told = time.monotonic()
    if more and _asked(record.outcomes(cell)) < wanted and not record.ended(cell):
        for request in islice(requests(), len(record.outcomes(cell)), None):
            record.add(cell, ask(request))
            if _asked(record.outcomes(cell)) >= wanted:
                break
            if time.monotonic() - told > _SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                _tell(cell, wanted, record.outcomes(cell))
        else:
            record.end(cell)
    found = _first(record.outcomes(cell), wanted)
    _tell(cell, wanted, found)
    return found


def _asked(outcomes: Sequence[Outcome]) -> int:
    return sum(not outcome.left_out for outcome in outcomes)


def _first(outcomes: Sequence[Outcome], wanted: int) -> Sequence[Outcome]:
    """As many as were wanted, where an earlier run asked more."""
    asked = 0
    for number, outcome in enumerate(outcomes):
        asked += not outcome.left_out
        if asked == wanted:
            return outcomes[: number + 1]
    return outcomes


def _tell(cell: str, wanted: int, outcomes: Sequence[Outcome]) -> None:
    flagged = sum(outcome.flagged for outcome in outcomes)
    asked = _asked(outcomes)
    left_out = len(outcomes) - asked
    print(
        f"{time.strftime('%H:%M:%S')} {cell}: {asked} of {wanted} asked, {flagged} flagged, {left_out} left out",
        flush=True,
    )

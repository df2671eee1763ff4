"""What an engine that stops was sent after it refused everything."""

import pytest

from lethe.server.engines import refusals
from lethe.server.engines.refusals import Refusals


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as its one element says."""
    now = [100.0]
    monkeypatch.setattr(refusals, "monotonic", lambda: now[0])
    return now


def test_what_was_sent_after_the_first_refusal_was_not_taken(clock: list[float]) -> None:
    refused = Refusals()
    assert not refused.began_before(100)
    refused.count()
    clock[0] = 108
    refused.count()
    assert [refused.began_before(at) for at in (99.9, 100, 104, 118, 118.1)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_later_stop_is_another(clock: list[float]) -> None:
    refused = Refusals()
    refused.count()
    clock[0] = 200
    refused.count()
    assert [refused.began_before(at) for at in (105, 200)] == [False, True]


def test_the_next_engine_has_refused_nothing(clock: list[float]) -> None:
    refused = Refusals()
    refused.count()
    refused.forget()
    assert not refused.began_before(101)

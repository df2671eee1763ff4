"""Nobody is sent to an engine that failed in a row, by a clock that is set by hand."""

import pytest

from lethe.server.circuit_breaker import CircuitBreaker


@pytest.fixture
def clock() -> dict[str, float]:
    return {"now": 0.0}


@pytest.fixture
def breaker(clock: dict[str, float]) -> CircuitBreaker:
    return CircuitBreaker(3, 10, lambda: clock["now"])


def test_it_opens_after_failures_in_a_row(breaker: CircuitBreaker) -> None:
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        outcome()
        assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_after_a_pause_one_request_decides(breaker: CircuitBreaker, clock: dict[str, float]) -> None:
    for _ in range(3):
        breaker.failed()
    clock["now"] = 10
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.failed()
    clock["now"] = 19
    assert not breaker.allows()
    clock["now"] = 20
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_what_tries_and_never_ends_does_not_keep_others_out_for_ever(
    breaker: CircuitBreaker, clock: dict[str, float]
) -> None:
    for _ in range(3):
        breaker.failed()
    for now in (10, 20, 30):
        clock["now"] = now
        assert [breaker.allows(), breaker.allows()] == [True, False]


def test_a_late_failure_begins_the_pause_anew(breaker: CircuitBreaker, clock: dict[str, float]) -> None:
    for _ in range(3):
        breaker.failed()
    clock["now"] = 9
    breaker.failed()
    clock["now"] = 18
    assert not breaker.allows()
    clock["now"] = 19
    assert breaker.allows()


def test_a_late_answer_closes_it(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows()

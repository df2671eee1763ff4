"""From the order to stop on, what is in flight has so long and no longer."""

import pytest

from lethe.server.drain import Drain


@pytest.mark.parametrize("timeout_s", [0, 1000])
def test_before_the_order_nothing_has_begun(timeout_s: float) -> None:
    drain = Drain(timeout_s)
    assert not drain.begun
    assert drain.seconds_left == 0


def test_the_order_gives_what_is_in_flight_its_time() -> None:
    drain = Drain(1000)
    drain.begin()
    first = drain.seconds_left
    assert drain.begun
    assert 0 < drain.seconds_left <= first <= 1000


def test_without_time_it_is_over_as_it_begins() -> None:
    drain = Drain(0)
    drain.begin()
    assert drain.begun
    assert drain.seconds_left == 0


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_abandoned_has_begun_and_has_no_time_left(begun: bool) -> None:
    drain = Drain(1000)
    if begun:
        drain.begin()
    drain.abandon()
    assert drain.begun
    assert drain.seconds_left == 0

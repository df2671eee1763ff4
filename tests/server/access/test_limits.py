"""A key may ask as often, and have as many requests in flight, as it may; by a clock that is set by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.server.access.keys import Quota
from lethe.server.access.limits import LimitReached, LocalLimits

pytestmark = pytest.mark.anyio


async def test_a_bucket_fills_evenly() -> None:
    now = 0.0
    limits = LocalLimits(lambda: now)

    async def wait() -> float:
        try:
            await limits.admit(Quota("a", requests_per_minute=2))
        except LimitReached as reached:
            return reached.retry_after_s
        return 0

    assert [await wait() for _ in range(3)] == [0, 0, 30]
    now = 29.0
    assert await wait() == pytest.approx(1)
    now = 30.0
    assert [await wait() for _ in range(2)] == [0, 30]
    now = 1e6
    assert [await wait() for _ in range(3)] == [0, 0, 30]


@given(
    st.integers(1, 20),
    st.lists(st.floats(0, 120, allow_nan=False), max_size=60),
)
async def test_in_no_stretch_of_time_does_more_pass_than_a_full_bucket_and_what_flows_in(
    per_minute: int, waits: list[float]
) -> None:
    now, passed = 0.0, list[float]()
    limits, key = LocalLimits(lambda: now), Quota("a", requests_per_minute=per_minute)
    for wait in waits:
        now += wait
        try:
            await limits.admit(key)
            passed.append(now)
        except LimitReached as reached:
            now += min(reached.retry_after_s, 60 / per_minute) + 1e-6
            await limits.admit(key)
            passed.append(now)
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= per_minute + (end - begin) * per_minute / 60 + 1e-3


@given(st.integers(1, 4), st.lists(st.booleans(), max_size=40))
async def test_no_more_are_in_flight_than_may_be_and_every_end_makes_room(
    most: int, begins: list[bool]
) -> None:
    limits, key = LocalLimits(lambda: 0.0), Quota("a", concurrency=most)
    in_flight = []
    for begin in begins:
        if not begin:
            if in_flight:
                in_flight.pop()()
        elif len(in_flight) < most:
            in_flight.append(await limits.admit(key))
        else:
            with pytest.raises(LimitReached) as reached:
                await limits.admit(key)
            assert (reached.value.limit, reached.value.retry_after_s) == ("concurrency", 1)


async def test_a_request_that_the_rate_keeps_out_takes_no_place() -> None:
    limits, now = LocalLimits(lambda: now), 0.0
    key = Quota("a", requests_per_minute=1, concurrency=1)
    (await limits.admit(key))()
    for _ in range(3):
        with pytest.raises(LimitReached, match="rate"):
            await limits.admit(key)
    now = 60.0
    await limits.admit(key)


async def test_a_request_for_which_there_is_no_place_costs_nothing_of_the_rate() -> None:
    limits = LocalLimits(lambda: 0.0)
    key = Quota("a", requests_per_minute=2, concurrency=1)
    release = await limits.admit(key)
    for _ in range(3):
        with pytest.raises(LimitReached, match="concurrency"):
            await limits.admit(key)
    release()
    await limits.admit(key)


async def test_keys_are_counted_apart_and_one_without_limits_is_not_counted() -> None:
    limits = LocalLimits(lambda: 0.0)
    for name in ("a", "b"):
        await limits.admit(Quota(name, requests_per_minute=1, concurrency=1))
    for _ in range(100):
        await limits.admit(Quota("c"))


async def test_a_limit_that_is_lowered_holds_at_once() -> None:
    limits = LocalLimits(lambda: 0.0)
    await limits.admit(Quota("a", requests_per_minute=100))
    await limits.admit(Quota("a", requests_per_minute=1))
    with pytest.raises(LimitReached):
        await limits.admit(Quota("a", requests_per_minute=1))

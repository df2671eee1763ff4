"""Proxies that share a Redis count the limits of a key together; without it each counts for itself."""

import asyncio
import logging
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Quota
from lethe.server.access.limits import KeyLimits, LimitReached
from lethe.server.access.redis_limits import RedisLimits
from lethe.server.engines.process import free_loopback_port
from lethe.server.errors import OperatorError
from lethe.server.metrics import Metrics
from tests.programs import program
from tests.server.stack import Stack, chat, error_of

pytestmark = pytest.mark.anyio


@contextmanager
def running_redis(port: int, folder: Path) -> Iterator[None]:
    """A Redis on loopback that keeps nothing."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    process = subprocess.Popen([*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
    try:
        with Redis(port=port) as client:
            for _ in range(200):
                try:
                    client.ping()
                    break
                except ConnectionError:
                    assert process.poll() is None
                    time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real Redis listens."""
    program("redis-server", of="Debian's package of that name")
    port = free_loopback_port()
    with running_redis(port, tmp_path_factory.mktemp("redis")):
        yield f"redis://127.0.0.1:{port}"


@asynccontextmanager
async def replica(url: str, lease_s: float = 30) -> AsyncIterator[RedisLimits]:
    """One proxy's part of the counting."""
    limits = RedisLimits(url, timeout_s=1, lease_s=lease_s)
    await limits.open()
    try:
        yield limits
    finally:
        await limits.close()


LOST, BACK = (logging.WARNING, "redis does not answer"), (logging.INFO, "redis answers again")


def events(logged: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """The level of each line, and its beginning."""
    assert {logger for logger, _, _ in logged.record_tuples} == {"lethe.limits"}
    return [(level, re.split("[,:]", line)[0]) for _, level, line in logged.record_tuples]


async def admitted(limits: KeyLimits, *, key: str, **fields: int) -> str:
    """What becomes of a request that does not end."""
    try:
        await limits.admit(Quota(key, **fields))
    except LimitReached as reached:
        return reached.limit
    return "admitted"


async def test_replicas_share_a_rate(redis_url: str) -> None:
    async with replica(redis_url) as one, replica(redis_url) as other:
        seen = [
            await admitted(each, key="r", requests_per_minute=3) for each in (one, other, one, other, one)
        ]
        assert seen == ["admitted"] * 3 + ["rate"] * 2
        with pytest.raises(LimitReached) as reached:
            await other.admit(Quota("r", requests_per_minute=3))
        assert 10 < reached.value.retry_after_s <= 20
        assert await admitted(one, key="another", requests_per_minute=3) == "admitted"


async def test_a_shared_bucket_fills_evenly(redis_url: str) -> None:
    async with replica(redis_url) as limits:
        for _ in range(600):
            await limits.admit(Quota("f", requests_per_minute=600))
        taken = 0
        async with asyncio.timeout(10):
            while taken < 3:
                taken += await admitted(limits, key="f", requests_per_minute=600) == "admitted"
                await asyncio.sleep(0.01)


async def test_a_bucket_outlives_a_clock_that_was_ahead(redis_url: str) -> None:
    """As where another Redis takes over, or its clock is put right."""
    async with replica(redis_url) as limits:
        await limits.admit(Quota("c", requests_per_minute=3))
        with Redis.from_url(redis_url) as redis:
            redis.hset("lethe:{c}:bucket", "filled", time.time() + 3600)
        seen = [await admitted(limits, key="c", requests_per_minute=3) for _ in range(3)]
        assert seen == ["admitted"] * 2 + ["rate"]


async def test_replicas_share_places_and_give_them_back(redis_url: str) -> None:
    async with replica(redis_url) as one, replica(redis_url) as other:
        key = Quota("c", concurrency=2)
        leave_one, leave_other = await one.admit(key), await other.admit(key)
        assert await admitted(one, key="c", concurrency=2) == "concurrency"
        leave_other()
        async with asyncio.timeout(5):
            while await admitted(one, key="c", concurrency=2) == "concurrency":
                await asyncio.sleep(0.01)
        assert await admitted(other, key="c", concurrency=2) == "concurrency"
        leave_one()
        assert await admitted(one, key="c", concurrency=2) == "admitted"


async def test_a_client_that_asks_one_thing_after_another_never_meets_its_own_last_request(
    redis_url: str,
) -> None:
    async with replica(redis_url) as limits:
        for _ in range(200):
            (await limits.admit(Quota("s", concurrency=1)))()


async def test_a_request_that_its_rate_refuses_takes_no_place(redis_url: str) -> None:
    async with replica(redis_url) as limits:
        key = Quota("b", concurrency=2, requests_per_minute=1)
        await limits.admit(key)
        for _ in range(3):
            assert await admitted(limits, key="b", concurrency=2, requests_per_minute=1) == "rate"


async def test_the_places_of_a_replica_that_died_come_back_and_those_of_one_that_lives_do_not(
    redis_url: str,
) -> None:
    async with replica(redis_url, lease_s=0.3) as alive:
        died = RedisLimits(redis_url, timeout_s=1, lease_s=0.3)
        await died.admit(Quota("d", concurrency=2))
        await alive.admit(Quota("d", concurrency=2))
        assert await admitted(alive, key="d", concurrency=2) == "concurrency"
        await asyncio.sleep(0.7)
        assert await admitted(alive, key="d", concurrency=2) == "admitted"
        assert await admitted(alive, key="d", concurrency=2) == "concurrency"
        await died.close()


async def test_a_replica_that_stops_gives_its_places_back(redis_url: str) -> None:
    async with replica(redis_url) as stays:
        async with replica(redis_url) as stops:
            release = await stops.admit(Quota("e", concurrency=1))
            release()
        assert await admitted(stays, key="e", concurrency=1) == "admitted"


async def test_without_redis_each_counts_for_itself_until_it_is_back(
    redis_url: str, tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    port, metrics = free_loopback_port(), Metrics()
    url = f"redis://127.0.0.1:{port}"
    async with replica(url) as one, replica(url) as other:
        one.show_in(metrics)
        assert events(logged) == [LOST] * 2
        for each in (one, other):
            seen = [await admitted(each, key="k", requests_per_minute=1, concurrency=9) for _ in range(2)]
            assert seen == ["admitted", "rate"]
        assert metrics.registry.get_sample_value("lethe_redis_up") == 0
        assert (metrics.registry.get_sample_value("lethe_redis_errors_total") or 0) >= 1
        with running_redis(port, tmp_path):
            async with asyncio.timeout(10):
                while not (one.answers and other.answers):
                    for each in (one, other):
                        await admitted(each, key="l", requests_per_minute=1)
                    await asyncio.sleep(0.05)
            assert events(logged) == [LOST] * 2 + [BACK] * 2
            assert metrics.registry.get_sample_value("lethe_redis_up") == 1
            assert await admitted(one, key="m", requests_per_minute=1) == "admitted"
            assert await admitted(other, key="m", requests_per_minute=1) == "rate"
        assert await admitted(one, key="n", requests_per_minute=1) == "admitted"
        assert events(logged) == [LOST] * 2 + [BACK] * 2 + [LOST]


async def test_a_redis_that_hangs_holds_a_request_up_no_longer_than_its_timeout(
    logged: pytest.LogCaptureFixture,
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    limits = RedisLimits(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.05)
    seen = [await admitted(limits, key="h", requests_per_minute=1) for _ in range(2)]
    assert seen == ["admitted", "rate"]
    assert events(logged) == [LOST]
    await limits.close()
    server.close()


async def test_keys_without_limits_do_not_ask_redis() -> None:
    limits = RedisLimits(f"redis://127.0.0.1:{free_loopback_port()}", timeout_s=1)
    assert await admitted(limits, key="free") == "admitted"
    assert limits.errors == 0
    await limits.close()


async def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(OperatorError, match=r"redis\.url: .*redis://"):
        RedisLimits("localhost:6379", timeout_s=1)


class TestTheWholeWayOfARequest:
    """Through a proxy on a real socket."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        (tmp_path / "keys.yaml").write_text("keys: []\n")
        return tmp_path / "keys.yaml"

    @pytest.fixture
    async def limits(self, redis_url: str) -> AsyncIterator[RedisLimits]:
        async with replica(redis_url) as limits:
            yield limits

    async def test_over_a_limit_is_a_429(self, stack: Stack, keys: Path) -> None:
        _, secret = create_key(keys, requests_per_minute=2, concurrency=1)
        stack.access.load()
        headers = {"Authorization": f"Bearer {secret}"}
        answers = [
            await stack.client.post("/v1/chat/completions", json=chat("hi"), headers=headers)
            for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert error_of(answers[2])["code"] == "rate_limit_exceeded"
        assert int(answers[2].headers["retry-after"]) > 10

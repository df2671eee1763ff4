"""Who asks nothing keeps nobody out: connections without a request make room for others."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import generate_latest

from lethe.server.connections import Connections
from lethe.server.metrics import Metrics
from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio

ASK = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HELD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{"


class Client:
    """A connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def sends(self, raw: bytes) -> None:
        self._writer.write(raw)
        await asyncio.sleep(0.05)

    async def answered(self) -> bytes:
        """The status line of the next answer; the rest of what is there is read too."""
        async with asyncio.timeout(5):
            return (await self._reader.read(4096)).partition(b"\r\n")[0]

    async def all(self) -> bytes:
        """Whatever comes until the end."""
        return await self._reader.read()

    async def is_ended(self) -> bool:
        try:
            async with asyncio.timeout(0.3):
                return await self._reader.read() == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True

    def goes(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def connected(stack: Stack) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", stack.port))
    await asyncio.sleep(0.05)
    yield client
    client.goes()


@pytest.mark.settings(limits={"max_connections": 2})
@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat"], ids=["nothing", "half-a-head"])
async def test_one_that_asks_nothing_makes_room_for_the_next(stack: Stack, sent: bytes) -> None:
    async with AsyncExitStack() as clients:
        first, second = [await clients.enter_async_context(connected(stack)) for _ in range(2)]
        await first.sends(sent)
        third = await clients.enter_async_context(connected(stack))
        await third.sends(ASK)
        assert await third.answered() == b"HTTP/1.1 200 OK"
        assert await first.is_ended()
        await second.sends(ASK)
        assert await second.answered() == b"HTTP/1.1 200 OK"


@pytest.mark.settings(limits={"max_connections": 2})
async def test_the_one_that_was_answered_last_is_the_last_to_make_room(stack: Stack) -> None:
    async with AsyncExitStack() as clients:
        first, second = [await clients.enter_async_context(connected(stack)) for _ in range(2)]
        await first.sends(ASK)
        assert await first.answered() == b"HTTP/1.1 200 OK"
        await clients.enter_async_context(connected(stack))
        assert await second.is_ended()
        await first.sends(ASK)
        assert await first.answered() == b"HTTP/1.1 200 OK"


@pytest.mark.settings(limits={"max_connections": 2})
async def test_no_request_makes_room(stack: Stack) -> None:
    async with AsyncExitStack() as clients:
        held = [await clients.enter_async_context(connected(stack)) for _ in range(2)]
        for each in held:
            await each.sends(HELD)
        third = await clients.enter_async_context(connected(stack))
        assert await third.answered() == b"HTTP/1.1 503 Service Unavailable"
        assert await third.is_ended()
        assert not await held[0].is_ended()
        held[0].goes()
        await asyncio.sleep(0.05)
        fourth = await clients.enter_async_context(connected(stack))
        await fourth.sends(ASK)
        assert await fourth.answered() == b"HTTP/1.1 200 OK"


@pytest.mark.settings(limits={"max_connections": 3})
async def test_what_was_answered_arrives_though_its_connection_makes_room(stack: Stack) -> None:
    size = 8 << 20
    stack.engine.answer = {"choices": [{"message": {"role": "assistant", "content": "x" * size}}]}
    body = json.dumps(chat("hi")).encode()
    async with AsyncExitStack() as clients:
        first = await clients.enter_async_context(connected(stack))
        await first.sends(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        while not stack.engine.requests or await stack.metric("lethe_requests_in_flight"):
            await asyncio.sleep(0.01)
        for _ in range(2):
            await clients.enter_async_context(connected(stack))
        async with asyncio.timeout(5):
            assert len(await first.all()) > size


class Idle:
    """A connection that says when it is to make room."""

    def __init__(self) -> None:
        self.ended = False

    def make_room(self) -> None:
        self.ended = True


def test_all_that_are_open_are_shown() -> None:
    metrics, connections = Metrics(), Connections(2)
    connections.show_in(metrics)
    idle = [Idle(), Idle()]
    for each in idle:
        assert connections.opened(each)
    connections.asked(idle[0])
    connections.closed(idle[1])
    assert "\nlethe_connections 1.0\n" in generate_latest(metrics.registry).decode()
    # It may be answered after it was closed.
    connections.closed(idle[0])
    connections.answered(idle[0])
    more = [Idle() for _ in range(3)]
    assert all(map(connections.opened, more))
    assert [each.ended for each in (*idle, *more)] == [False, False, True, False, False]


LIMITED = """
import resource
from lethe.server.connections import connections_within_files
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1128))
print([connections_within_files(most) for most in (20, 400, 8192)], resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_as_many_files_are_opened_as_connections_take_and_as_may_be() -> None:
    said = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True).stdout
    assert said == "[20, 400, 500] (1128, 1128)\n"

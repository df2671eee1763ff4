"""Engines that hang, lie or are gone, and clients that do not take what they asked for."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

import pytest

from tests.server.stack import Stack, chat, error_of

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def engine_that_says(stack: Stack, *content: bytes | None) -> AsyncIterator[None]:
    """In the engine's place, something that sends these bytes and closes; at None it says no more and stays."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in content:
            if piece is None:
                await reader.read()
            else:
                writer.write(piece)
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    stack.upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01garbage\r\n\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    ],
    ids=["nothing", "garbage", "version", "cut-off", "bad-chunk", "two-lengths"],
)
async def test_what_is_no_answer_is_a_502(stack: Stack, content: bytes) -> None:
    async with engine_that_says(stack, content):
        response = await stack.client.post(PATH, json=chat("hi"))
    assert response.status_code == 502
    assert "broke off" in error_of(response)["message"]


@pytest.mark.parametrize("content", [b"", b"It works!", b"<html></html>", b'{"choices": [{"mess', b'"{}"'])
async def test_an_answer_that_is_no_json_object_is_a_502(stack: Stack, content: bytes) -> None:
    async with engine_that_says(stack, HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content):
        response = await stack.client.post(PATH, json=chat("hi"))
    assert response.status_code == 502
    assert "not JSON" in error_of(response)["message"]
    assert await stack.metric(
        'lethe_requests_total{action="pass",endpoint="/v1/chat/completions",status="502"'
    )


async def test_a_vector_in_bytes_passes_as_it_is(stack: Stack) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\n"
    async with engine_that_says(stack, head + b"\0\1\2\3"):
        response = await stack.client.post("/v1/embeddings", json={"input": "hi"})
    assert (response.status_code, response.content) == (200, b"\0\1\2\3")


# aiohttp does not tell a reader of a body that its chunks stopped making sense; the total deadline does.
@pytest.mark.settings(engine={"total_timeout_s": 1})
@pytest.mark.parametrize("rest", [b"", b"zz\r\n", b"5\r\nda"], ids=["cut-off", "bad-chunk", "half-chunk"])
async def test_a_stream_that_turns_to_garbage_ends_in_an_error_event(stack: Stack, rest: bytes) -> None:
    event = b'data: {"a":1}\n\n'
    async with engine_that_says(stack, STREAM + b"%x\r\n%s\r\n" % (len(event), event), rest):
        response = await stack.client.post(PATH, json=chat("hi", stream=True))
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data")]
    assert "broke off" in json.loads(events[-1])["error"]["message"]
    assert await stack.metric(
        'lethe_requests_total{action="pass",endpoint="/v1/chat/completions",status="502"'
    )


@pytest.mark.settings(engine={"read_timeout_s": 0.2})
async def test_an_engine_that_accepts_and_says_nothing_is_a_504(stack: Stack) -> None:
    async with engine_that_says(stack, None):
        response = await stack.client.post(PATH, json=chat("hi"))
    assert response.status_code == 504


@pytest.mark.settings(engine={"read_timeout_s": 0.2})
async def test_a_stream_that_stands_still_ends_in_an_error_event(stack: Stack) -> None:
    stack.engine.holds = True
    response = await stack.client.post(PATH, json=chat("hi", stream=True))
    assert "broke off" in response.text
    await asyncio.wait_for(stack.engine.cancelled.wait(), 5)


@pytest.mark.settings(engine={"total_timeout_s": 0.3})
@pytest.mark.parametrize("stream", [True, False])
async def test_nothing_lasts_longer_than_the_total_deadline(stack: Stack, stream: bool) -> None:
    stack.engine.holds = True
    response = await stack.client.post(PATH, json=chat("hi", stream=stream))
    assert ("broke off" in response.text) if stream else (response.status_code == 504)
    await asyncio.wait_for(stack.engine.cancelled.wait(), 5)


async def test_an_engine_that_is_gone_is_a_503_and_is_left_alone_after_a_while(stack: Stack) -> None:
    async with engine_that_says(stack, b""):
        pass
    messages = []
    for _ in range(7):
        response = await stack.client.post(PATH, json=chat("hi"))
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        messages.append(error_of(response)["message"])
    assert ["refuses connections" in message for message in messages] == [True] * 5 + [False] * 2


@asynccontextmanager
async def engine_that_dies_of(
    stack: Stack, request: int, *, reset: bool, after_s: float = 0
) -> AsyncIterator[list[str]]:
    """In the engine's place, something that answers all requests on their connection but one, read whole.

    Parameters
    ----------
    request
        The number of that one, from 0.
    reset
        Whether its connection is reset rather than closed.
    after_s
        How long that takes.
    """
    requests: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                requests.append((await reader.readuntil(b"}]}")).decode())
                if len(requests) == request + 1:
                    await asyncio.sleep(after_s)
                    linger = struct.pack("ii", reset, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    break
                writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        stack.upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield requests


@pytest.mark.settings(engine={"connect_timeout_s": 0.3})
async def test_an_engine_that_takes_no_more_connections_is_a_503(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        address = listener.getsockname()
        # What nobody accepts fills the queue, and the system drops the next attempt unanswered.
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        stack.upstream.base_url = f"http://127.0.0.1:{address[1]}"
        response = await asyncio.wait_for(stack.client.post(PATH, json=chat("hi")), 5)
    assert response.status_code == 503
    assert "refuses connections" in error_of(response)["message"]


async def test_a_connection_that_the_engine_resets_after_it_was_idle_costs_no_request(stack: Stack) -> None:
    async with engine_that_dies_of(stack, 1, reset=True, after_s=1.2) as requests:
        for _ in range(2):
            assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
    assert len(requests) == 3


@pytest.mark.parametrize("reset", [True, False])
async def test_a_request_of_which_the_engine_dies_is_not_sent_again(stack: Stack, reset: bool) -> None:
    async with engine_that_dies_of(stack, 0, reset=reset) as requests:
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 502
    assert len(requests) == 1


async def test_nor_is_it_where_an_earlier_one_had_gone_the_same_way(stack: Stack) -> None:
    async with engine_that_dies_of(stack, 1, reset=False, after_s=1.2) as requests:
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 502
    assert len(requests) == 2


async def test_connections_that_the_engine_closed_while_idle_cost_no_request(stack: Stack) -> None:
    answer = HEAD + b"Content-Length: 2\r\n\r\n{}"
    connections: list[asyncio.StreamWriter] = []
    three = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        if len(connections) == 3:
            three.set()
        await reader.readuntil(b"}]}")
        await three.wait()
        writer.write(answer)
        # The next request on this connection is left unanswered, as when it meets the closing on its way.
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    stack.upstream.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        bodies = [chat("hi") for _ in range(3)]
        first = await asyncio.gather(*(stack.client.post(PATH, json=body) for body in bodies))
        assert [response.status_code for response in first] == [200] * 3
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
    assert len(connections) == 4


@pytest.mark.settings(limits={"stall_timeout_s": 0.2})
async def test_a_client_that_takes_nothing_frees_the_engine(stack: Stack) -> None:
    stack.engine.pieces = [b"data: " + b"x" * (1 << 20) + b"\n\n"] * 64
    body = json.dumps(chat("hi", stream=True)).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", stack.port, limit=1024)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await asyncio.wait_for(stack.engine.cancelled.wait(), 8)
    while await stack.metric("lethe_requests_in_flight"):
        await asyncio.sleep(0.01)
    assert await stack.metric("lethe_client_disconnects_total") == 1
    writer.transport.abort()


@pytest.mark.settings(limits={"max_requests": 2})
async def test_more_requests_than_may_be_in_flight_are_told_to_come_back(stack: Stack) -> None:
    stack.engine.holds = True
    served = [asyncio.create_task(stack.client.post(PATH, json=chat("hi"))) for _ in range(2)]
    while len(stack.engine.requests) < 2:
        await asyncio.sleep(0.01)
    response = await stack.client.post(PATH, json=chat("hi"))
    assert response.status_code == 503
    assert error_of(response)["code"] == "overloaded"
    assert int(response.headers["retry-after"]) > 0
    stack.engine.hold.set()
    assert [(await task).status_code for task in served] == [200, 200]
    assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200


@pytest.mark.settings(max_body_bytes=1 << 20, limits={"max_bodies_bytes": 1200 << 10})
async def test_bodies_that_together_take_up_too_much_are_told_to_come_back(stack: Stack) -> None:
    stack.engine.holds = True
    large = chat("x" * (700 << 10))
    served = asyncio.create_task(stack.client.post(PATH, json=large))
    async with asyncio.timeout(10):
        while not stack.engine.requests:
            await asyncio.sleep(0.01)
    response = await stack.client.post(PATH, json=large)
    assert response.status_code == 503
    assert error_of(response)["code"] == "overloaded"
    assert int(response.headers["retry-after"]) > 0
    stack.engine.hold.set()
    assert (await served).status_code == 200
    assert (await stack.client.post(PATH, json=large)).status_code == 200


@pytest.mark.settings(max_body_bytes=1 << 20, limits={"max_bodies_bytes": 1200 << 10})
async def test_a_body_takes_up_nothing_once_its_stream_has_begun(stack: Stack) -> None:
    stack.engine.holds = True
    large = chat("x" * (700 << 10), stream=True)
    async with (
        stack.client.stream("POST", PATH, json=large) as first,
        stack.client.stream("POST", PATH, json=large) as second,
    ):
        assert (first.status_code, second.status_code) == (200, 200)
        stack.engine.hold.set()

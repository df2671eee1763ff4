"""Heads that are too large, too slow or ambiguous end at the connection and never become a request."""

import asyncio
import json
import re
from contextlib import suppress

import pytest

from lethe.server.settings.connections import LimitSettings
from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio

BODY = json.dumps(chat("hi")).encode()
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def exchange(stack: Stack, *pieces: bytes) -> bytes:
    """Send raw bytes and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    answer = asyncio.create_task(reader.read())
    for piece in pieces:
        if not answer.done():
            writer.write(piece)
            await asyncio.sleep(0.02)
    async with asyncio.timeout(8):
        received = await answer
    writer.close()
    return received


@pytest.mark.settings(limits={"max_header_bytes": 2048})
@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"X: " + b"a" * 3000 + b"\r\n\r\n"],
        [HEAD, *[b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(40)]],
        [HEAD + b"X: ", *[b"a" * 500 for _ in range(6)]],
        [b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n"],
    ],
    ids=["one-long", "many", "unfinished", "path"],
)
async def test_a_head_over_the_limit_is_a_431(stack: Stack, pieces: list[bytes]) -> None:
    assert (await exchange(stack, *pieces)).startswith(b"HTTP/1.1 431 ")
    assert stack.engine.requests == []


@pytest.mark.settings(limits={"header_timeout_s": 0.2})
@pytest.mark.parametrize("piece", [b"POST /v1/chat", HEAD], ids=["line", "headers"])
async def test_a_client_that_does_not_finish_its_head_is_closed(stack: Stack, piece: bytes) -> None:
    assert await exchange(stack, piece) == b""


@pytest.mark.settings(limits={"keep_alive_s": 0.2})
@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"\r\n"],
        [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"],
        [b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b"{"],
    ],
    ids=["nothing", "blank", "answered", "answered-blank", "answered-early"],
)
async def test_a_connection_without_a_request_is_closed_after_its_time(
    stack: Stack, pieces: list[bytes]
) -> None:
    assert (await exchange(stack, *pieces)).count(b"HTTP/1.1 ") == (len(pieces[0]) > 2)


@pytest.mark.settings(limits={"header_timeout_s": 0.2})
async def test_a_connection_may_be_opened_long_before_it_is_used(stack: Stack) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    await asyncio.sleep(0.4)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


def test_idle_connections_outlive_those_of_balancers() -> None:
    # Google's keep theirs for 600 s, longer than the others of docs/deploying.md that do not send once more.
    assert LimitSettings().keep_alive_s > 600


@pytest.mark.settings(limits={"header_timeout_s": 0.2, "body_timeout_s": 0.4})
async def test_a_body_that_does_not_come_in_time_is_a_408(stack: Stack) -> None:
    answer = await exchange(stack, HEAD + b"Connection: close\r\nContent-Length: 90\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert stack.engine.requests == []


@pytest.mark.settings(limits={"header_timeout_s": 0.2})
async def test_a_kept_connection_may_idle_between_requests(stack: Stack) -> None:
    request = HEAD + b"Content-Length: %d\r\n" % len(BODY)
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    for last in (False, True):
        writer.write(request + (b"Connection: close\r\n" if last else b"") + b"\r\n" + BODY)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].split()[0]))
        await asyncio.sleep(0.4)
    writer.close()
    assert len(stack.engine.requests) == 2


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(BODY),
        HEAD + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n",
        HEAD + b"Content-Length : %d\r\n\r\n" % len(BODY),
        HEAD + b"Content-Length: +5\r\n\r\n",
        HEAD + b" folded: 1\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        HEAD + b"X: a\rb\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        HEAD + OFFER + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(BODY),
        HEAD + OFFER + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        HEAD + OFFER + b"Transfer-Encoding: xchunked\r\n\r\n",
        HEAD + OFFER + b"Transfer-Encoding:\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n" + OFFER + b"Content-Length: %d\r\n\r\n" % len(BODY),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000006040000000000000100001000"),
    ],
    ids=[
        "length-and-chunked",
        "two-lengths",
        "chunked-not-last",
        "unknown-coding",
        "space-before-colon",
        "signed-length",
        "folded",
        "bare-cr",
        "offer-length-and-chunked",
        "offer-two-lengths",
        "offer-unknown-coding",
        "offer-empty-coding",
        "tunnel",
        "tunnel-offer",
        "http2",
        "http2-settings",
    ],
)
async def test_a_head_that_two_servers_could_read_differently_is_refused(stack: Stack, head: bytes) -> None:
    answer = await exchange(stack, head + BODY)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 4") == 1
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert stack.engine.requests == []


@pytest.mark.parametrize(
    "offer",
    [OFFER, OFFER.replace(b"h2c", b"websocket"), b"upgrade: TLS/1.0, x/2\r\nconnection: close, upgrade\r\n"],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
async def test_an_offer_of_another_protocol_is_ignored(stack: Stack, offer: bytes, size: int) -> None:
    length = b"Content-Length: %d\r\n" % len(BODY)
    chunked = b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    requests = [
        HEAD + offer + length + b"\r\n" + BODY,
        HEAD + length + offer + b"Expect: 100-continue\r\n\r\n" + BODY,
        HEAD + chunked[0] + offer + b"\r\n" + chunked[1],
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n",
        HEAD + length + b"Connection: close\r\n\r\n" + BODY,
    ]
    if b"close" in offer:
        del requests[1:]
    sent = b"".join(requests)
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    for start in range(0, len(sent), size):
        writer.write(sent[start : start + size])
        await writer.drain()
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", await reader.read())
    writer.close()
    assert [status for status in statuses if status != b"100"] == [b"200"] * len(requests)
    asked = sum(request.startswith(b"POST") for request in requests)
    assert stack.engine.requests == [("/v1/chat/completions", chat("hi"))] * asked


async def test_what_comes_after_an_offer_is_guarded_too(stack: Stack) -> None:
    body = json.dumps(chat("potter")).encode()
    offer = OFFER.replace(b"Upgrade, ", b"Upgrade, close, ")
    ask = HEAD + offer + b"Content-Length: %d\r\n\r\n" % len(body) + body
    await exchange(stack, b"GET /health HTTP/1.1\r\nHost: x\r\n" + OFFER + b"\r\n" + ask)
    [(_, sent)] = stack.engine.requests
    assert "vllm_xargs" in sent


@pytest.mark.settings(limits={"max_header_bytes": 2048})
async def test_an_offer_does_not_lift_the_limit_of_a_head(stack: Stack) -> None:
    head = HEAD + OFFER + b"X: " + b"a" * 3000 + b"\r\n\r\n"
    assert (await exchange(stack, head)).startswith(b"HTTP/1.1 431 ")


async def ask_potter(stack: Stack, target: bytes) -> bytes:
    """What the proxy answers to a flagged question at a request target, sent as it stands."""
    body = json.dumps(chat("potter")).encode()
    head = HEAD.replace(b"/v1/chat/completions", target)
    return await exchange(stack, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/chat/completions/",
        b"/v1/chat/completions/.",
        b"/v1/chat/completions;x",
        b"/v1/chat/completions%00",
        b"/v1/chat//completions",
        b"//v1/chat/completions",
        b"/V1/chat/completions",
        b"/v1/../v1/chat/completions",
        b"/x/../v1/chat/completions",
        b"/v1/%2e%2e/v1/chat/completions",
        b"/v1/%2e%2e%2fv1/chat/completions",
        b"/v1/%252e%252e/v1/chat/completions",
        b"/v1%252fchat/completions",
        b"/v1\\chat\\completions",
        b"http://elsewhere/v1/chat/completions/",
        b"*",
    ],
)
async def test_a_path_that_is_not_a_routes_own_is_unknown(stack: Stack, target: bytes) -> None:
    answer = await ask_potter(stack, target)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"location:" not in answer.lower()
    assert stack.engine.requests == []


@pytest.mark.parametrize("target", [b"http://elsewhere", b"elsewhere:80", b"v1/chat/completions"])
async def test_a_target_without_a_path_is_refused(stack: Stack, target: bytes) -> None:
    assert (await ask_potter(stack, target)).startswith(b"HTTP/1.1 400 ")
    assert stack.engine.requests == []


@pytest.mark.parametrize(
    "target",
    [
        b"/v1%2fchat%2Fcompletions",
        b"/%76%31/chat/completions",
        b"/v1/chat/completions?a=/../b",
        b"http://elsewhere/v1/chat/completions",
    ],
)
async def test_a_path_in_other_letters_is_the_same_guarded_route(stack: Stack, target: bytes) -> None:
    answer = await ask_potter(stack, target)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"elsewhere" not in answer
    [(path, sent)] = stack.engine.requests
    assert path == "/v1/chat/completions"
    assert "vllm_xargs" in sent


async def test_trailers_are_ignored(stack: Stack) -> None:
    trailers = b"Content-Encoding: gzip\r\nContent-Type: text/plain\r\n"
    chunk = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(BODY), BODY, trailers)
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await exchange(stack, head + chunk)).startswith(b"HTTP/1.1 200 ")
    assert stack.engine.requests == [("/v1/chat/completions", chat("hi"))]


@pytest.mark.parametrize("trailer", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
async def test_trailers_that_would_say_where_the_body_ends_are_refused(stack: Stack, trailer: bytes) -> None:
    chunk = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(BODY), BODY, trailer)
    answer = await exchange(stack, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.settings(limits={"max_header_bytes": 2048})
@pytest.mark.parametrize(
    "pieces",
    [[b"X: ", *[b"a" * 500 for _ in range(6)]], [b"X: " + b"a" * 3000 + b"\r\n"], [b"X: a\r\n" * 600]],
    ids=["unfinished", "one-long", "many"],
)
async def test_trailers_over_the_limit_are_a_431(stack: Stack, pieces: list[bytes]) -> None:
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    answer = await exchange(stack, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk, *pieces)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert stack.engine.requests == []


async def test_a_chunked_body_is_a_body(stack: Stack) -> None:
    pieces = [b"%x\r\n%s\r\n" % (len(BODY[i : i + 7]), BODY[i : i + 7]) for i in range(0, len(BODY), 7)]
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(stack, head, b"".join(pieces) + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert stack.engine.requests == [("/v1/chat/completions", chat("hi"))]


def asks(stream: bool = False, version: bytes = b"1.1", *headers: bytes) -> tuple[bytes, bytes]:
    """A request's head and its body."""
    body = json.dumps(chat("hi", stream=stream)).encode()
    lines = [
        b"POST /v1/chat/completions HTTP/" + version,
        b"Host: x",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join([*lines, b"", b""]), body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_client_of_http_1_0_gets_no_chunks(stack: Stack, stream: bool) -> None:
    answer = await exchange(stack, *asks(stream, b"1.0", b"Connection: keep-alive"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in head
    assert b"chunked" not in head
    assert body == b"".join(stack.engine.pieces) if stream else json.loads(body)["choices"] == []


async def test_http_1_0_needs_no_host(stack: Stack) -> None:
    assert (await exchange(stack, b"GET /health HTTP/1.0\r\n\r\n")).endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: a\r\n"])
async def test_a_request_of_http_1_1_without_one_host_is_refused(stack: Stack, hosts: bytes) -> None:
    answer = await exchange(stack, b"GET /health HTTP/1.1\r\n" + hosts + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"must have a Host header" in answer


async def test_a_client_that_waits_to_be_told_is_told_to_go_on(stack: Stack) -> None:
    head, body = asks(False, b"1.1", b"Expect: 100-continue", b"Connection: close")
    answer = await exchange(stack, head, body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert len(stack.engine.requests) == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Encoding: br", b"415"),
        (b"Content-Length: 99999999", b"413"),
    ],
)
async def test_one_that_is_refused_before_it_is_told_sends_no_more_on_the_connection(
    stack: Stack, header: bytes, status: bytes
) -> None:
    head = b"\r\n".join([HEAD[:-2], header, b"Expect: 100-continue", b"", b""])
    if b"Length" not in header:
        head = head.replace(b"Expect", b"Content-Length: 10\r\nExpect")
    answer = await exchange(stack, head, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


async def test_an_expectation_that_is_not_known_is_ignored(stack: Stack) -> None:
    head, body = asks(False, b"1.1", b"Expect: magic", b"Connection: close")
    assert (await exchange(stack, head, body)).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_closes_its_half_is_taken_to_be_gone(stack: Stack) -> None:
    stack.engine.holds = True
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.writelines(asks())
    async with asyncio.timeout(8):
        while not stack.engine.requests:
            await asyncio.sleep(0.01)
        writer.write_eof()
        assert await reader.read() == b""
        await stack.engine.cancelled.wait()
    writer.close()


async def test_requests_that_come_at_once_are_answered_in_turn(stack: Stack) -> None:
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await exchange(stack, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"404"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_is_noticed_though_it_has_asked_for_more(stack: Stack, stream: bool) -> None:
    stack.engine.holds = True
    _, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.writelines(asks(stream) * 2)
    async with asyncio.timeout(8):
        while not stack.engine.requests:
            await asyncio.sleep(0.01)
        writer.transport.abort()
        await stack.engine.cancelled.wait()
        while await stack.metric("lethe_requests_in_flight"):
            await asyncio.sleep(0.01)
    assert len(stack.engine.requests) == 1


async def test_of_more_requests_than_may_wait_the_first_are_answered(stack: Stack) -> None:
    answer = await exchange(stack, b"".join(asks() * 100))
    answered = answer.count(b"HTTP/1.1 200 ")
    assert answered == len(stack.engine.requests)
    assert 1 < answered < 20
    assert answer.count(b"connection: close") == 1


async def test_a_large_body_is_not_kept_for_a_request_that_waits(stack: Stack) -> None:
    stack.engine.holds = True
    large = json.dumps(chat("x" * (1 << 20))).encode()
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(large)
    answer = asyncio.create_task(exchange(stack, *asks(), head, large))
    await asyncio.sleep(0.3)
    stack.engine.hold.set()
    assert (await answer).count(b"HTTP/1.1 200 ") == 1
    assert len(stack.engine.requests) == 1


@pytest.mark.settings(limits={"stall_timeout_s": 0.3})
@pytest.mark.parametrize("more", [b"", b"Connection: close"], ids=["kept", "closed"])
async def test_a_client_that_takes_nothing_of_a_whole_answer_is_gone(stack: Stack, more: bytes) -> None:
    size = 32 << 20
    stack.engine.answer = {"choices": [{"message": {"role": "assistant", "content": "x" * size}}]}
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port, limit=1024)
    writer.writelines(asks(False, b"1.1", *filter(None, [more])))
    while not stack.engine.requests or await stack.metric("lethe_requests_in_flight"):
        await asyncio.sleep(0.01)
    # Of which a client that reads would take all, and this one nothing.
    await asyncio.sleep(2)
    taken = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(8):
            while piece := await reader.read(1 << 20):
                taken += len(piece)
    assert taken < size
    writer.close()


@pytest.mark.settings(limits={"stall_timeout_s": 0.3})
async def test_a_client_that_takes_a_whole_answer_slowly_gets_all_of_it(stack: Stack) -> None:
    size = 32 << 20
    stack.engine.answer = {"choices": [{"message": {"role": "assistant", "content": "x" * size}}]}
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.writelines(asks(False, b"1.1", b"Connection: close"))
    taken = 0
    async with asyncio.timeout(20):
        while piece := await reader.read(2 << 20):
            taken += len(piece)
            await asyncio.sleep(0.005)
    assert taken > size
    writer.close()

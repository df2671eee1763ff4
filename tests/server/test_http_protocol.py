"""Heads that are too large, too slow or ambiguous end at the connection and never become a request."""

import asyncio
import json

import pytest

from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio

BODY = json.dumps(chat("hi")).encode()
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
@pytest.mark.parametrize("piece", [b"", b"POST /v1/chat", HEAD], ids=["nothing", "line", "headers"])
async def test_a_client_that_does_not_finish_its_head_is_closed(stack: Stack, piece: bytes) -> None:
    assert await exchange(stack, piece) == b""


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
        HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: %d\r\n\r\n" % len(BODY),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
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
        "upgrade",
        "http2",
    ],
)
async def test_a_head_that_two_servers_could_read_differently_is_refused(stack: Stack, head: bytes) -> None:
    answer = await exchange(stack, head + BODY)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 4") == 1
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert stack.engine.requests == []


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


async def test_trailers_do_not_become_headers(stack: Stack) -> None:
    chunk = b"%x\r\n%s\r\n0\r\nAuthorization: Bearer x\r\n\r\n" % (len(BODY), BODY)
    answer = await exchange(stack, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_chunked_body_is_a_body(stack: Stack) -> None:
    pieces = [b"%x\r\n%s\r\n" % (len(BODY[i : i + 7]), BODY[i : i + 7]) for i in range(0, len(BODY), 7)]
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(stack, head, b"".join(pieces) + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert stack.engine.requests == [("/v1/chat/completions", chat("hi"))]


async def test_no_other_origin_may_call_from_a_browser(stack: Stack) -> None:
    preflight = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
    assert (await stack.client.options("/v1/chat/completions", headers=preflight)).status_code == 405
    response = await stack.client.post("/v1/chat/completions", json=chat("hi"), headers=preflight)
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.settings(cors_origins=["http://page"])
async def test_a_named_origin_may(stack: Stack) -> None:
    for origin, allowed in (("http://page", True), ("http://other", False)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = await stack.client.options("/v1/chat/completions", headers=headers)
        assert (response.headers.get("access-control-allow-origin") == origin) is allowed

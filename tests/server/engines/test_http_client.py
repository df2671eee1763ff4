"""An engine's HTTP as it comes: kept and broken connections, framings, and answers that do not come."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lethe.server.engines.http_client import HttpClient, NotConnected
from lethe.server.engines.http_connection import BrokenOff, Waits
from lethe.server.engines.process import free_loopback_port
from lethe.server.listening import Certificate
from tests.server.certificates import WriteCertificate, write_certificate

__all__ = ["write_certificate"]

pytestmark = pytest.mark.anyio

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Reads requests and answers each as it is told; the connections that it was given, and the requests on each."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[list[bytes]] = []
        self.gone = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received: list[bytes] = []
        self.requests.append(received)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                received.append(head + await reader.readexactly(length))
                await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


def said(*pieces: bytes, then_closes: bool = False) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if then_closes:
            writer.close()

    return answer


@asynccontextmanager
async def asking(
    answer: Answer, *, keep_s: float = 5, read_s: float = 5, total_s: float | None = None
) -> AsyncIterator[tuple[HttpClient, Server]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}/path"
    client = HttpClient({"X-Always": "1"}, Waits(5, read_s, total_s), keep_s)
    try:
        yield client, server
    finally:
        client.close()
        listening.close()


async def body(client: HttpClient, url: str) -> bytes:
    answer = await client.post(url, b"{}", {})
    try:
        return await answer.read()
    finally:
        answer.close()


async def test_a_request_goes_as_it_was_given() -> None:
    async with asking(said(WHOLE)) as (client, server):
        answer = await client.post(server.url, b'{"a":1}', {"X-Request-Id": "7\r\nX-Evil: 1"})
        assert (answer.status, answer.headers, await answer.read()) == (200, {"content-length": "2"}, b"ok")
    head, _, content = server.requests[0][0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /path HTTP/1.1"
    assert {b"X-Always: 1", b"Content-Length: 7", b"X-Request-Id: 7X-Evil: 1"} < set(lines)
    assert content == b'{"a":1}'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(WHOLE), b"ok"),
        (said(*(bytes([each]) for each in WHOLE)), b"ok"),
        (
            said(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
            b"ok",
        ),
        (said(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n0\r\nX-Sum: 1\r\n\r\n"), b"o"),
        (said(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", WHOLE), b"ok"),
        (said(b"HTTP/1.1 204 No Content\r\n\r\n"), b""),
    ],
)
async def test_an_answer_is_read_however_it_is_framed_and_its_connection_kept(
    answer: Answer, expected: bytes
) -> None:
    async with asking(answer) as (client, server):
        assert [await body(client, server.url) for _ in range(3)] == [expected] * 3
    assert [len(each) for each in server.requests] == [3]


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"],
)
async def test_an_answer_may_end_with_its_connection(head: bytes) -> None:
    async with asking(said(head, b"o", b"k", then_closes=True)) as (client, server):
        assert [await body(client, server.url) for _ in range(2)] == [b"ok"] * 2
    assert [len(each) for each in server.requests] == [1, 1]


async def test_requests_at_a_time_have_a_connection_each_which_are_used_again() -> None:
    async with asking(said(WHOLE)) as (client, server):
        for _ in range(3):
            assert await asyncio.gather(*(body(client, server.url) for _ in range(8))) == [b"ok"] * 8
    assert len(server.requests) == 8
    assert sum(map(len, server.requests)) == 24


async def test_a_new_connection_is_made_where_that_is_asked_for() -> None:
    async with asking(said(WHOLE)) as (client, server):
        await body(client, server.url)
        answer = await client.post(server.url, b"{}", {}, anew=True)
        await answer.read()
    assert [len(each) for each in server.requests] == [1, 1]


async def test_a_connection_that_nobody_uses_is_ended() -> None:
    async with asking(said(WHOLE), keep_s=0.05) as (client, server):
        await body(client, server.url)
        await asyncio.wait_for(server.gone.wait(), 5)
        await body(client, server.url)
    assert len(server.requests) == 2


async def test_what_nobody_asked_for_ends_a_connection() -> None:
    async with asking(said(WHOLE + WHOLE)) as (client, server):
        assert await body(client, server.url) == b"ok"
        assert await body(client, server.url) == b"ok"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "begun",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"SSH-2.0-OpenSSH_9\r\n"],
)
async def test_what_breaks_off_is_no_answer(begun: bytes) -> None:
    async with asking(said(begun, then_closes=True)) as (client, server):
        with pytest.raises(BrokenOff) as caught:
            await body(client, server.url)
    assert not caught.value.reused


async def test_it_is_told_whether_a_connection_had_been_used_and_how_it_ended() -> None:
    async with asking(said(WHOLE)) as (client, server):
        await body(client, server.url)
        server.answer = said(then_closes=True)
        with pytest.raises(BrokenOff) as caught:
            await body(client, server.url)
    assert (caught.value.reused, caught.value.by_reset) == (True, False)


async def test_an_answer_that_is_let_go_of_ends_its_connection() -> None:
    async with asking(said(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")) as (client, server):
        answer = await client.post(server.url, b"{}", {})
        answer.close()
        await asyncio.wait_for(server.gone.wait(), 5)


async def test_who_stops_waiting_ends_the_connection() -> None:
    async with asking(said()) as (client, server):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post(server.url, b"{}", {}), 0.05)
        await asyncio.wait_for(server.gone.wait(), 5)


async def test_a_wait_for_a_piece_may_be_given_up() -> None:
    go_on = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await go_on.wait()
        writer.write(b"cd")

    async with asking(answer) as (client, server):
        pieces = aiter(await client.post(server.url, b"{}", {}))
        assert await anext(pieces) == b"ab"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(pieces), 0.05)
        go_on.set()
        assert await anext(pieces) == b"cd"
        assert await anext(pieces, b"") == b""


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
@pytest.mark.parametrize("waits", [{"read_s": 0.1}, {"total_s": 0.1}])
async def test_what_does_not_come_is_waited_for_no_longer_than_told(
    begun: bytes, waits: dict[str, float]
) -> None:
    async with asking(said(begun), **waits) as (client, server):
        with pytest.raises(TimeoutError):
            await body(client, server.url)


async def test_each_piece_has_the_time_to_read_for_itself() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.1)
            writer.write(b"a")

    async with asking(answer, read_s=0.4) as (client, server):
        assert await body(client, server.url) == b"aaaaaa"
    async with asking(answer, total_s=0.3) as (client, server):
        with pytest.raises(TimeoutError):
            await body(client, server.url)


async def test_an_answer_that_nobody_takes_is_not_gathered_here() -> None:
    sent = 0

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(50):
            writer.write(b"a" * 1_000_000)
            await writer.drain()
            sent += 1

    async with asking(answer) as (client, server):
        reading = await client.post(server.url, b"{}", {})
        await asyncio.sleep(0.3)
        assert sent < 20
        assert len(await reading.read()) == 50_000_000


async def test_where_nobody_listens_there_is_no_connection() -> None:
    with pytest.raises(NotConnected):
        await body(HttpClient({}, Waits(5, 5), 5), f"http://127.0.0.1:{free_loopback_port()}/path")


@pytest.mark.parametrize(
    "address",
    ["http://no.such.name.invalid/", "nonsense", "http://", "http://host:port/", "http://host:99999/"],
)
async def test_what_is_no_address_is_not_connected_to(address: str) -> None:
    with pytest.raises(NotConnected):
        await body(HttpClient({}, Waits(5, 5), 5), address)


async def test_an_encrypted_connection_is_made_to_who_shows_a_certificate_that_is_trusted(
    write_certificate: WriteCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate("localhost")
    server = Server(said(WHOLE))
    context = Certificate(certificate).context
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    address = f"https://localhost:{listening.sockets[0].getsockname()[1]}/path"
    client = HttpClient({}, Waits(5, 5), 5)
    with pytest.raises(NotConnected):
        await body(client, address)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    assert [await body(client, address), await body(client, address)] == [b"ok", b"ok"]
    client.close()
    listening.close()

"""A request ends once, however it ends, and what was held for it is let go then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.http_client import HttpClient
from lethe.server.engines.http_connection import Waits
from lethe.server.errors import BadRequest, EngineFailed, EngineTimeout, ServerStopping, TooManyRequests
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.request.relay import ClientGone, StreamedResponse
from tests.server.stack import RecordingEngine

pytestmark = pytest.mark.anyio

STREAM = b'data: {"a":1}\n\ndata: [DONE]\n\n'


class Told:
    """What was told and let go, in order."""

    def __init__(self) -> None:
        self.order: list[Any] = []

    @property
    def ends(self) -> list[tuple[int, bytes | None]]:
        return [each for each in self.order if isinstance(each, tuple)]

    def end(self, status: int, answer: bytes | None) -> None:
        self.order.append((status, answer))

    def let_go(self, name: str) -> Callable[[], None]:
        return lambda: self.order.append(name)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def lifetime(told: Told) -> RequestLifetime:
    """A lifetime for which two things are held."""
    lifetime = RequestLifetime(60, told.end)
    lifetime.hold(told.let_go("first"))
    lifetime.hold(told.let_go("second"))
    return lifetime


@pytest.fixture
async def engine() -> AsyncIterator[RecordingEngine]:
    engine = RecordingEngine()
    async with engine.running():
        yield engine


@pytest.fixture
async def asked(engine: RecordingEngine) -> AsyncIterator[Callable[[bool], Awaitable[EngineAnswer]]]:
    """Asks the engine, for a stream or not."""
    client = HttpClient({"Content-Type": "application/json"}, Waits(5, 5), 5)

    async def ask(stream: bool) -> EngineAnswer:
        body = orjson.dumps({"stream": stream})
        return EngineAnswer(await client.post(f"{engine.url}/v1/chat/completions", body, {}))

    yield ask
    client.close()


async def failing(error: BaseException) -> Response:
    raise error


async def answering(response: Response) -> Response:
    return response


async def sent(response: Response, *, gone: bool = False, begun: asyncio.Event | None = None) -> bytes:
    """What a client gets of a response, which may have gone before; told when the first of it came."""
    pieces = list[bytes]()

    async def receive() -> Any:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pieces.append(message.get("body", b""))
        if begun is not None and any(pieces):
            begun.set()
        await asyncio.sleep(0)

    await response({"type": "http"}, receive, send)
    return b"".join(pieces)


async def test_an_answer_ends_it_with_its_status(lifetime: RequestLifetime, told: Told) -> None:
    response = Response(b"refused", 403)
    assert await lifetime.answer(answering(response)) is response
    assert told.order == [(403, None), "second", "first"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClientGone(), 499),
        (ClientDisconnect(), 499),
        (BadRequest("no"), 400),
        (TooManyRequests("no", retry_after_s=1), 429),
        (EngineFailed("no"), 502),
        (EngineTimeout("no"), 504),
        (ServerStopping(), 503),
    ],
)
async def test_what_goes_wrong_as_it_may_is_an_answer(
    lifetime: RequestLifetime, told: Told, error: Exception, status: int
) -> None:
    response = await lifetime.answer(failing(error))
    assert response.status_code == status
    assert told.order == [(status, None), "second", "first"]
    assert (response.body == b"") is (status == 499)


@pytest.mark.parametrize(
    ("error", "status"),
    [(asyncio.CancelledError(), 503), (ValueError("a bug"), 500), (SystemExit(), 500)],
    ids=["stopped", "unexpected", "exit"],
)
async def test_what_goes_wrong_otherwise_goes_on_and_has_ended_it(
    lifetime: RequestLifetime, told: Told, error: BaseException, status: int
) -> None:
    with pytest.raises(type(error)):
        await lifetime.answer(failing(error))
    assert told.order == [(status, None), "second", "first"]


async def test_a_context_is_left_at_the_end(lifetime: RequestLifetime, told: Told) -> None:
    @contextmanager
    def context() -> Any:
        try:
            yield "kept"
        finally:
            told.order.append("context")

    async def work() -> Response:
        assert lifetime.keep(context()) == "kept"
        raise BadRequest("no")

    await lifetime.answer(work())
    assert told.order == [(400, None), "context", "second", "first"]


async def test_what_is_held_is_let_go_even_where_an_end_fails(told: Told) -> None:
    def fails(*_: object) -> None:
        raise OSError("full")

    lifetime = RequestLifetime(60, fails)
    lifetime.hold(told.let_go("first"))
    lifetime.hold(fails)
    lifetime.hold(told.let_go("third"))
    with pytest.raises(OSError, match="full"):
        await lifetime.answer(answering(Response()))
    assert told.order == ["third", "first"]


async def test_a_whole_answer_of_the_engine_ends_it_and_is_told(
    lifetime: RequestLifetime, told: Told, asked: Callable[[bool], Awaitable[EngineAnswer]]
) -> None:
    response = await lifetime.answer(lifetime.relay(await asked(False)))
    assert orjson.loads(response.body)["id"] == "x"
    assert told.order == [(200, response.body), "second", "first"]


async def test_an_engine_that_answers_no_json_is_a_502(
    lifetime: RequestLifetime,
    told: Told,
    engine: RecordingEngine,
    asked: Callable[[bool], Awaitable[EngineAnswer]],
) -> None:
    engine.error = web.Response(text="<html>")
    assert (await lifetime.answer(lifetime.relay(await asked(False)))).status_code == 502
    assert told.order == [(502, None), "second", "first"]


class TestStream:
    """A stream has not ended before it was sent."""

    @pytest.fixture
    async def response(
        self, lifetime: RequestLifetime, told: Told, asked: Callable[[bool], Awaitable[EngineAnswer]]
    ) -> Response:
        response = await lifetime.answer(lifetime.relay(await asked(True)))
        assert isinstance(response, StreamedResponse)
        assert told.order == []
        return response

    async def test_it_ends_when_it_was_sent(self, told: Told, response: Response) -> None:
        assert await sent(response) == STREAM
        assert told.order == [(200, STREAM), "second", "first"]

    async def test_a_client_that_goes_ends_it(self, told: Told, response: Response) -> None:
        await sent(response, gone=True)
        assert [status for status, _ in told.ends] == [499]
        assert told.order[1:] == ["second", "first"]


class FaultyStream:
    """A stream that a fault of the proxy's own ends after its first piece."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = dict[str, str]()

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise ValueError("a bug")

    def close(self) -> None:
        pass


async def test_a_fault_amid_a_stream_is_told_as_one_and_goes_on(
    lifetime: RequestLifetime, told: Told
) -> None:
    response = await lifetime.answer(answering(lifetime.stream(FaultyStream())))
    pieces: list[bytes] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        pieces.append(message.get("body", b""))

    with pytest.raises(ValueError, match="a bug"):
        await response({"type": "http"}, receive, send)
    begun, _, error = b"".join(pieces).partition(b"\n\n")
    assert begun == b"data: 1"
    assert orjson.loads(error.strip().removeprefix(b"data: "))["error"]["type"] == "server_error"
    assert told.order == [(500, b"data: 1\n\n"), "second", "first"]


class TestBrokenStream:
    """An engine that breaks off in the middle."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[RecordingEngine]:
        engine = RecordingEngine(breaks_off=True)
        async with engine.running():
            yield engine

    async def test_it_ends_as_a_failure_of_the_engine(
        self, lifetime: RequestLifetime, told: Told, asked: Callable[[bool], Awaitable[EngineAnswer]]
    ) -> None:
        response = await lifetime.answer(lifetime.relay(await asked(True)))
        assert b'"error"' in await sent(response)
        assert [status for status, _ in told.ends] == [502]
        assert told.order[1:] == ["second", "first"]


class TestSlowStream:
    """An engine that is at work on a stream."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[RecordingEngine]:
        engine = RecordingEngine(holds=True)
        async with engine.running():
            yield engine

    async def test_a_proxy_that_stops_ends_it(
        self,
        engine: RecordingEngine,
        lifetime: RequestLifetime,
        told: Told,
        asked: Callable[[bool], Awaitable[EngineAnswer]],
    ) -> None:
        response = await lifetime.answer(lifetime.relay(await asked(True)))
        begun = asyncio.Event()
        sending = asyncio.create_task(sent(response, begun=begun))
        await begun.wait()
        sending.cancel()
        assert b"stopping" in await sending
        assert [status for status, _ in told.ends] == [503]
        assert told.order[1:] == ["second", "first"]
        await engine.cancelled.wait()

"""What engines are asked for on every call: answers as they are, without a content coding."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from lethe.server.circuit_breaker import CircuitBreaker
from lethe.server.engines.client import EngineClient
from lethe.server.errors import EngineFailed, EngineNotReached, EngineTimeout, OperatorError
from tests.server.stack import MODEL, RecordingEngine, Stack, chat, error_of

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


async def test_every_call_asks_for_what_is_not_compressed(stack: Stack) -> None:
    stack.engine.refuses_adapters = "it is asked all the same"
    for stream in (False, True):
        await stack.client.post(PATH, json=chat("hi", stream=stream))
    await stack.client.post("/v1/completions", json={"prompt": [1, 2]})
    await stack.client.get("/metrics/engine")
    await stack.upstream.healthy()
    await stack.upstream.administer("/v1/load_lora_adapter", {"lora_name": "an-adapter", "lora_path": "/"})
    paths = {path for path, _ in stack.engine.accepted}
    assert {"/health", "/v1/models", "/metrics", PATH, "/detokenize", "/v1/load_lora_adapter"} <= paths
    assert {accepted for _, accepted in stack.engine.accepted} == {"identity"}


async def test_an_ingress_that_compresses_when_asked_changes_nothing(stack: Stack) -> None:
    plain = [(await stack.client.post(PATH, json=chat("hi", stream=stream))).text for stream in (False, True)]
    stack.engine.compresses = "if asked"
    await stack.upstream.learn_facts()
    for stream, answer in zip((False, True), plain, strict=True):
        assert (await stack.client.post(PATH, json=chat("hi", stream=stream))).text == answer
    assert "vllm:" in (await stack.client.get("/metrics/engine")).text


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_compressed_all_the_same_is_a_502_that_says_so(stack: Stack, stream: bool) -> None:
    stack.engine.compresses = "always"
    for response in (
        await stack.client.post(PATH, json=chat("hi", stream=stream)),
        await stack.client.get("/metrics/engine"),
    ):
        assert response.status_code == 502
        assert "compressed (gzip)" in error_of(response)["message"]
    assert stack.upstream.in_flight == 0
    stack.engine.compresses = "never"
    assert (await stack.client.post(PATH, json=chat("hi", stream=stream))).status_code == 200


async def test_operators_are_told_where_to_switch_compression_off(stack: Stack) -> None:
    stack.engine.refuses_adapters = "it is asked all the same"
    stack.engine.compresses = "always"
    with pytest.raises(OperatorError, match=rf"gzip.*{stack.upstream.label}"):
        await stack.upstream.learn_facts()
    with pytest.raises(EngineFailed, match="gzip"):
        await stack.upstream.administer("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": "/"})


async def test_a_page_that_is_not_of_metrics_is_none(stack: Stack) -> None:
    stack.engine.metrics_page, stack.engine.metrics_status = "<html>no such page</html>", 404
    response = await stack.client.get("/metrics/engine")
    assert (response.status_code, "HTTP 404" in error_of(response)["message"]) == (502, True)
    await stack.upstream.learn_facts()
    assert stack.upstream.facts is not None
    assert stack.upstream.facts.plugin is None


CARDS = b'{"data": [{"id": "org/model"}]}'


@pytest.mark.parametrize(
    "cards",
    [
        b"[]",
        b"\xff",
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": [null]}',
        b'{"data": ["org/model"]}',
        b'{"data": {"org/model": {}}}',
        b'{"data": [{"root": "org/model"}]}',
    ],
)
async def test_what_is_no_vllm_is_told_so(cards: bytes) -> None:
    async with saying(cards, b"") as client:
        with pytest.raises(OperatorError, match="does not answer /v1/models as vLLM does"):
            await client.learn_facts()


async def test_a_number_that_no_parser_reads_is_no_vllms() -> None:
    async with saying(CARDS, b'lethe_plugin_info{wire="%b"} 1.0\n' % (b"9" * 5000)) as client:
        with pytest.raises(OperatorError, match="does not answer /v1/models as vLLM does"):
            await client.learn_facts()


async def test_a_page_of_metrics_that_is_no_text_is_read_as_far_as_it_is() -> None:
    async with saying(CARDS, b'lethe_plugin_info{version="1"} 1.0\n# HELP x caf\xe9\n') as client:
        await client.learn_facts()
        assert client.facts is not None
        assert client.facts.plugin is not None


@asynccontextmanager
async def saying(cards: bytes, metrics: bytes) -> AsyncIterator[EngineClient]:
    """The client of what answers this to `/v1/models` and to `/metrics`."""
    pages = {"/v1/models": (cards, "application/json"), "/metrics": (metrics, "text/plain")}

    async def answer(request: web.Request) -> web.Response:
        body, kind = pages[request.path]
        return web.Response(body=body, headers={"Content-Type": f"{kind}; charset=utf-8"})

    app = web.Application()
    app.add_routes([web.get(path, answer) for path in pages])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = EngineClient(url, None, connect_timeout_s=5, read_timeout_s=5)
    await client.open()
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


async def test_an_engine_may_be_at_an_address_of_ipv6() -> None:
    engine = RecordingEngine(host="::1")
    async with engine.running():
        client = EngineClient(f"{engine.url}/v1/", None, connect_timeout_s=5, read_timeout_s=5)
        await client.open()
        await client.learn_facts()
        client.mark_ready()
        answer = await client.post(PATH, chat("hi"))
        assert answer.status == 200
        answer.close()
        await client.close()
    assert client.facts is not None
    assert client.facts.name == MODEL
    assert client.label.startswith("[::1]:")


async def test_an_error_that_nobody_waits_for_any_longer_is_let_go() -> None:
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100\r\n\r\n{")
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        left.set()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = EngineClient(url, None, connect_timeout_s=5, read_timeout_s=60)
        await client.open()
        client.mark_ready()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post(PATH, {}), 0.5)
        await asyncio.wait_for(left.wait(), 10)
        assert client.in_flight == 0
        await client.close()


async def test_what_failed_before_an_engine_came_back_counts_no_longer() -> None:
    engine = RecordingEngine()
    async with engine.running():
        url = engine.url
    client = EngineClient(
        url, None, connect_timeout_s=5, read_timeout_s=5, breaker=CircuitBreaker(1, pause_s=3600)
    )
    await client.open()
    client.mark_ready()
    with suppress(EngineNotReached):
        await client.post(PATH, chat("hi"))
    # Another look that finds it well says nothing of why requests fail.
    client.mark_ready()
    with pytest.raises(EngineNotReached, match="does not answer now"):
        await client.post(PATH, chat("hi"))
    client.mark_unavailable("its engine does not answer")
    client.mark_ready()
    with pytest.raises(EngineNotReached, match="refuses connections"):
        await client.post(PATH, chat("hi"))
    await client.close()


async def test_an_engine_that_takes_long_over_some_answers_is_asked_on() -> None:
    """Whether it is well, its health tells: five long answers are no reason to turn all others away."""
    left: asyncio.Queue[None] = asyncio.Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        writer.close()
        left.put_nowait(None)

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        breaker = CircuitBreaker(1, pause_s=3600)
        client = EngineClient(url, None, connect_timeout_s=5, read_timeout_s=0.1, breaker=breaker)
        await client.open()
        client.mark_ready()
        for _ in range(2):
            with pytest.raises(EngineTimeout):
                await client.post(PATH, {})
        assert client.failures == 2
        await client.close()
        for _ in range(2):
            await asyncio.wait_for(left.get(), 10)

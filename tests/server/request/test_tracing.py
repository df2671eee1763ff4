"""A request is traced through the proxy to the engine, without a word of what it says."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pydantic
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from lethe.server.request.open_telemetry import OpenTelemetry
from lethe.server.settings.records import TracingSettings
from tests.server.answers import chat_answer
from tests.server.stack import MODEL, Stack, chat, write_target

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
SECRET = "xyzzy"
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    """Takes the spans."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exported: InMemorySpanExporter, request: pytest.FixtureRequest) -> OpenTelemetry:
    mark = request.node.get_closest_marker("tracing")
    return OpenTelemetry(TracingSettings(**(mark.kwargs if mark else {})), exported)


def spans_of(tracing: OpenTelemetry, exported: InMemorySpanExporter) -> Sequence[ReadableSpan]:
    """The spans so far, in the order of their ends."""
    tracing.close()
    return exported.get_finished_spans()


def is_sampled(traceparent: str) -> bool:
    """Whether who reads this is to trace too."""
    return bool(int(traceparent.rpartition("-")[2], 16) & 1)


async def test_three_spans_tell_of_a_request(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    body = chat(f"potter {SECRET}", max_tokens=7, temperature=0.5, seed=2**63, user=SECRET, stop=[SECRET])
    response = await stack.client.post(PATH, json=body)
    classified, asked, whole = spans_of(tracing, exported)
    assert (classified.name, asked.name, whole.name) == ("classify", f"chat {MODEL}", f"POST {PATH}")
    assert whole.parent is None
    assert whole.context is not None
    for child in (classified, asked):
        assert child.parent is not None
        assert child.parent.span_id == whole.context.span_id
    assert dict(whole.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": PATH,
        "http.response.status_code": 200,
        "lethe.request_id": response.headers["x-request-id"],
        "lethe.outcome": "corrupt",
        "lethe.flagged": (f"books@{next(iter(stack.guard.targets)).version}",),
    }
    described = dict(asked.attributes or {})
    assert described.pop("gen_ai.response.time_to_first_chunk") > 0  # pyright: ignore[reportOperatorIssue]
    assert described == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.stream": False,
        "gen_ai.request.max_tokens": 7,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
    }
    assert SECRET not in "".join(span.to_json() for span in exported.get_finished_spans())


async def test_an_answer_that_was_made_anew_is_told_with_both_calls(
    stack: Stack, targets: Path, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    write_target(targets, "books", answers=True)
    await stack.guard.load()
    stack.engine.next_answers = [chat_answer("told in the books"), chat_answer("unknown")]
    await stack.client.post(PATH, json=chat("hi"))
    *spans, whole = spans_of(tracing, exported)
    assert [span.name for span in spans] == ["classify", f"chat {MODEL}", f"chat {MODEL}"]
    told = {name: value for name, value in (whole.attributes or {}).items() if "answer" in name}
    assert told == {
        "lethe.answer.outcome": "corrupt",
        "lethe.answer.flagged": ("books",),
        "lethe.answer.made_anew": True,
    }


USED = b'"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9}'
STREAMS = {
    "asked-for": [
        b'data: {"choices":[{}],"usage":null}\n\n',
        b'data: {"choices":[],' + USED + b"}\n\n",
        DONE,
    ],
    "in-one-piece": [b'data: {"choices":[{}]}\n\ndata: {"choices":[],' + USED + b"}\n\n" + DONE],
    "in-parts": [b'data: {"choices":[],', USED[:20], USED[20:], b"}\n\n" + DONE],
    "after-each": [b'data: {"usage":{"completion_tokens":1}}\n\n', b"data: {" + USED + b"}\n\n", DONE],
    "response": [
        b"event: response.completed\n"
        b'data: {"response":{"usage":{"input_tokens":5,"output_tokens":4,"total_tokens":9}}}\n\n'
    ],
}


@pytest.mark.parametrize("pieces", STREAMS.values(), ids=STREAMS.keys())
async def test_a_stream_that_tells_its_usage_tells_it_to_the_trace(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter, pieces: Sequence[bytes]
) -> None:
    stack.engine.pieces = [b'data: {"choices":[{}]}\n\n'] * 20 + list(pieces)
    response = await stack.client.post(PATH, json=chat("hi", stream=True))
    assert response.content == b"".join(stack.engine.pieces)
    asked = next(span for span in spans_of(tracing, exported) if span.name.startswith("chat"))
    attributes = dict(asked.attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 5
    assert attributes["gen_ai.usage.output_tokens"] == 4


@pytest.mark.parametrize("last", [b"", b"data: [1]\n\n", b'data: {"usage":null}\n\n', b'data: {"usage":"x"}'])
async def test_a_stream_that_tells_none_is_traced_all_the_same(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter, last: bytes
) -> None:
    stack.engine.pieces = [b'data: {"choices":[{}]}\n\n', last + DONE]
    await stack.client.post(PATH, json=chat("hi", stream=True))
    asked = next(span for span in spans_of(tracing, exported) if span.name.startswith("chat"))
    assert not [name for name in asked.attributes or {} if name.startswith("gen_ai.usage")]


async def test_the_engine_continues_the_trace(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    await stack.client.post(PATH, json=chat("hi", stream=True))
    asked = next(span for span in spans_of(tracing, exported) if span.name.startswith("chat"))
    assert asked.context is not None
    trace, span = format_trace_id(asked.context.trace_id), format_span_id(asked.context.span_id)
    told = stack.engine.headers[0]["traceparent"]
    assert told.startswith(f"00-{trace}-{span}-")
    assert is_sampled(told)


async def test_what_a_client_says_of_a_trace_is_not_heeded(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": f"a={SECRET}", "baggage": SECRET}
    await stack.client.post(PATH, json=chat("hi"), headers=headers)
    assert spans_of(tracing, exported)[-1].parent is None
    assert "a" * 32 not in stack.engine.headers[0]["traceparent"]
    assert SECRET not in json.dumps(stack.engine.headers[0])


@pytest.mark.tracing(accept_parent=True)
async def test_a_clients_trace_is_continued_where_it_may_be(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    await stack.client.post(PATH, json=chat("hi"), headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    parent = spans_of(tracing, exported)[-1].parent
    assert parent is not None
    assert format_span_id(parent.span_id) == "b" * 16
    assert "a" * 32 in stack.engine.headers[0]["traceparent"]


@pytest.mark.tracing(share=0)
async def test_a_request_outside_of_the_share_is_not_traced_by_the_engine_either(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    await stack.client.post(PATH, json=chat("hi"))
    assert spans_of(tracing, exported) == ()
    assert not is_sampled(stack.engine.headers[0]["traceparent"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": SECRET, "messages": [{"role": "user", "content": "hi"}]}, 404),
        ({"messages": SECRET}, 400),
        (chat("time out"), 503),
    ],
)
async def test_what_never_reached_the_engine_is_traced_as_such(
    stack: Stack, tracing: OpenTelemetry, exported: InMemorySpanExporter, body: dict[str, Any], status: int
) -> None:
    await stack.client.post(PATH, json=body)
    spans = spans_of(tracing, exported)
    assert not [span for span in spans if span.name.startswith("chat")]
    assert (spans[-1].attributes or {})["http.response.status_code"] == status
    assert (spans[-1].status.status_code is StatusCode.ERROR) == (status >= 500)
    assert SECRET not in "".join(span.to_json() for span in spans)


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, "Future[ExportTraceServiceRequest]"]]:
    """A collector that takes OTLP over HTTP, and what it was sent first."""
    received: Future[ExportTraceServiceRequest] = Future()

    async def take(request: web.Request) -> web.Response:
        content = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        received.set_result(ExportTraceServiceRequest.FromString(content))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/v1/traces", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces", received
    await runner.cleanup()


async def test_a_collector_is_sent_the_spans(
    collector: tuple[str, "Future[ExportTraceServiceRequest]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, received = collector
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    tracing = OpenTelemetry(TracingSettings(endpoint=pydantic.AnyHttpUrl(endpoint)))
    tracing.begin(PATH, {}, "an-id").finished(200, None)
    await asyncio.to_thread(tracing.close)
    sent = received.result(0).resource_spans[0]
    described = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert described["service.name"] == "lethe"
    assert described["deployment.environment.name"] == "test"
    assert [span.name for span in sent.scope_spans[0].spans] == [f"POST {PATH}"]

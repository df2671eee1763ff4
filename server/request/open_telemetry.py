"""Traces by OpenTelemetry, with its conventions for HTTP and for generative AI.

Three spans a request: the request itself, its classification, and what was asked of the engine, which continues the
trace if it is told to trace too. Numbers, names and outcomes only: no text of a prompt or an answer is in a span.

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import importlib.metadata
import os
import time
from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.guard.decision import Decision
from lethe.server.request.answer_record import AnswerRecord
from lethe.server.request.tracing import RequestTrace
from lethe.server.settings.records import TracingSettings

_NUMBERS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
}
_USAGE = {
    "completion_tokens": "gen_ai.usage.output_tokens",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "prompt_tokens": "gen_ai.usage.input_tokens",
}
_PROPAGATOR = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Sends spans to a collector, in batches, from a thread of its own.

    What the SDK reads from the environment (``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, ...) applies.

    Parameters
    ----------
    exporter
        In place of one that sends to ``settings.endpoint``.
    """

    def __init__(self, settings: TracingSettings, exporter: SpanExporter | None = None) -> None:
        self._accept_parent = settings.accept_parent
        version = importlib.metadata.version("lethegate")
        name = os.environ.get("OTEL_SERVICE_NAME", "lethe")
        resource = Resource.create({"service.name": name, "service.version": version})
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.share)), shutdown_on_exit=False
        )
        exporter = exporter or OTLPSpanExporter(endpoint=str(settings.endpoint))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("lethe", version)

    def begin(self, endpoint: str, headers: Mapping[str, str], request_id: str) -> RequestTrace:
        """See `Tracing.begin`."""
        parent = _PROPAGATOR.extract(headers) if self._accept_parent else None
        attributes = {"http.request.method": "POST", "http.route": endpoint, "lethe.request_id": request_id}
        span = self._tracer.start_span(
            f"POST {endpoint}", context=parent, kind=SpanKind.SERVER, attributes=attributes
        )
        return _Trace(self._tracer, span)

    def close(self) -> None:
        """See `Tracing.close`."""
        self._provider.shutdown()


class _Trace:
    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span)
        self._asked: Span | None = None

    def decided(self, decision: Decision, seconds: float) -> None:
        """See `RequestTrace.decided`."""
        now = time.time_ns()
        flagged = [f"{each.name}@{each.version}" for each in decision.flagged]
        attributes: dict[str, Any] = {"lethe.outcome": decision.outcome.value, "lethe.flagged": flagged}
        self._span.set_attributes(attributes)
        self._tracer.start_span(
            "classify", context=self._context, start_time=now - int(seconds * 1e9), attributes=attributes
        ).end(now)

    def asked(self, request: GuardedRequest) -> Mapping[str, str]:
        """See `RequestTrace.asked`."""
        attributes: dict[str, Any] = {
            "gen_ai.provider.name": "vllm",
            "gen_ai.operation.name": request.operation,
            "gen_ai.request.stream": request.stream,
        }
        # By now this is a name that the engine serves.
        if request.model is not None:
            attributes["gen_ai.request.model"] = request.model
        for field, name in _NUMBERS.items():
            if _is_number(value := request.body.get(field)):
                attributes[name] = value
        if self._asked is not None:
            # An answer that is made anew: the first one was cut off.
            self._asked.end()
        name = " ".join(filter(None, (request.operation, request.model)))
        self._asked = self._tracer.start_span(
            name, context=self._context, kind=SpanKind.CLIENT, attributes=attributes
        )
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(self._asked))
        return carrier

    def first_byte(self, seconds: float) -> None:
        """See `RequestTrace.first_byte`."""
        if self._asked is not None:
            self._asked.set_attribute("gen_ai.response.time_to_first_chunk", seconds)

    def judged(self, answer: AnswerRecord) -> None:
        """See `RequestTrace.judged`."""
        self._span.set_attributes(
            {
                "lethe.answer.outcome": answer.outcome or "",
                "lethe.answer.flagged": answer.targets,
                "lethe.answer.made_anew": answer.discarded_tokens is not None,
            }
        )

    def finished(self, status: int, answer: bytes | None) -> None:
        """See `RequestTrace.finished`."""
        if self._asked is not None:
            if answer is not None and self._asked.is_recording():
                self._asked.set_attributes(_usage(answer))
            _end(self._asked, status)
        self._span.set_attribute("http.response.status_code", status)
        _end(self._span, status)


def _is_number(value: Any) -> bool:
    # Anything else could hold text; OTLP's integers have 64 bits.
    return type(value) is float or (type(value) is int and -(2**63) <= value < 2**63)


def _usage(answer: bytes) -> dict[str, Any]:
    """What an answer says was used, or the last event of a stream that says it."""
    for line in reversed(answer.splitlines()):
        try:
            document = orjson.loads(line.removeprefix(b"data: "))
            usage = document.get("response", document)["usage"]
            return {name: usage[field] for field, name in _USAGE.items() if _is_number(usage.get(field))}
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
            continue
    return {}


def _end(span: Span, status: int) -> None:
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
        span.set_attribute("error.type", str(status))
    span.end()

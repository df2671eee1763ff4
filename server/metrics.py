"""What the proxy tells Prometheus."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lethe.server.access.redis_limits import RedisLimits
from lethe.server.audit.log import AuditLog
from lethe.server.engines.client import EngineClient
from lethe.server.guard.decision import Decision
from lethe.server.request.placement import WholePrompt

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
NO_TARGET = "none"
_ENGINE = ("engine",)


class _ReadCounter(Collector):
    """A counter whose count is kept elsewhere, and read when it is asked for."""

    def __init__(self, name: str, meaning: str, read: Callable[[], int], registry: CollectorRegistry) -> None:
        self._name = name
        self._meaning = meaning
        self._read = read
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One sample."""
        yield CounterMetricFamily(self._name, self._meaning, value=self._read())


class _EngineCollector(Collector):
    """What is known of each engine, read when it is asked for."""

    def __init__(self, engines: Sequence[EngineClient]) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """One sample of each kind for each engine."""
        up = GaugeMetricFamily(
            "lethe_engine_up", "Whether an engine is asked (1) or not (0).", labels=_ENGINE
        )
        in_flight = GaugeMetricFamily(
            "lethe_engine_requests_in_flight", "Answers of an engine that have not ended.", labels=_ENGINE
        )
        failures = CounterMetricFamily(
            "lethe_engine_failures", "Requests that an engine did not answer.", labels=_ENGINE
        )
        key_refusals = CounterMetricFamily(
            "lethe_engine_key_refusals", "Requests that an engine answered with 401 or 403.", labels=_ENGINE
        )
        for engine in self._engines:
            up.add_metric([engine.label], engine.ready)
            in_flight.add_metric([engine.label], engine.in_flight)
            failures.add_metric([engine.label], engine.failures)
            key_refusals.add_metric([engine.label], engine.key_refusals)
        yield from (up, in_flight, failures, key_refusals)


class _TargetCollector(Collector):
    """The targets in force, read when they are asked for."""

    def __init__(self, read: Callable[[], Sequence[tuple[str, str, str]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """One sample for each."""
        info = GaugeMetricFamily(
            "lethe_target_info",
            "Targets in force, with the versions of their bundles; always 1.",
            labels=("target", "version", "action"),
        )
        for labels in self._read():
            info.add_metric(labels, 1)
        yield info


class Metrics:
    """The proxy's own metrics, in a registry of their own.

    Labels are bounded: ``target`` is a bundle's name or ``none``, ``endpoint`` one of the routes, ``engine`` one of
    those that the settings name.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "lethe_requests",
            "Requests by endpoint, flagged target, action and HTTP status; one count for each flagged target.",
            ("endpoint", "target", "action", "status"),
            registry=self.registry,
        )
        self._outcomes = Counter(
            "lethe_outcomes",
            "Requests by endpoint, action and HTTP status; one count for each request.",
            ("endpoint", "action", "status"),
            registry=self.registry,
        )
        self._classify_seconds = Histogram(
            "lethe_classify_seconds",
            "Time from a parsed request to its verdict.",
            buckets=_FAST,
            registry=self.registry,
        )
        self._first_byte_seconds = Histogram(
            "lethe_upstream_first_byte_seconds",
            "Time from sending a request to the engine to the head of its answer.",
            ("endpoint",),
            buckets=_SLOW,
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "lethe_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ("endpoint",),
            buckets=_SLOW,
            registry=self.registry,
        )
        self.classifier_errors = Counter(
            "lethe_classifier_errors",
            "Requests whose classification failed or was not ready in time.",
            registry=self.registry,
        )
        self._whole_prompts = Counter(
            "lethe_whole_prompts",
            "Requests whose corruption fell on the whole prompt although it was to fall on a part, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in WholePrompt:
            self._whole_prompts.labels(reason.value)
        self.client_disconnects = Counter(
            "lethe_client_disconnects",
            "Requests whose client went away before the end of the answer.",
            registry=self.registry,
        )
        self._under_way = 0
        in_flight = Gauge("lethe_requests_in_flight", "Requests under way.", registry=self.registry)
        in_flight.set_function(lambda: self._under_way)
        self.engine_restarts = Counter(
            "lethe_engine_restarts", "Restarts of the embedded engine.", registry=self.registry
        )
        self.reloads = Counter(
            "lethe_reloads", "Reloads of the bundles, by result.", ("result",), registry=self.registry
        )
        # A series that is born with its first count shows no rise.
        for result in ("ok", "error"):
            self.reloads.labels(result)

    def begin_request(self) -> int:
        """Count a request as under way; how many others are."""
        self._under_way += 1
        return self._under_way - 1

    def end_request(self) -> None:
        """Count it no longer."""
        self._under_way -= 1

    def watch_targets(self, read: Callable[[], Sequence[tuple[str, str, str]]]) -> None:
        """Show (name, version, action) of the targets in force."""
        self.registry.register(_TargetCollector(read))

    def watch_engines(self, engines: Sequence[EngineClient]) -> None:
        """Show how the engines fare."""
        self.registry.register(_EngineCollector(engines))

    def watch_audit(self, audit: AuditLog) -> None:
        """Show how an audit log fares."""
        _ReadCounter(
            "lethe_audit_entries", "Entries written to the audit log.", lambda: audit.written, self.registry
        )
        _ReadCounter(
            "lethe_audit_entries_lost",
            "Entries lost while the log could not be written.",
            lambda: audit.lost,
            self.registry,
        )
        Gauge(
            "lethe_audit_failing", "Whether the log cannot be written (1) or can (0).", registry=self.registry
        ).set_function(lambda: audit.failing)

    def watch_redis(self, limits: RedisLimits) -> None:
        """Show how the Redis fares in which limits are counted."""
        Gauge(
            "lethe_redis_up", "Whether Redis answered (1) or not (0) when last asked.", registry=self.registry
        ).set_function(lambda: limits.answers)
        _ReadCounter(
            "lethe_redis_errors", "Questions that Redis did not answer.", lambda: limits.errors, self.registry
        )

    def record_request(
        self, endpoint: str, decision: Decision | None, status: int, total_seconds: float
    ) -> None:
        """Count a finished request; without a decision it was turned away before one was made."""
        action = decision.outcome.value if decision else "reject"
        for target in (decision.targets if decision else ()) or (NO_TARGET,):
            self._requests.labels(endpoint, target, action, str(status)).inc()
        self._outcomes.labels(endpoint, action, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(total_seconds)

    def record_classification(self, seconds: float) -> None:
        self._classify_seconds.observe(seconds)

    def record_whole_prompt(self, reason: WholePrompt) -> None:
        self._whole_prompts.labels(reason.value).inc()

    def record_first_byte(self, endpoint: str, seconds: float) -> None:
        self._first_byte_seconds.labels(endpoint).observe(seconds)

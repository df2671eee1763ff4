"""What Prometheus is told of requests."""

from lethe.server.guard.decision import Decision
from lethe.server.metrics import Metrics

NO_TARGET = "none"
_BY_ENDPOINT = ("endpoint",)


class RequestMetrics:
    """Counts and times requests."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(
            "lethe_requests",
            "Requests by endpoint, flagged target, action and HTTP status; one count for each flagged target.",
            ("endpoint", "target", "action", "status"),
        )
        self._outcomes = metrics.counter(
            "lethe_outcomes",
            "Requests by endpoint, action and HTTP status; one count for each request.",
            ("endpoint", "action", "status"),
        )
        self._first_byte_seconds = metrics.histogram(
            "lethe_upstream_first_byte_seconds",
            "Time from sending a request to the engine to the head of its answer.",
            _BY_ENDPOINT,
        )
        self._request_seconds = metrics.histogram(
            "lethe_request_seconds", "Time from the head of a request to the end of its answer.", _BY_ENDPOINT
        )
        self._client_disconnects = metrics.counter(
            "lethe_client_disconnects", "Requests whose client went away before the end of the answer."
        )
        self._in_flight = 0
        metrics.show("gauge", "lethe_requests_in_flight", "Requests in flight.", lambda: self._in_flight)

    def begin(self) -> int:
        """Count a request as in flight; how many others are."""
        self._in_flight += 1
        return self._in_flight - 1

    def first_byte(self, endpoint: str, seconds: float) -> None:
        """The engine's answer began, so long after it was asked."""
        self._first_byte_seconds.labels(endpoint).observe(seconds)

    def disconnected(self) -> None:
        """A client went away."""
        self._client_disconnects.inc()

    def end(self, endpoint: str, decision: Decision | None, status: int, seconds: float) -> None:
        """Count a request that has ended; without a decision it was turned away before one was made."""
        self._in_flight -= 1
        action = decision.outcome.value if decision else "reject"
        for target in (decision.targets if decision else ()) or (NO_TARGET,):
            self._requests.labels(endpoint, target, action, str(status)).inc()
        self._outcomes.labels(endpoint, action, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

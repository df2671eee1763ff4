"""What Prometheus is told of requests."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from prometheus_client.metrics import MetricWrapperBase

from lethe.server.guard.decision import Decision
from lethe.server.metrics import FAST, Metrics

NO_TARGET = "none"
_BY_ENDPOINT = ("endpoint", "model")
_SERIES_REMEMBERED = 1024


_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


def _series(metric: _Metric) -> Callable[..., _Metric]:
    """Gives the series of a metric by its labels, of which there are few."""
    return lru_cache(_SERIES_REMEMBERED)(metric.labels)


class RequestMetrics:
    """Counts and times requests; by model where several are served."""

    def __init__(self, metrics: Metrics) -> None:
        requests = metrics.counter(
            "lethe_requests",
            "Requests by endpoint, flagged target, action and HTTP status; one count for each flagged target.",
            ("endpoint", "model", "target", "action", "status"),
        )
        outcomes = metrics.counter(
            "lethe_outcomes",
            "Requests by endpoint, action and HTTP status; one count for each request.",
            ("endpoint", "model", "action", "status"),
        )
        first_byte_seconds = metrics.histogram(
            "lethe_upstream_first_byte_seconds",
            "Time from sending a request to the engine to the head of its answer.",
            _BY_ENDPOINT,
        )
        request_seconds = metrics.histogram(
            "lethe_request_seconds", "Time from the head of a request to the end of its answer.", _BY_ENDPOINT
        )
        # Finding a series by its labels costs as much as counting in it.
        self._requests = _series(requests)
        self._outcomes = _series(outcomes)
        self._first_byte_seconds = _series(first_byte_seconds)
        self._request_seconds = _series(request_seconds)
        self._client_disconnects = metrics.counter(
            "lethe_client_disconnects", "Requests whose client went away before the end of the answer."
        )
        answers = metrics.counter(
            "lethe_answers",
            "Judged answers by endpoint, flagged target and action; one count for each flagged target.",
            ("endpoint", "model", "target", "action"),
        )
        self._answers = _series(answers)
        self._made_anew = metrics.counter(
            "lethe_answers_made_anew", "Answers for which the engine was asked once more.", _BY_ENDPOINT
        )
        self._discarded = metrics.counter(
            "lethe_answer_tokens_discarded", "Tokens of answers that were made anew, about.", _BY_ENDPOINT
        )
        self._hold_seconds = metrics.histogram(
            "lethe_answer_hold_seconds",
            "Time that the oldest token of what is passed on of a stream has waited for its look.",
            bounds=FAST,
        )
        self._held = 0
        metrics.show(
            "gauge", "lethe_answer_tokens_held", "Tokens that wait for a look, about.", lambda: self._held
        )
        self._in_flight = 0
        metrics.show("gauge", "lethe_requests_in_flight", "Requests in flight.", lambda: self._in_flight)

    def begin(self) -> int:
        """Count a request as in flight; how many others are."""
        self._in_flight += 1
        return self._in_flight - 1

    def first_byte(self, endpoint: str, model: str, seconds: float) -> None:
        """The engine's answer began, so long after it was asked."""
        self._first_byte_seconds(endpoint, model).observe(seconds)

    def disconnected(self) -> None:
        """A client went away."""
        self._client_disconnects.inc()

    def held(self, tokens: int) -> None:
        """So many more tokens wait for a look, or fewer if negative."""
        self._held += tokens

    def released(self, seconds: float) -> None:
        """What waited so long at most was passed on."""
        self._hold_seconds.observe(seconds)

    def made_anew(self, endpoint: str, model: str, discarded_tokens: int) -> None:
        """The engine is asked once more for an answer of which so many tokens were made in vain."""
        self._made_anew.labels(endpoint, model).inc()
        self._discarded.labels(endpoint, model).inc(discarded_tokens)

    def answered(self, endpoint: str, model: str, targets: Sequence[str], action: str) -> None:
        """An answer was judged to its end, or to where it was ended."""
        for target in targets or (NO_TARGET,):
            self._answers(endpoint, model, target, action).inc()

    def end(self, endpoint: str, model: str, decision: Decision | None, status: int, seconds: float) -> None:
        """Count a request that has ended; without a decision it was turned away before one was made."""
        self._in_flight -= 1
        action = decision.outcome.value if decision else "reject"
        for target in (decision.targets if decision else ()) or (NO_TARGET,):
            self._requests(endpoint, model, target, action, str(status)).inc()
        self._outcomes(endpoint, model, action, str(status)).inc()
        self._request_seconds(endpoint, model).observe(seconds)

"""What a request tells a tracer, and the tracer that listens to nothing. Knows no tracing library."""

from collections.abc import Mapping
from typing import Protocol

from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.guard.decision import Decision
from lethe.server.request.answer_record import AnswerRecord


class RequestTrace(Protocol):
    """The trace of one request."""

    def decided(self, decision: Decision, seconds: float) -> None:
        """It was judged, which took so long."""
        ...

    def asked(self, request: GuardedRequest) -> Mapping[str, str]:
        """It is sent to the engine now, perhaps once more; the headers that tell the engine of the trace."""
        ...

    def first_byte(self, seconds: float) -> None:
        """The head of the engine's answer is there, so long after it was asked."""
        ...

    def judged(self, answer: AnswerRecord) -> None:
        """What was decided of the answer."""
        ...

    def finished(self, status: int, answer: bytes | None) -> None:
        """It was answered.

        Parameters
        ----------
        answer
            The engine's answer, or the last of its stream.
        """
        ...


class Tracing(Protocol):
    """Makes the traces of requests."""

    def begin(self, endpoint: str, headers: Mapping[str, str], request_id: str) -> RequestTrace:
        """A request has come."""
        ...

    def close(self) -> None:
        """Send what waits, and end."""
        ...


class NoTracing:
    """Where nobody is told. One object for all requests, since it keeps nothing."""

    def begin(self, endpoint: str, headers: Mapping[str, str], request_id: str) -> RequestTrace:
        """See `Tracing.begin`."""
        return self

    def decided(self, decision: Decision, seconds: float) -> None:
        """Nobody is told."""

    def asked(self, request: GuardedRequest) -> Mapping[str, str]:
        """Nobody is told."""
        return {}

    def first_byte(self, seconds: float) -> None:
        """Nobody is told."""

    def judged(self, answer: AnswerRecord) -> None:
        """Nobody is told."""

    def finished(self, status: int, answer: bytes | None) -> None:
        """Nobody is told."""

    def close(self) -> None:
        """There is nothing to send."""

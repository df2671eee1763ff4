"""What is written down of one request, once, however it ends."""

import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import Verdict
from lethe.server.access.client_address import ClientAddresses
from lethe.server.access.keys import ANYONE, ApiKey, Scope
from lethe.server.audit.log import Audit
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.errors import shortened
from lethe.server.guard.decision import Decision
from lethe.server.request.answer_record import AnswerRecord
from lethe.server.request.lifetime import CLIENT_CLOSED_REQUEST
from lethe.server.request.metrics import RequestMetrics
from lethe.server.request.tracing import Tracing

# It has a line for each part that could not be read, and names in it that the client gave.
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class Recorders:
    """Where requests are recorded.

    Attributes
    ----------
    text_share
        Share of the audit log's entries that carry the prompt's text.
    addresses
        Finds the address that a request came from; None where none is written down.
    """

    metrics: RequestMetrics
    audit: Audit
    tracing: Tracing
    text_share: float = 0
    addresses: ClientAddresses | None = None


class Record:
    """One request, from its head to the end of its answer.

    Attributes
    ----------
    request_id
        Names the request in the answer's ``X-Request-Id``, the audit log and the engine's own log.
    others_in_flight
        How many requests were in flight when it came.
    """

    def __init__(self, endpoint: str, recorders: "Recorders", request: Request) -> None:
        self.request_id = secrets.token_hex(16)
        self._trace = recorders.tracing.begin(endpoint, request.headers, self.request_id)
        self._endpoint = endpoint
        self._metrics = recorders.metrics
        self._audit = recorders.audit
        self._text_share = recorders.text_share
        self._decision: Decision | None = None
        self._key: ApiKey | None = None
        self._model = ""
        self._entry: dict[str, Any] = (
            {"client": recorders.addresses.of(request)} if recorders.addresses else {}
        )
        self._answer: AnswerRecord | None = None
        self._started = time.perf_counter()
        self.others_in_flight = self._metrics.begin()

    @property
    def verdict(self) -> str | None:
        """The action and the flagged targets, for a key that may observe; None for others, or if nothing was decided."""
        # Where no keys are kept, metrics are anybody's; what became of a prompt is not.
        if self._decision is None or self._key is None or self._key is ANYONE:
            return None
        if Scope.OBSERVE not in self._key.scopes:
            return None
        return " ".join((self._decision.outcome.value, *self._decision.targets))

    def admitted(self, key: ApiKey) -> None:
        """Who asks is known, and may."""
        self._key = key
        if key.team is not None:
            self._entry["team"] = key.team.name

    def parsed(self, request: GuardedRequest) -> None:
        """What the client asks of whom."""
        self._entry |= {"model": request.model and shortened(request.model), "stream": request.stream}

    def routed(self, model: str) -> None:
        """Which of several models it goes to; empty where there is one alone."""
        self._model = model
        if model:
            self._entry["served"] = model

    def decided(self, decision: Decision, conversations: Sequence[Conversation], seconds: float) -> None:
        """What is to be done with it.

        Parameters
        ----------
        conversations
            What was judged.
        seconds
            How long that took.
        """
        self._decision = decision
        self._trace.decided(decision, seconds)
        digest = self._audit.digest(conversations)
        if digest is None:
            return
        self._entry |= {
            "prompt_digest": digest,
            "scores": _highest(decision.verdicts),
            "flagged": [each.entry() for each in decision.flagged],
            "classify_ms": _milliseconds(seconds),
        }
        cleared = [part.target for verdict in decision.verdicts for part in verdict.targets if part.cleared]
        if cleared:
            self._entry["cleared"] = cleared
        if decision.reason:
            self._entry["reason"] = shortened(decision.reason, _LONGEST_REASON)
        if self._text_share and random.random() < self._text_share:
            self._entry["text"] = [
                [{"role": message.role, "text": message.text} for message in each.messages]
                for each in conversations
            ]

    def answer_checked(self, verdict: Verdict) -> None:
        """What is said of an answer that the client sent along."""
        self._entry["answer_scores"] = {part.target: round(part.probability, 4) for part in verdict.targets}
        self._entry["answer_flagged"] = [part.target for part in verdict.flagged]

    def asked(self, request: GuardedRequest) -> Mapping[str, str]:
        """The engine is asked now, perhaps once more; the headers that tell it of the trace."""
        self._asked = time.perf_counter()
        return self._trace.asked(request)

    def first_byte(self) -> None:
        """The head of the engine's answer is there."""
        seconds = time.perf_counter() - self._asked
        self._trace.first_byte(seconds)
        self._metrics.first_byte(self._endpoint, self._model, seconds)
        self._entry.setdefault("first_byte_ms", _milliseconds(seconds))

    @property
    def answer(self) -> dict[str, Any] | None:
        """What was decided of the answer so far; None if it was not judged."""
        return self._answer and self._answer.entry()

    def looked(self, decision: Decision, seconds: float, characters: int) -> None:
        """The answer so far, of so many characters, was judged, which took so long."""
        if self._answer is None:
            self._answer = AnswerRecord()
        self._answer.looked(decision, seconds, characters)

    def made_anew(self, discarded_tokens: int) -> None:
        """The engine is asked once more; of the answer before, about so many tokens were made in vain."""
        assert self._answer is not None
        self._answer.discarded_tokens = discarded_tokens
        self._metrics.made_anew(self._endpoint, self._model, discarded_tokens)

    def held(self, tokens: int) -> None:
        """So many more tokens of the answer wait for a look, or fewer if negative."""
        self._metrics.held(tokens)

    def released(self, seconds: float) -> None:
        """What waited so long at most was passed on."""
        self._metrics.released(seconds)

    def finished(self, status: int, answer: bytes | None = None) -> None:
        """The request has ended.

        Parameters
        ----------
        answer
            The engine's answer, or the last of its stream.
        """
        if status == CLIENT_CLOSED_REQUEST:
            self._metrics.disconnected()
        if self._answer is not None:
            self._trace.judged(self._answer)
            outcome = self._answer.outcome or "pass"
            self._metrics.answered(self._endpoint, self._model, self._answer.targets, outcome)
            self._entry["answer"] = self._answer.entry()
        self._trace.finished(status, answer)
        seconds = time.perf_counter() - self._started
        self._metrics.end(self._endpoint, self._model, self._decision, status, seconds)
        if self._key is None:
            return
        self._audit.record(
            {
                "time": time.time(),
                "request_id": self.request_id,
                "key": self._key.id,
                "endpoint": self._endpoint,
                "action": self._decision.outcome.value if self._decision else "reject",
                "status": status,
                **self._entry,
                "total_ms": _milliseconds(seconds),
            }
        )


def _highest(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """By target, its highest probability over the prompts of a request."""
    highest: dict[str, float] = {}
    for part in (part for verdict in verdicts for part in verdict.targets):
        highest[part.target] = max(highest.get(part.target, 0.0), round(part.probability, 4))
    return highest


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 3)

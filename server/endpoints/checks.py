"""``POST /v1/checks``: what the classifier says of a conversation, and of an answer to it, without asking the model."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Self

import pydantic
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import Span, TargetVerdict, Verdict
from lethe.server.endpoints.body import parse_body
from lethe.server.endpoints.field_kinds import Objects, TextOrObject
from lethe.server.endpoints.lengths import Lengths
from lethe.server.endpoints.messages import ChatMessage, check_message, check_messages, leftovers


class CheckBody(pydantic.BaseModel):
    """A conversation to judge, and perhaps its answer."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    model: Annotated[
        str | None,
        Field(
            description="Of several models that are served here, the one whose targets decide; a name of another model means nothing."
        ),
    ] = None
    messages: Annotated[
        list[ChatMessage],
        Field(min_length=1, fail_fast=True, description="The conversation; all of it is judged."),
    ]
    tools: Annotated[Objects | None, Field(description="What the model may call; judged.")] = None
    answer: Annotated[
        TextOrObject | None,
        Field(
            description="A text, or an assistant's message, that answers the conversation; judged alone and behind it. An "
            "assistant's message at the end of `messages` is its beginning."
        ),
    ] = None


@dataclass(frozen=True)
class CheckRequest:
    """A request to judge alone."""

    body: dict[str, Any]

    path = "/v1/checks"
    description = "Verdicts on a conversation, and on an answer to it; nothing is generated."
    Body = CheckBody

    @classmethod
    def parse(cls, raw: bytes, most: Lengths | None = None) -> Self:
        """Parse a body.

        Parameters
        ----------
        most
            How much it may have; None for whatever fits its bytes.

        Raises
        ------
        BadRequest
            It is not a JSON object, has more than it may, a field is missing, unknown or of the wrong type, or a message
            carries what is no text.
        """
        request = cls(parse_body(raw, CheckBody, most))
        check_messages(request.body["messages"], "messages")
        if request._answer:
            check_message(request._answer, "answer")
        return request

    @property
    def model(self) -> str | None:
        """Who is to be asked."""
        return self.body.get("model")

    @property
    def conversation(self) -> Conversation:
        """What is asked."""
        messages = self.body["messages"]
        return Conversation.from_openai_messages(messages, self.body.get("tools"), fields=leftovers(messages))

    @property
    def answer(self) -> Conversation | None:
        """What is answered, as text; None where nothing is."""
        if self._answer is None:
            return None
        return Conversation.from_openai_messages([self._answer], fields=leftovers([self._answer]))

    @property
    def _answer(self) -> dict[str, Any] | None:
        answer = self.body.get("answer")
        return {"role": "assistant", "content": answer} if isinstance(answer, str) else answer


@dataclass(frozen=True)
class Findings:
    """Verdicts as a client is told them.

    Attributes
    ----------
    prompt, answer
        Of the conversation; of the answer, if there is one.
    exempt
        Targets that do not apply to the client's key; nothing is said of them.
    in_detail
        Whether probabilities and spans are told, with which a client could search for what is not found.
    """

    prompt: Verdict
    answer: Verdict | None
    exempt: Collection[str] = ()
    in_detail: bool = False

    def response(self) -> Response:
        """As JSON."""
        sides = {"prompt": self._side(self.prompt), "answer": self.answer and self._side(self.answer)}
        flagged = any(target["flagged"] for side in sides.values() if side for target in side["targets"])
        return JSONResponse({"object": "check", "flagged": flagged, **sides})

    def _side(self, verdict: Verdict) -> dict[str, Any]:
        targets = [self._target(part) for part in verdict.targets if part.target not in self.exempt]
        return {"status": verdict.status, "targets": targets}

    def _target(self, part: TargetVerdict) -> dict[str, Any]:
        told = {"target": part.target, "flagged": part.flagged}
        if not self.in_detail:
            return told
        spans = [_span(span) for span in part.spans]
        return told | {"probability": part.probability, "threshold": part.threshold, "spans": spans}


def _span(span: Span) -> dict[str, Any]:
    return {
        "message": span.message,
        "start": span.start,
        "end": span.end,
        "weight": span.weight,
        "kind": span.kind,
    }

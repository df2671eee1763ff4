"""What a pooling engine is asked: texts or a conversation, to which it answers in numbers.

Judged and recorded as prompts are. No corruption reaches a pooling engine, so what is flagged is passed or refused
as the policy says.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

import pydantic
from fastapi.responses import Response
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.endpoint import GuardedRequest, token_id_lists
from lethe.server.endpoints.field_kinds import Prompts
from lethe.server.endpoints.messages import ChatMessage, check_messages, leftovers
from lethe.server.errors import BadRequest


class PooledBody(pydantic.BaseModel):
    """The field that every body for a pooling engine may have; every further one passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    model: Annotated[str | None, Field(description="A name of the base model.")] = None


class InputBody(PooledBody):
    """Texts, or a conversation in their place."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["input"]}, {"required": ["messages"]}]}
    )

    input: Annotated[
        Prompts | None, Field(description="A text or several, as texts or as token ids; each is judged.")
    ] = None
    messages: Annotated[
        list[ChatMessage] | None,
        Field(min_length=1, fail_fast=True, description="A conversation, in place of the texts; judged."),
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


class PooledRequest(GuardedRequest):
    """A request that a pooling engine answers."""

    generates = False
    pooled = True

    def demanded_output(self) -> Conversation | None:
        """Nothing, since nothing is generated."""
        return None

    def refusal(self, model: str, text: str) -> Response:
        """There is no answer in numbers that says no.

        Raises
        ------
        BadRequest
            Always, with what the client is told.
        """
        raise BadRequest(text, code="content_filter")


class InputRequest(PooledRequest):
    """A request that has texts, or a conversation in their place.

    Attributes
    ----------
    unread
        Fields that the engine would read in place of these.
    """

    unread: ClassVar[Sequence[str]] = ()
    Body = InputBody

    def check(self) -> None:
        """See `EngineRequest.check`."""
        for name in self.unread:
            if self.body.get(name) is not None:
                raise BadRequest(
                    f"{name} cannot be used here, since it is not read: send texts as input, or messages",
                    param=name,
                    code="unsupported_parameter",
                )
        if self.body.get("input") is None and self.body.get("messages") is None:
            raise BadRequest("input: must be given, or messages in its place", param="input")
        check_messages(self.body.get("messages") or (), "messages")

    def token_id_prompts(self) -> list[list[int]]:
        """The inputs that came as token ids."""
        given = self.body.get("input")
        return [] if given is None else token_id_lists(given)

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """One conversation for each input, and that of the messages: which of them the engine takes is its own."""
        given = self.body.get("input")
        if given is not None:
            for text in decoded_prompts or ([given] if isinstance(given, str) else given):
                yield Conversation.from_prompt(text)
        messages = self.body.get("messages")
        if messages is not None:
            arguments = self.body.get("chat_template_kwargs")
            fields = [arguments] if arguments else []
            yield Conversation.from_openai_messages(messages, fields=fields + leftovers(messages))

"""``POST /tokenize`` and ``POST /detokenize``: what is asked of the engine's tokenizer, and nothing of the model."""

from typing import Annotated

import pydantic
from pydantic import Field

from lethe.server.endpoints.endpoint import EngineRequest
from lethe.server.endpoints.field_kinds import TokenId
from lethe.server.endpoints.messages import ChatMessage, check_messages


class TokenizerBody(pydantic.BaseModel):
    """The fields that both bodies may have; every further one passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    model: Annotated[str | None, Field(description="A name of the base model.")] = None


class TokenizeBody(TokenizerBody):
    """A text or a conversation."""

    prompt: Annotated[str | None, Field(description="A text.")] = None
    messages: Annotated[
        list[ChatMessage] | None, Field(description="A conversation, in place of a text.")
    ] = None


class DetokenizeBody(TokenizerBody):
    """Token ids."""

    tokens: Annotated[list[TokenId], Field(fail_fast=True, description="Token ids.")]


class TokenizeRequest(EngineRequest):
    """A request for the tokens of a text or a conversation."""

    path = "/tokenize"
    description = "The token ids of a text, `prompt`, or of a conversation, `messages`, as vLLM has them."
    Body = TokenizeBody

    def check(self) -> None:
        """See `EngineRequest.check`."""
        check_messages(self.body.get("messages") or (), "messages")


class DetokenizeRequest(EngineRequest):
    """A request for the text of tokens."""

    path = "/detokenize"
    description = "The text of token ids, `tokens`, as vLLM has it."
    Body = DetokenizeBody

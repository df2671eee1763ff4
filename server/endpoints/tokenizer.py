"""``POST /tokenize`` and ``POST /detokenize``: what is asked of the engine's tokenizer, and nothing of the model."""

from typing import Annotated

import pydantic
from pydantic import Field

from lethe.server.endpoints.field_kinds import TokenId
from lethe.server.endpoints.messages import check_messages
from lethe.server.endpoints.requests import ChatMessage, ParsedRequest, parse_body


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


def parse_tokenizer(path: str, raw: bytes, shape: type[TokenizerBody]) -> ParsedRequest:
    """Parse the body of a request to the tokenizer; see `parse_body` for errors.

    Raises
    ------
    BadRequest
        A message would have the engine fetch something; see `check_messages`.
    """
    body = parse_body(raw, shape)
    check_messages(body.get("messages") or (), "messages")
    return ParsedRequest(path, body)

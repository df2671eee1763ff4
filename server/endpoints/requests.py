"""The bodies that clients send: read, bounded and checked for what the guard depends on.

Only the fields that decide what text reaches the model are typed here; the engine checks its own. Knows nothing
about targets.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import pydantic
from fastapi import Request
from pydantic import Field

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.exact_json import parse_object
from lethe.server.endpoints.field_kinds import Content, Objects, Prompts, TextOrObject, invalid_body
from lethe.server.endpoints.messages import ROLES, check_messages, leftovers
from lethe.server.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"


class GuardedBody(pydantic.BaseModel):
    """The fields that every guarded body may have; every further one passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    model: Annotated[str | None, Field(description="A name of the base model.")] = None
    # The engine takes words and numbers too.
    stream: Annotated[
        bool | None, Field(strict=False, description="Whether the answer comes piece by piece.")
    ] = None
    response_format: Annotated[dict[str, Any] | None, Field(description="The form of the answer.")] = None
    structured_outputs: Annotated[
        dict[str, Any] | None, Field(description="The same, in vLLM's own form.")
    ] = None


class ChatMessage(pydantic.BaseModel):
    """One message; every further field passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    role: Annotated[str, pydantic.WithJsonSchema({"type": "string", "enum": ROLES})]
    content: Annotated[
        Content | None,
        Field(description="A text, or parts; what is not text cannot be judged."),
    ] = None


class ChatCompletionBody(GuardedBody):
    """The guarded part of a chat completion request."""

    messages: Annotated[
        list[ChatMessage],
        Field(min_length=1, fail_fast=True, description="The conversation; all of it is judged."),
    ]
    tools: Annotated[Objects | None, Field(description="What the model may call; judged.")] = None
    tool_choice: Annotated[TextOrObject | None, Field(description="Which of them it is to call; judged.")] = (
        None
    )
    documents: Annotated[
        Objects | None, Field(description="What the chat template shows besides; judged.")
    ] = None
    chat_template_kwargs: Annotated[
        dict[str, Any] | None, Field(description="What the chat template is told; judged.")
    ] = None


class CompletionBody(GuardedBody):
    """The guarded part of a plain completion request."""

    prompt: Annotated[
        Prompts, Field(description="A prompt or several, as texts or as token ids; each is judged.")
    ]
    suffix: Annotated[str | None, Field(description="What follows the answer; judged.")] = None


_TEMPLATE_ARGUMENTS = ("chat_template_kwargs", "tool_choice", "response_format")
_FREE_FORMATS = ("text", "json_object")


@dataclass(frozen=True)
class ParsedRequest:
    """A request whose body has been read and checked.

    Attributes
    ----------
    endpoint
        The engine's path, such as ``/v1/chat/completions``.
    body
        The whole JSON object, as the engine will get it but for what later steps change.
    generates
        Whether the answer is text.
    """

    endpoint: str
    body: dict[str, Any]
    generates = True

    @property
    def model(self) -> str | None:
        return self.body.get("model")

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def is_chat(self) -> bool:
        return self.endpoint == CHAT

    def check(self) -> None:
        """Refuse what would carry a prompt past the classifier.

        Raises
        ------
        BadRequest
            The request has such a thing.
        """
        if self.is_chat:
            check_messages(self.body["messages"], "messages")

    def token_id_prompts(self) -> list[list[int]]:
        """The prompts that came as token ids; empty for text."""
        return [] if self.is_chat else token_id_lists(self.body["prompt"])

    def conversations(self, decoded_prompts: list[str]) -> Iterator[Conversation]:
        """Everything of the request that the model will read, one conversation for each prompt.

        Parameters
        ----------
        decoded_prompts
            The text of `token_id_prompts`, in their order.
        """
        if self.is_chat:
            messages = self.body["messages"]
            extra = [*(self.body.get("tools") or ()), *(self.body.get("documents") or ())]
            # A template may print any of these into the prompt.
            extra += [value for name in _TEMPLATE_ARGUMENTS if (value := self.body.get(name))]
            yield Conversation.from_openai_messages(messages, extra + leftovers(messages))
            return
        prompt = self.body["prompt"]
        texts = decoded_prompts or ([prompt] if isinstance(prompt, str) else prompt)
        suffix = self.body.get("suffix") or ""
        for text in texts:
            yield Conversation.from_prompt(text + suffix)

    def demanded_output(self) -> Conversation | None:
        """What the answer is made to contain by a format, a grammar or a demanded tool call; None for nothing.

        What a grammar forces is generated text, which no corruption of the prompt reaches.
        """
        return demanded([self.body.get("response_format"), self.body.get("structured_outputs")], self.body)


def token_id_lists(prompt: str | list[Any]) -> list[list[int]]:
    """The token ids of a prompt or of several; empty for text."""
    if isinstance(prompt, str) or isinstance(prompt[0], str):
        return []
    return [prompt] if isinstance(prompt[0], int) else prompt


def demanded(formats: Sequence[Any], body: dict[str, Any]) -> Conversation | None:
    """What formats, and a tool that a body demands to be called, make an answer contain; None for nothing."""
    demands = [each for each in formats if isinstance(each, dict) and each.get("type") not in _FREE_FORMATS]
    if body.get("tool_choice") not in (None, "none", "auto"):
        demands += [body["tool_choice"], *(body.get("tools") or ())]
    return Conversation.from_prompt(orjson.dumps(demands).decode()) if demands else None


async def read_body(
    request: Request, max_bytes: int, timeout_s: float, take: Callable[[int], None] = lambda size: None
) -> bytes:
    """Read a request's body, never more than the limit and no longer than the time.

    Parameters
    ----------
    take
        Called with the bytes that came; see `lethe.server.request.body_budget.BodyBudget.held`.

    Raises
    ------
    PayloadTooLarge
        It is longer than ``max_bytes``.
    UnsupportedMediaType
        It is compressed or says that it is not JSON.
    RequestTimeout
        It was not there in time.
    """
    headers = request.headers
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type}")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(f"the body must not be compressed, but it is {encoding}")
    too_large = PayloadTooLarge(f"the body must be at most {max_bytes} bytes")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise too_large
                take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise RequestTimeout(f"the body must be sent within {timeout_s:g} s") from None
    return b"".join(chunks)


def parse_chat_completion(raw: bytes) -> ParsedRequest:
    """Parse the body of ``POST /v1/chat/completions``; see `parse_body` for errors."""
    return ParsedRequest(CHAT, parse_body(raw, ChatCompletionBody))


def parse_completion(raw: bytes) -> ParsedRequest:
    """Parse the body of ``POST /v1/completions``; see `parse_body` for errors."""
    return ParsedRequest(COMPLETION, parse_body(raw, CompletionBody))


def parse_body(raw: bytes, shape: type[pydantic.BaseModel]) -> dict[str, Any]:
    """Parse a body and check the fields that its shape has.

    Raises
    ------
    BadRequest
        It is not a JSON object, one of them is missing or of the wrong type, or a number would not be kept.
    """
    body = parse_object(raw)
    try:
        checked = shape.model_validate(body)
    except pydantic.ValidationError as error:
        raise invalid_body(error) from None
    # A switch goes on as it was understood here, however it was written.
    switches = ((name, getattr(checked, name)) for name in shape.model_fields)
    return body | {name: value for name, value in switches if isinstance(value, bool)}

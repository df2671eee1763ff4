"""What is asked in the playground: one prompt, of both engines alike."""

from typing import Annotated, Any, TypeVar

import pydantic
from fastapi import Request

from lethe.server.endpoints.body import read_body
from lethe.server.endpoints.chat import ChatRequest
from lethe.server.endpoints.field_kinds import invalid_body
from lethe.server.endpoints.lengths import Lengths
from lethe.server.settings.settings import Settings

Shape = TypeVar("Shape", bound=pydantic.BaseModel)


class PlaygroundBody(pydantic.BaseModel):
    """One prompt, whom to ask and how to answer it; there is nothing else that a console may ask of an engine."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: Annotated[str, pydantic.Field(min_length=1)]
    model: Annotated[str | None, pydantic.Field(description="Needed where several are served.")] = None
    max_tokens: Annotated[int, pydantic.Field(ge=1, le=4096)] = 256
    temperature: Annotated[float, pydantic.Field(ge=0, le=2)] = 0

    def as_chat(self) -> dict[str, Any]:
        """The body of a streamed chat completion."""
        return {
            **({"model": self.model} if self.model else {}),
            "messages": [{"role": "user", "content": self.prompt}],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "stream": True,
        }


def parse_playground(raw: bytes, most: Lengths | None = None) -> ChatRequest:
    """Read a body of the playground as the chat request that it stands for: one message, which is always few enough.

    Raises
    ------
    BadRequest
        It is not one.
    """
    return ChatRequest(read_model(raw, PlaygroundBody).as_chat())


def read_model(raw: bytes, shape: type[Shape]) -> Shape:
    """Read a JSON body of a given shape.

    Raises
    ------
    BadRequest
        It has another.
    """
    try:
        return shape.model_validate_json(raw)
    except pydantic.ValidationError as error:
        raise invalid_body(error) from None


async def read_request(request: Request, settings: Settings, shape: type[Shape]) -> Shape:
    """Read a request's whole body as a given shape; see `lethe.server.endpoints.body.read_body` for what it raises besides."""
    return read_model(
        await read_body(request, settings.max_body_bytes, settings.limits.body_timeout_s), shape
    )

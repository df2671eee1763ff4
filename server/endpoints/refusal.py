"""A refusal in the form of ordinary choices, as chats and completions have them, whole or streamed."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pydantic
from fastapi.responses import Response

from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.errors import BadRequest

FINISH_REASON = "content_filter"
# As many as vLLM gives of one prompt, unless told otherwise. All of a refusal's are held at once.
_MOST_CHOICES = 16384
# As the engine reads them, words and all.
_NUMBER, _SWITCH = pydantic.TypeAdapter(int | None), pydantic.TypeAdapter(bool | None)
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@dataclass(frozen=True)
class Choices:
    """How an endpoint gives its choices.

    Attributes
    ----------
    prefix
        Of an answer's id.
    whole_object, chunk_object
        What an answer, and a chunk of a stream, call themselves.
    whole
        What a choice says, from its text.
    chunks
        What the chunks of a choice say, from its text; the last of them ends it.
    """

    prefix: str
    whole_object: str
    chunk_object: str
    whole: Callable[[str], dict[str, Any]]
    chunks: Callable[[str], Sequence[dict[str, Any]]]


def refuse_choices(
    request: GuardedRequest, model: str, text: str, choices: Choices, prompts: int = 1
) -> Response:
    """Answer a refused request as the model would answer, with the finish reason ``content_filter``.

    Parameters
    ----------
    model
        The name under which the model is served, if the request names none.
    text
        What the client is told, once for each answer that it asked for.
    prompts
        How many the request has.

    Raises
    ------
    BadRequest
        The request asks for no number of answers, or for too many.
    """
    number = (_choices_of_prompt(request) or 0) * prompts
    if not 1 <= number <= _MOST_CHOICES:
        raise BadRequest(
            f"n must be a whole number from 1 on, and ask for at most {_MOST_CHOICES} answers in all",
            param="n",
        )
    base: dict[str, Any] = {
        "id": choices.prefix + uuid.uuid4().hex,
        "created": int(time.time()),
        "model": request.model or model,
    }
    if not request.stream:
        said = [choice_of(index, FINISH_REASON, choices.whole(text)) for index in range(number)]
        answer = base | {"object": choices.whole_object, "choices": said, "usage": _USAGE}
        return Response(orjson.dumps(answer), media_type="application/json")
    chunks = _chunks(choices, text, number, request.wants_usage)
    events = [orjson.dumps(base | chunk) for chunk in chunks]
    stream = b"".join(b"data: " + event + b"\n\n" for event in [*events, b"[DONE]"])
    return Response(stream, media_type="text/event-stream")


def number_of_choices(request: GuardedRequest, prompts: int) -> int:
    """How many answers a request asks for, to all its prompts; how many are too many, the engine has said."""
    return max(_choices_of_prompt(request) or 1, 1) * prompts


def _choices_of_prompt(request: GuardedRequest) -> int | None:
    """How many answers to each prompt; None for no number."""
    try:
        each = _NUMBER.validate_python(request.body.get("n"))
    except pydantic.ValidationError:
        return None
    return 1 if each is None else each


def streams_with(request: GuardedRequest, option: str) -> bool:
    """Whether a request sets one of the options of streams."""
    options = request.body.get("stream_options")
    try:
        return isinstance(options, dict) and bool(_SWITCH.validate_python(options.get(option)))
    except pydantic.ValidationError:
        return False


def with_usage_throughout(body: dict[str, Any]) -> dict[str, Any]:
    """An engine's body, whose stream is to say all along what was used."""
    return body | {"stream_options": body["stream_options"] | {"continuous_usage_stats": True}}


def _chunks(choices: Choices, text: str, number: int, with_usage: bool) -> Iterator[dict[str, Any]]:
    kind: dict[str, Any] = {"object": choices.chunk_object}
    last = kind | {"choices": [], "usage": _USAGE}
    if with_usage:
        kind["usage"] = None
    for index in range(number):
        *before, end = choices.chunks(text)
        for said in before:
            yield kind | {"choices": [choice_of(index, None, said)]}
        yield kind | {"choices": [choice_of(index, FINISH_REASON, end)]}
    if with_usage:
        yield last


def choice_of(index: int, finish_reason: str | None, said: dict[str, Any]) -> dict[str, Any]:
    """A choice, whole or in a piece of a stream, from what is said there."""
    return {"index": index, "logprobs": None, **said, "finish_reason": finish_reason}

"""A refusal in the shape of an ordinary completion, whole or streamed."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pydantic
from fastapi.responses import Response

from lethe.server.endpoints.requests import ParsedRequest
from lethe.server.errors import BadRequest

FINISH_REASON = "content_filter"
# As many as vLLM gives of one prompt, unless told otherwise.
_MOST_CHOICES = 16384
# As the engine reads them, words and all.
_NUMBER, _SWITCH = pydantic.TypeAdapter(int | None), pydantic.TypeAdapter(bool | None)
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def refusal_response(request: ParsedRequest, model: str, text: str) -> Response:
    """Answer a refused request as the model would answer, with the finish reason ``content_filter``.

    Parameters
    ----------
    model
        The name under which the model is served, if the request names none.
    text
        What the client is told, once for each answer that it asked for.

    Raises
    ------
    BadRequest
        The request asks for no number of answers, or for too many.
    """
    choices = range(_number_of_choices(request))
    base: dict[str, Any] = {
        "id": ("chatcmpl-" if request.is_chat else "cmpl-") + uuid.uuid4().hex,
        "created": int(time.time()),
        "model": request.model or model,
    }
    if not request.stream:
        answer = base | _whole(request.is_chat, text, choices) | {"usage": _USAGE}
        return Response(orjson.dumps(answer), media_type="application/json")
    chunks = _chunks(request.is_chat, text, choices, _wants_usage(request))
    events = [orjson.dumps(base | chunk) for chunk in chunks]
    stream = b"".join(b"data: " + event + b"\n\n" for event in [*events, b"[DONE]"])
    return Response(stream, media_type="text/event-stream")


def _number_of_choices(request: ParsedRequest) -> int:
    prompts = 1 if request.is_chat else _number_of_prompts(request.body["prompt"])
    try:
        each = _NUMBER.validate_python(request.body.get("n"))
    except pydantic.ValidationError:
        each = 0
    number = (1 if each is None else each) * prompts
    if not 1 <= number <= _MOST_CHOICES:
        raise BadRequest(
            f"n must be a whole number from 1 on, and ask for at most {_MOST_CHOICES} answers in all",
            param="n",
        )
    return number


def _number_of_prompts(prompt: str | list[Any]) -> int:
    return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)


def _wants_usage(request: ParsedRequest) -> bool:
    options = request.body.get("stream_options")
    try:
        return isinstance(options, dict) and bool(_SWITCH.validate_python(options.get("include_usage")))
    except pydantic.ValidationError:
        return False


def _whole(is_chat: bool, text: str, choices: range) -> dict[str, Any]:
    said = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    return {
        "object": "chat.completion" if is_chat else "text_completion",
        "choices": [_choice(index, **said, finish_reason=FINISH_REASON) for index in choices],
    }


def _chunks(is_chat: bool, text: str, choices: range, with_usage: bool) -> Iterator[dict[str, Any]]:
    kind: dict[str, Any] = {"object": "chat.completion.chunk" if is_chat else "text_completion"}
    last = kind | {"choices": [], "usage": _USAGE}
    if with_usage:
        kind["usage"] = None
    for index in choices:
        if is_chat:
            said = {"role": "assistant", "content": text}
            yield kind | {"choices": [_choice(index, delta=said, finish_reason=None)]}
            yield kind | {"choices": [_choice(index, delta={}, finish_reason=FINISH_REASON)]}
        else:
            yield kind | {"choices": [_choice(index, text=text, finish_reason=FINISH_REASON)]}
    if with_usage:
        yield last


def _choice(index: int, **fields: Any) -> dict[str, Any]:
    return {"index": index, "logprobs": None, **fields}

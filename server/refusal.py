"""A refusal in the shape of an ordinary completion, whole or streamed."""

import time
import uuid
from typing import Any

import orjson
from fastapi.responses import Response

from server.requests import ParsedRequest

FINISH_REASON = "content_filter"


def refusal_response(request: ParsedRequest, model: str, text: str) -> Response:
    """Answer a refused request as the model would answer, with the finish reason ``content_filter``.

    Parameters
    ----------
    model
        The name under which the model is served, if the request names none.
    text
        What the client is told.
    """
    base: dict[str, Any] = {
        "id": ("chatcmpl-" if request.is_chat else "cmpl-") + uuid.uuid4().hex,
        "created": int(time.time()),
        "model": request.model or model,
    }
    if not request.stream:
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return Response(
            orjson.dumps(base | _whole(request.is_chat, text) | {"usage": usage}),
            media_type="application/json",
        )
    events = [orjson.dumps(base | chunk) for chunk in _chunks(request.is_chat, text)]
    stream = b"".join(b"data: " + event + b"\n\n" for event in [*events, b"[DONE]"])
    return Response(stream, media_type="text/event-stream")


def _whole(is_chat: bool, text: str) -> dict[str, Any]:
    if is_chat:
        return {
            "object": "chat.completion",
            "choices": [_choice(message={"role": "assistant", "content": text}, finish_reason=FINISH_REASON)],
        }
    return {"object": "text_completion", "choices": [_choice(text=text, finish_reason=FINISH_REASON)]}


def _chunks(is_chat: bool, text: str) -> list[dict[str, Any]]:
    if is_chat:
        kind = {"object": "chat.completion.chunk"}
        return [
            kind | {"choices": [_choice(delta={"role": "assistant", "content": text}, finish_reason=None)]},
            kind | {"choices": [_choice(delta={}, finish_reason=FINISH_REASON)]},
        ]
    return [
        {"object": "text_completion", "choices": [_choice(text=text, finish_reason=FINISH_REASON)]},
    ]


def _choice(**fields: Any) -> dict[str, Any]:
    return {"index": 0, "logprobs": None, **fields}

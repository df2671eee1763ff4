"""A refusal in the shape of a response of ``/v1/responses``, whole or streamed."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from fastapi.responses import Response

_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def refuse_response(body: Mapping[str, Any], stream: bool, model: str, text: str) -> Response:
    """Answer a refused request as an incomplete response, cut short by the content filter.

    Parameters
    ----------
    body
        Of the request, parts of which a response repeats.
    """
    begun = {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "model": model,
        "status": "in_progress",
        "incomplete_details": None,
        "error": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "output": [],
        "parallel_tool_calls": True,
        "temperature": body.get("temperature"),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p"),
        "usage": None,
    }
    events = refusal_events(begun, text)
    if not stream:
        return Response(orjson.dumps(events[-1]["response"]), media_type="application/json")
    pieces = b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events
    )
    return Response(pieces, media_type="text/event-stream")


def refusal_events(begun: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """The events of a refused response; the last one carries the response as it ends.

    Parameters
    ----------
    begun
        The response as it begins.
    text
        What the client is told.
    """
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
    }
    ended = {
        **begun,
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "output": [item | {"content": [part]}],
        "usage": _USAGE,
    }
    return [
        {"type": kind, "sequence_number": number, **fields}
        for number, (kind, fields) in enumerate(_events(dict(begun), ended, item, part, text))
    ]


def _events(
    begun: dict[str, Any], ended: dict[str, Any], item: dict[str, Any], part: dict[str, Any], text: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    empty = {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    yield "response.output_item.added", empty
    yield "response.content_part.added", {**place, "part": part | {"text": ""}}
    yield "response.output_text.delta", {**place, "delta": text, "logprobs": []}
    yield "response.output_text.done", {**place, "text": text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}
    yield "response.output_item.done", {"output_index": 0, "item": item | {"content": [part]}}
    yield "response.incomplete", {"response": ended}

"""A refusal in the shape of a message of ``/v1/messages``, whole or streamed."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from fastapi.responses import Response

_USAGE = {"input_tokens": 0, "output_tokens": 0}
STOP = {"stop_reason": "refusal", "stop_sequence": None}


def refuse_message(stream: bool, model: str, text: str) -> Response:
    """Answer a refused request as the model would answer, with the stop reason ``refusal``."""
    begun = {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
    }
    if not stream:
        ended = begun | {"content": [{"type": "text", "text": text}], **STOP}
        return Response(orjson.dumps(ended), media_type="application/json")
    pieces = b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))
        for event in refusal_events(begun, text)
    )
    return Response(pieces, media_type="text/event-stream")


def refusal_events(begun: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """The events of a refused message.

    Parameters
    ----------
    begun
        The message as it begins.
    text
        What the client is told.
    """
    return [{"type": kind, **fields} for kind, fields in _events(dict(begun), text)]


def _events(begun: dict[str, Any], text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "message_start", {"message": begun}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}}
    yield "content_block_stop", {"index": 0}
    yield "message_delta", {"delta": STOP, "usage": _USAGE}
    yield "message_stop", {}

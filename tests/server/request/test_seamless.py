"""A stream may be long: what was passed on of it is not kept."""

import weakref
from typing import Any

import pytest

from lethe.server.endpoints import ChatRequest, MessagesRequest, ResponsesRequest
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.request.events import Event
from lethe.server.request.seamless import SeamlessStream


class Document(dict[str, Any]):
    """What an event carries, with a word on when it is let go of."""


PIECES = {
    "chat": (ChatRequest, {"choices": [{"index": 0, "delta": {"content": "a"}}]}),
    "messages": (
        MessagesRequest,
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    ),
    "responses": (
        ResponsesRequest,
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
    ),
}


@pytest.mark.parametrize(("kind", "piece"), PIECES.values(), ids=PIECES.keys())
def test_events_are_let_go_of_once_they_are_passed_on(
    kind: type[GuardedRequest], piece: dict[str, Any]
) -> None:
    form = kind.answer_form
    assert form is not None
    stream = SeamlessStream(kind({"stream": True}), form, "No.")
    stream.meet(Event(b"data: {}", {"id": "x"}))
    document = Document(piece)
    gone = weakref.ref(document)
    assert stream.written([Event(b"data: {}", document, form.read(document))]) == b"data: {}\n\n"
    del document
    assert gone() is None

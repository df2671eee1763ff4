"""Answers of ``/v1/responses``, whole or as events.

Events repeat at an item's end, and at the response's, what its pieces said, so that a stream cannot be changed any more
once a piece of it was passed on. It therefore is passed on as a whole.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from lethe.server.endpoints.answer_form import END_OF_EVENT, SAID, AnswerForm, Shown, texts_of
from lethe.server.endpoints.choice_form import alternatives
from lethe.server.endpoints.responses_refusal import refusal_events

_ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}
_PIECES = ("delta", "text", "arguments", "refusal", "part", "item", "input")


class ResponseForm(AnswerForm):
    """Reads responses."""

    is_released_by_pieces = False

    def shown(self, document: Mapping[str, Any]) -> list[Shown]:
        """See `AnswerForm.shown`."""
        kind = str(document.get("type", ""))
        if not kind:
            return _of_output(SAID, document)
        if isinstance(response := document.get("response"), dict):
            return _of_output("at the end", response)
        track = SAID if "delta" in document else "repeated"
        place = f"{document.get('output_index')}.{document.get('content_index')}.{kind}"
        said = {name: document[name] for name in _PIECES if name in document}
        shown = [Shown(0, track, place + channel, text) for channel, text in texts_of(said)]
        return shown + [Shown(0, *each) for each in _logprobs(document)]

    def ended(self, event: Mapping[str, Any]) -> list[int]:
        """See `AnswerForm.ended`."""
        return [0] if event.get("type") in _ENDS else []

    def event(self, document: Mapping[str, Any]) -> bytes:
        """See `AnswerForm.event`."""
        kind = str(document["type"]).encode()
        return b"event: " + kind + b"\ndata: " + orjson.dumps(document) + END_OF_EVENT

    def without(self, event: dict[str, Any], choices: Collection[int]) -> dict[str, Any] | None:
        """See `AnswerForm.without`: all events are of the one choice."""
        return None if choices else event

    def refused(
        self, first: Mapping[str, Any], choice: int, text: str, *, has_begun: bool
    ) -> list[dict[str, Any]]:
        """See `AnswerForm.refused`: all events of a refused response."""
        return refusal_events(first.get("response") or {}, text)

    def cut_off(self, first: Mapping[str, Any], choice: int) -> list[dict[str, Any]]:
        """See `AnswerForm.cut_off`: it cannot come to that."""
        return []


def _of_output(track: str, response: Mapping[str, Any]) -> list[Shown]:
    output = response.get("output")
    shown = [Shown(0, track, channel, text) for channel, text in texts_of(output)]
    return shown + [Shown(0, *each) for each in _logprobs(output)]


def _logprobs(value: Any) -> Iterator[tuple[str, str, str]]:
    """What the log probabilities show that stand anywhere within."""
    if isinstance(value, Mapping):
        for name, within in value.items():
            if name == "logprobs":
                yield from alternatives({"content": within})
            else:
                yield from _logprobs(within)
    elif isinstance(value, list):
        for within in value:
            yield from _logprobs(within)

"""Answers of ``/v1/responses``, whole or as events."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from lethe.server.endpoints.answer_form import (
    END_OF_EVENT,
    SAID,
    AnswerForm,
    AnswerReading,
    Passed,
    Shown,
    shown_ids,
    texts_of,
)
from lethe.server.endpoints.choice_form import alternatives
from lethe.server.endpoints.responses_cut_off import PassedResponse
from lethe.server.endpoints.responses_refusal import refusal_events

_ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}
_BEGINNINGS = {"response.created", "response.queued", "response.in_progress"}
_PIECES = ("delta", "text", "arguments", "refusal", "part", "item", "input")


class ResponseForm(AnswerForm):
    """Reads responses."""

    ends_with_done = False

    def read(self, document: Mapping[str, Any]) -> AnswerReading:
        """See `AnswerForm.read`. An item has an id, which another answer's would not have."""
        shown = _shown(document)
        kind = document.get("type")
        opened, ended = kind in _BEGINNINGS, kind in _ENDS
        return AnswerReading(
            shown, (0,), (0,) if opened else (), () if opened else (0,), (0,) if ended else (), bool(shown)
        )

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
        """See `AnswerForm.refused`."""
        events = refusal_events(first.get("response") or {}, text)
        return [event for event in events if not (has_begun and event["type"] in _BEGINNINGS)]

    def passed(self) -> Passed:
        """See `AnswerForm.passed`."""
        return PassedResponse()


def _shown(document: Mapping[str, Any]) -> list[Shown]:
    kind = str(document.get("type", ""))
    if not kind:
        return _of_output(SAID, document)
    if isinstance(response := document.get("response"), dict):
        return _of_output("at the end", response)
    # What has been said is said again as a whole: in a track of its own it is known already.
    track = SAID if "delta" in document else kind
    place = f"{document.get('output_index')}.{document.get('content_index')}.{kind}"
    said = {name: document[name] for name in _PIECES if name in document}
    shown = [Shown(0, track, place + channel, text) for channel, text in texts_of(said)]
    return [*shown, *_logprobs(document)]


def _of_output(track: str, response: Mapping[str, Any]) -> list[Shown]:
    output = response.get("output")
    shown = [Shown(0, track, channel, text) for channel, text in texts_of(output)]
    return [*shown, *_logprobs(output), *_raw(response.get("output_messages"))]


def _raw(messages: Any) -> Iterator[Shown]:
    """What the model wrote, by texts and ids, if the request asks for that too."""
    for channel, text in texts_of(messages):
        yield Shown(0, "as written", channel, text)
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield from shown_ids(0, message.get("tokens"))


def _logprobs(value: Any) -> Iterator[Shown]:
    """What the log probabilities show that stand anywhere within."""
    if isinstance(value, Mapping):
        for name, within in value.items():
            if name == "logprobs":
                yield from alternatives(0, {"content": within})
            else:
                yield from _logprobs(within)
    elif isinstance(value, list):
        for within in value:
            yield from _logprobs(within)

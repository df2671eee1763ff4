"""Answers of ``/v1/messages``, whole or as events."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from lethe.server.endpoints.answer_form import (
    END_OF_EVENT,
    SAID,
    AnswerForm,
    AnswerReading,
    Passed,
    Shown,
    texts_of,
)
from lethe.server.endpoints.anthropic_refusal import STOP, refusal_events

_BLOCK_EVENTS = {"content_block_start", "content_block_delta", "content_block_stop"}
_BEGINNING, _END = "message_start", "message_delta"


class MessageForm(AnswerForm):
    """Reads messages."""

    ends_with_done = False

    def read(self, document: Mapping[str, Any]) -> AnswerReading:
        """See `AnswerForm.read`."""
        kind = document.get("type")
        shown = [Shown(0, SAID, *each) for each in _texts(document)]
        return AnswerReading(
            shown,
            choices=(0,),
            opened=(0,) if kind == _BEGINNING else (),
            bound=(0,) if kind in _BLOCK_EVENTS or shown else (),
            ended=(0,) if kind == _END else (),
            tokens=1 if shown else 0,
        )

    def without(self, event: dict[str, Any], choices: Collection[int]) -> dict[str, Any] | None:
        """See `AnswerForm.without`: all events are of the one choice."""
        return None if choices else event

    def event(self, document: Mapping[str, Any]) -> bytes:
        """See `AnswerForm.event`."""
        kind = str(document["type"]).encode()
        return b"event: " + kind + b"\ndata: " + orjson.dumps(document) + END_OF_EVENT

    def refused(
        self, first: Mapping[str, Any], choice: int, text: str, *, has_begun: bool
    ) -> list[dict[str, Any]]:
        """See `AnswerForm.refused`."""
        events = refusal_events(first.get("message") or {}, text)
        return events[1:] if has_begun else events

    def passed(self) -> Passed:
        """See `AnswerForm.passed`."""
        return _PassedMessage()


class _PassedMessage:
    """A message as far as it was passed on: the blocks that are open, and how many pieces there were."""

    def __init__(self) -> None:
        self._open: dict[int, str] = {}
        self._pieces = 0

    def note(self, event: Mapping[str, Any]) -> None:
        """See `Passed.note`."""
        kind = event.get("type")
        if isinstance(block := event.get("content_block"), dict):
            self._open[event["index"]] = str(block.get("type"))
        elif kind == "content_block_stop":
            self._open.pop(event["index"], None)
        self._pieces += kind == "content_block_delta"

    def cut_off(self, first: Mapping[str, Any], choice: int) -> list[dict[str, Any]]:
        """See `Passed.cut_off`. A tool call that lacks its end is left open: whoever is told of its end may make it."""
        stops = [
            {"type": "content_block_stop", "index": index}
            for index, kind in self._open.items()
            if kind != "tool_use"
        ]
        usage = (first.get("message") or {}).get("usage") or {}
        ended = {"type": _END, "delta": STOP, "usage": {**usage, "output_tokens": self._pieces}}
        return [*stops, ended, {"type": "message_stop"}]


def _texts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Texts with their places: of a whole message, of a block as it begins, of a piece of it, and what it stopped at."""
    texts = list(texts_of(_with_calls_as_written(document.get("content"))))
    index = document.get("index")
    for name in ("content_block", "delta"):
        if isinstance(said := document.get(name), dict):
            said = {field: value for field, value in said.items() if field not in ("signature", *STOP)}
            texts += [(f".{index}{channel}", text) for channel, text in texts_of(said)]
            if isinstance(stop := (document.get(name) or {}).get("stop_sequence"), str):
                texts.append((".stop_sequence", stop))
    if isinstance(stop := document.get("stop_sequence"), str):
        texts.append((".stop_sequence", stop))
    return texts


def _with_calls_as_written(content: Any) -> Any:
    """Blocks with what tools are called with as one text, which is what streams show: its fields have the model's own names."""
    if not isinstance(content, list):
        return content
    return [
        block | {"input": orjson.dumps(block["input"]).decode()}
        if isinstance(block, dict) and block.get("input")
        else block
        for block in content
    ]

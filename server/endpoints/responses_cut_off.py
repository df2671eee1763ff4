"""The end of a response of which a part was passed on already: what is open is closed as it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

# A call that lacks its end is left open: whoever is told of its end may make it.
_CLOSED_ITEMS = ("message", "reasoning")
_TEXT_FIELDS = {"output_text": "text", "reasoning_text": "text", "refusal": "refusal"}


@dataclass
class _Part:
    described: dict[str, Any]
    text: StringIO = field(default_factory=StringIO)
    is_done: bool = False

    @property
    def kind(self) -> str:
        return str(self.described.get("type"))

    def so_far(self) -> dict[str, Any]:
        name = _TEXT_FIELDS.get(self.kind)
        return (
            self.described if self.is_done or name is None else self.described | {name: self.text.getvalue()}
        )


@dataclass
class _Item:
    described: dict[str, Any]
    parts: dict[int, _Part] = field(default_factory=dict)
    is_done: bool = False

    def so_far(self) -> dict[str, Any]:
        if self.is_done:
            return self.described
        content = [part.so_far() for _, part in sorted(self.parts.items())]
        return self.described | {"status": "incomplete", "content": content}


class PassedResponse:
    """A response as far as it was passed on: its items with what they say; see `AnswerForm.passed`."""

    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._response: Mapping[str, Any] = {}
        self._number = -1

    def note(self, event: Mapping[str, Any]) -> None:
        """See `Passed.note`."""
        self._response = event.get("response") or self._response
        self._number = int(event.get("sequence_number", -1))
        index = event.get("output_index")
        if not isinstance(index, int):
            return
        done = str(event.get("type")).endswith(".done")
        if isinstance(item := event.get("item"), dict):
            self._items.setdefault(index, _Item(item)).described = item
            self._items[index].is_done = done
        elif index in self._items and isinstance(place := event.get("content_index"), int):
            _note_part(self._items[index].parts, place, event, done)

    def cut_off(self, first: Mapping[str, Any], choice: int) -> list[dict[str, Any]]:
        """See `Passed.cut_off`."""
        ended: dict[str, Any] = {
            **self._response,
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [
                item.so_far()
                for _, item in sorted(self._items.items())
                if item.is_done or item.described.get("type") in _CLOSED_ITEMS
            ],
            "usage": None,
        }
        events = [*_closings(self._items), {"type": "response.incomplete", "response": ended}]
        return [event | {"sequence_number": number} for number, event in enumerate(events, self._number + 1)]


def _note_part(parts: dict[int, _Part], place: int, event: Mapping[str, Any], done: bool) -> None:
    if isinstance(part := event.get("part"), dict):
        parts.setdefault(place, _Part(part)).described = part
        parts[place].is_done = done
    elif place in parts and isinstance(delta := event.get("delta"), str):
        parts[place].text.write(delta)


def _closings(items: Mapping[int, _Item]) -> Iterator[dict[str, Any]]:
    for index, item in sorted(items.items()):
        if item.is_done or item.described.get("type") not in _CLOSED_ITEMS:
            continue
        for place, part in sorted(item.parts.items()):
            if not part.is_done and part.kind in _TEXT_FIELDS:
                where = {
                    "item_id": item.described.get("id"),
                    "output_index": index,
                    "content_index": place,
                }
                text = {_TEXT_FIELDS[part.kind]: part.text.getvalue()}
                yield {"type": f"response.{part.kind}.done", **where, **text, "logprobs": []}
                yield {"type": "response.content_part.done", **where, "part": part.so_far()}
        yield {"type": "response.output_item.done", "output_index": index, "item": item.so_far()}

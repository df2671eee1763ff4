"""The end of a response of which a part was passed on already: what is open is closed as it stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# A call that lacks its end is left open: whoever is told of its end may make it.
_CLOSED_ITEMS = ("message", "reasoning")
_TEXT_FIELDS = {"output_text": "text", "reasoning_text": "text", "refusal": "refusal"}


@dataclass
class _Part:
    described: dict[str, Any]
    text: list[str] = field(default_factory=list)
    is_done: bool = False

    @property
    def kind(self) -> str:
        return str(self.described.get("type"))

    def so_far(self) -> dict[str, Any]:
        name = _TEXT_FIELDS.get(self.kind)
        return self.described if self.is_done or name is None else self.described | {name: "".join(self.text)}


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


def cut_off_events(passed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events that end a response after those that were passed on."""
    items: dict[int, _Item] = {}
    response: Mapping[str, Any] = {}
    for event in passed:
        response = event.get("response") or response
        _note(items, event)
    number = int(passed[-1].get("sequence_number", -1)) + 1
    ended: dict[str, Any] = {
        **response,
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "output": [
            item.so_far()
            for _, item in sorted(items.items())
            if item.is_done or item.described.get("type") in _CLOSED_ITEMS
        ],
        "usage": None,
    }
    events = [*_closings(items), {"type": "response.incomplete", "response": ended}]
    return [event | {"sequence_number": number + place} for place, event in enumerate(events)]


def _note(items: dict[int, _Item], event: Mapping[str, Any]) -> None:
    kind, index, place = str(event.get("type")), event.get("output_index"), event.get("content_index")
    if not isinstance(index, int):
        return
    if isinstance(item := event.get("item"), dict):
        items.setdefault(index, _Item(item)).described = item
        items[index].is_done = kind.endswith(".done")
        return
    if index not in items or not isinstance(place, int):
        return
    parts = items[index].parts
    if isinstance(part := event.get("part"), dict):
        parts.setdefault(place, _Part(part)).described = part
        parts[place].is_done = kind.endswith(".done")
    elif place in parts and isinstance(delta := event.get("delta"), str):
        parts[place].text.append(delta)


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
                text = {_TEXT_FIELDS[part.kind]: "".join(part.text)}
                yield {"type": f"response.{part.kind}.done", **where, **text, "logprobs": []}
                yield {"type": "response.content_part.done", **where, "part": part.so_far()}
        yield {"type": "response.output_item.done", "output_index": index, "item": item.so_far()}

"""The parts of a request that are no text: where they stand, what they are, and the request with texts in their place."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

from lethe.server.errors import BadRequest

MediaKind = Literal["image", "audio", "video", "file"]
Path = tuple[str | int, ...]

_KIND_OF_TYPE: Mapping[str, MediaKind] = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "audio_url": "audio",
    "input_audio": "audio",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
}
# Without a type, or with a uuid, the engine goes by the first of these that is there.
_BY_FIELD = ("image_url", "audio_url", "input_audio", "video_url")
# The field that carries a part of each type, where it is not called as the type is.
_CARRYING = {"image": "source", "document": "source", "input_image": "image_url", "input_file": "file_data"}
_TYPE_OF_TEXT = {"input_image": "input_text", "input_file": "input_text"}
# What a part says of itself that the model is not shown.
_UNSHOWN = {"type", "detail", "cache_control"}
_HOLDING = ("content", "output")
_NESTED = "tool_result"


@dataclass(frozen=True)
class MediaPart:
    """A part that is no text.

    Attributes
    ----------
    path
        Where it stands in the body: names of fields and positions in lists.
    field
        The field that carries it.
    """

    path: Path
    kind: MediaKind
    field: str
    part: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The same for a client."""
        return ".".join(map(str, self.path))

    @property
    def name(self) -> str:
        """What a file is called; empty if nothing."""
        named = self._within.get("filename") or self.part.get("filename") or self.part.get("title")
        return named if isinstance(named, str) else ""

    def content(self) -> bytes:
        """What it carries.

        Raises
        ------
        BadRequest
            It carries nothing in base64.
        """
        given = self._carried()
        # Whatever a data: URL says of itself, what it is shows in its bytes.
        encoded = given.partition(",")[2] if given.startswith("data:") else given
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if not content:
            raise BadRequest(f"{self.place}: {self.kind} must be sent in base64", param=self.place)
        return content

    def as_text(self, text: str) -> dict[str, Any]:
        """A text part in its place."""
        return {"type": _TYPE_OF_TEXT.get(str(self.part.get("type")), "text"), "text": text}

    def said_besides(self) -> str:
        """What its further fields say: of a part that has several the engine may read another than its type says."""
        unshown = {*_UNSHOWN, self.field}
        further = {name: value for name, value in self.part.items() if name not in unshown}
        return json.dumps(further, ensure_ascii=False) if further else ""

    @property
    def _within(self) -> Mapping[str, Any]:
        within = self.part.get(self.field)
        return within if isinstance(within, Mapping) else {}

    def _carried(self) -> str:
        """What the engine takes, and nothing beside it."""
        match self.field:
            case "source":
                carried = self._within.get("url" if self._within.get("type") == "url" else "data")
            case "file":
                carried = self._within.get("file_data")
            case _:
                given = self.part.get(self.field)
                carried = given.get("url") if isinstance(given, Mapping) else given
        # By a uuid it would go by what it has kept.
        return carried if isinstance(carried, str) and self.part.get("uuid") is None else ""


def media_parts(body: Mapping[str, Any], fields: Sequence[str]) -> Iterator[MediaPart]:
    """The parts of what is said in some fields of a body.

    Parameters
    ----------
    fields
        Those that hold messages, or lists of them, each with a list of parts.
    """
    for name in fields:
        value = body.get(name)
        if isinstance(value, list):
            for index, message in enumerate(value):
                if isinstance(message, Mapping):
                    yield from _within(message, (name, index))
        elif isinstance(value, Mapping):
            yield from _within(value, (name,))


def with_parts(body: dict[str, Any], parts: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    """The body with other parts in some places; what is not on the way to them is shared with it.

    Parameters
    ----------
    parts
        By their places; none stands within another.
    """
    # A list is copied once, however many of its parts are others.
    copies: dict[Path, Any] = {(): dict(body)}
    for path, part in parts.items():
        holder = copies[()]
        for end in range(1, len(path)):
            way = path[:end]
            if way not in copies:
                copies[way] = holder[way[-1]] = copy(holder[way[-1]])
            holder = copies[way]
        holder[path[-1]] = part
    return copies[()]


def _within(message: Mapping[str, Any], path: Path) -> Iterator[MediaPart]:
    for name in _HOLDING:
        parts = message.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            if not isinstance(part, Mapping):
                continue
            kind = _kind(part)
            if kind in _KIND_OF_TYPE:
                yield MediaPart((*path, name, index), _KIND_OF_TYPE[kind], _CARRYING.get(kind, kind), part)
            elif part.get("type") == _NESTED:
                yield from _within(part, (*path, name, index))


def _kind(part: Mapping[str, Any]) -> str:
    """The type by which the engine reads a part."""
    kind = str(part.get("type"))
    if part.get("type") is not None and part.get("uuid") is None:
        return kind
    return next((field for field in _BY_FIELD if field in part), kind)

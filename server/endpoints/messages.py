"""Chat messages beyond their plain text: what else of them reaches the model, and what of them may not be sent.

Follows how vLLM 0.32 reads messages (``vllm/renderers/chat_utils.py``), where that differs from what a reader of
OpenAI's documentation expects.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated, Any

import pydantic
from pydantic import Field

from lethe.classifier.conversation import TEXT_PARTS
from lethe.server.endpoints.field_kinds import Content
from lethe.server.errors import BadRequest

# Some templates show what a model is to go by as messages of their own, of the role "documents", or "document" and an id.
_DOCUMENT = "document"
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_EMBEDDINGS = ("prompt_embeds", "image_embeds", "audio_embeds", "video_embeds", "image_pil")
_MEDIA = ("image_url", "input_image", "audio_url", "input_audio", "video_url", "file", "input_file")
_PART_FIELDS = {
    *(each.field for each in TEXT_PARTS.values()),
    *_EMBEDDINGS,
    *_MEDIA,
    "tool_reference",
    "uuid",
}
_READ_FIELDS = {
    "role",
    "content",
    "reasoning",
    "reasoning_content",
    "thinking",
    "refusal",
    "name",
    "function_call",
}
_READ_OF_FUNCTION = ("name", "arguments")


class ChatMessage(pydantic.BaseModel):
    """One message; every further field passes through."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    role: Annotated[str, pydantic.WithJsonSchema({"type": "string", "enum": ROLES})]
    content: Annotated[
        Content | None,
        Field(description="A text, or parts; what is not text cannot be judged."),
    ] = None


def check_messages(messages: Sequence[Mapping[str, Any]], field: str) -> None:
    """Refuse what would carry a prompt past the classifier, or have the engine fetch something.

    Parameters
    ----------
    field
        The body's name for the messages.

    Raises
    ------
    BadRequest
        A role is neither one of OpenAI's nor a document's: templates print it. A part carries embeddings, or media by its address,
        or is of two kinds at once.
    """
    for index, message in enumerate(messages):
        check_message(message, f"{field}.{index}")


def check_message(message: Mapping[str, Any], place: str, content_field: str = "content") -> None:
    """Check one message, as `check_messages` does.

    Parameters
    ----------
    place
        Where it stands in the body.
    content_field
        What the body calls its content.

    Raises
    ------
    BadRequest
        As of `check_messages`.
    """
    role = message.get("role")
    if role not in ROLES and not (isinstance(role, str) and role.startswith(_DOCUMENT)):
        raise BadRequest(f"{place}.role must be one of {', '.join(ROLES)}", param=f"{place}.role")
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, Mapping):
            _check_part(part, f"{place}.{content_field}.{index}")


def leftovers(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What of the messages may reach the model, but is not read as their text.

    Templates print roles that are not OpenAI's, ids of tool calls, a developer's tools and any further field; and of a part with several
    fields the engine may read another than its type says.
    """
    return [left for message in messages if (left := _leftover(message))]


def _leftover(message: Mapping[str, Any]) -> list[Any]:
    calls = [*_dicts(message.get("tool_calls")), {"function": message.get("function_call")}]
    left: list[Any] = [unread for call in calls if (unread := _unread(call))]
    further = {
        name: value
        for name, value in message.items()
        if name not in _READ_FIELDS
        and value is not None
        and not (name == "tool_calls" and isinstance(value, list))
    }
    if message.get("role") not in ROLES:
        further["role"] = message.get("role")
    if further:
        left.append(further)
    return left + [part for part in _dicts(message.get("content")) if not _is_plain(part)]


def _unread(call: Mapping[str, Any]) -> dict[str, Any]:
    """What of a tool call is not read with its name and arguments."""
    further = {name: value for name, value in call.items() if name != "function"}
    if further.get("type") == "function":
        del further["type"]
    function = call.get("function")
    if isinstance(function, Mapping):
        further |= {
            f"function.{name}": value for name, value in function.items() if name not in _READ_OF_FUNCTION
        }
    return further


def _is_plain(part: Mapping[str, Any]) -> bool:
    text_part = TEXT_PARTS.get(str(part.get("type")))
    # A null in a field that is not known counts, since a template may print the field's name.
    given = {name for name, value in part.items() if value is not None or name not in _PART_FIELDS}
    return text_part is not None and given == {"type", text_part.field}


def _check_part(part: Mapping[str, Any], place: str) -> None:
    # A type may be of any type, a list for one.
    kind = str(part.get("type"))
    carried = _carried(part)
    if kind in _EMBEDDINGS or not carried.isdisjoint(_EMBEDDINGS):
        raise BadRequest(f"{place}: a prompt must be text, not embeddings", param=place)
    if kind in TEXT_PARTS and not carried.isdisjoint(("tool_reference", *_MEDIA)):
        raise BadRequest(f"{place}: a part of type {kind} must not carry anything else", param=place)
    for address in _addresses(part):
        if not address.startswith("data:"):
            raise BadRequest(
                f"{place}: media must be sent as a data: URL, since nothing is fetched for a client",
                param=place,
            )


def _carried(part: Mapping[str, Any]) -> Set[str]:
    """The fields by which the engine may read a part."""
    if part.get("type") is None or part.get("uuid") is not None:
        # It then goes by their names, whatever they hold: a null stands for what it keeps under the uuid.
        return part.keys()
    return {name for name, value in part.items() if value is not None}


def _addresses(part: Mapping[str, Any]) -> Iterator[str]:
    for name in (*_MEDIA, "url", "file_url"):
        value = part.get(name)
        if isinstance(value, Mapping):
            value = value.get("url") or value.get("file_url")
        if isinstance(value, str) and name != "input_audio":
            yield value


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())

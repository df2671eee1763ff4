"""The kinds of values that a field takes, and what is said of one that it does not.

Where a field takes several kinds, the value's own chooses, so that an error speaks of that one: without, pydantic tells
of every kind what the value lacks for it.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

import pydantic
from pydantic import Discriminator, Field, Tag

from lethe.server.errors import BadRequest

# Of kinds; with a space, none passes for the name of a field.
_TEXT, _LIST, _OBJECT = "a text", "a list", "an object"
_TEXTS, _TOKEN_IDS, _TOKEN_ID_LISTS = "several texts", "token ids", "lists of token ids"
_LONGEST_SHOWN = 40
# What pydantic says in Python's words.
_SAID = {
    "dict_type": "Input should be an object",
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "list_type": "Input should be a list",
    "too_short": "Input should not be empty",
    "missing": "must be given",
}


def _kind(value: Any) -> str | None:
    return {str: _TEXT, list: _LIST, dict: _OBJECT}.get(type(value))


def _kind_of_prompt(value: Any) -> str | None:
    if not isinstance(value, list):
        return _kind(value)
    first = type(value[0]) if value else str
    return {str: _TEXTS, list: _TOKEN_ID_LISTS, int: _TOKEN_IDS, float: _TOKEN_IDS, bool: _TOKEN_IDS}.get(
        first
    )


def _one_of(said: str, kind: Callable[[Any], str | None] = _kind) -> Discriminator:
    return Discriminator(kind, custom_error_type="kind", custom_error_message=f"Input should be {said}")


TextOrObject = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[dict[str, Any], Tag(_OBJECT)], _one_of("a text or an object")
]
# Only the first error in a list is reported, and a body may have a million of them.
Objects = Annotated[list[dict[str, Any]], Field(fail_fast=True)]
Content = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[list[TextOrObject], Field(fail_fast=True), Tag(_LIST)],
    _one_of("a text or a list of parts"),
]
Blocks = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[Objects, Tag(_LIST)], _one_of("a text or a list of blocks")
]
Items = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[Objects, Field(min_length=1), Tag(_LIST)],
    _one_of("a text or a list of items"),
]


class PartsOnly(pydantic.BaseModel):
    """A content without a role, as what is scored has it."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True)

    content: Objects


_Scored = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[PartsOnly, Tag(_OBJECT)],
    _one_of("a text, or an object whose content is a list of parts"),
]
Scored = Annotated[
    Annotated[str, Tag(_TEXT)]
    | Annotated[PartsOnly, Tag(_OBJECT)]
    | Annotated[list[_Scored], Field(min_length=1, fail_fast=True), Tag(_LIST)],
    _one_of("a text, an object whose content is a list of parts, or a list of these"),
]
TokenId = Annotated[pydantic.StrictInt, Field(ge=0, lt=2**31)]
TokenIds = Annotated[list[TokenId], Field(min_length=1, fail_fast=True)]
Prompts = Annotated[
    Annotated[str, Tag(_TEXT)]
    | Annotated[list[str], Field(min_length=1, fail_fast=True), Tag(_TEXTS)]
    | Annotated[TokenIds, Tag(_TOKEN_IDS)]
    | Annotated[list[TokenIds], Field(min_length=1, fail_fast=True), Tag(_TOKEN_ID_LISTS)],
    _one_of("a text, a list of texts, a list of token ids, or a list of such lists", _kind_of_prompt),
]


def invalid_body(error: pydantic.ValidationError) -> BadRequest:
    """The first thing that is wrong with a body: its field, what would be right, and what was given."""
    first = error.errors(include_url=False)[0]
    field = _field_name(first["loc"])
    said = _SAID.get(first["type"], first["msg"])
    given = f", but it is {_shown(first['input'])}" if said.startswith("Input should") else ""
    return BadRequest(f"{field or 'the body'}: {said}{given}", param=field or None)


def _field_name(location: tuple[int | str, ...]) -> str:
    # A kind that was chosen stands in it too, and means nothing to a client.
    return ".".join(str(part) for part in location if isinstance(part, int) or part.isidentifier())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        first = value[0] if value else None
        begins = "a list" if isinstance(first, list) else _shown(first)
        return f"a list that begins with {begins}" if value else "an empty list"
    if isinstance(value, dict):
        return "an object"
    shown = json.dumps(value[:_LONGEST_SHOWN] if isinstance(value, str) else value, ensure_ascii=False)
    return f"{shown[:-1]}..." if isinstance(value, str) and len(value) > _LONGEST_SHOWN else shown

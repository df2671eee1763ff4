"""Patterns of prompts by the kind of what is to be forgotten."""

import functools
from pathlib import Path
from typing import Literal

import pydantic

from lethe.offline.data.files import read_yaml

TargetKind = Literal["person", "project", "organisation", "product", "work", "place", "subject"]


class Patterns(pydantic.BaseModel):
    """What is asked about things of a kind.

    Attributes
    ----------
    forget, near
        Patterns with ``{}`` for a name or an English phrase.
    forget_by_name, near_by_name
        Such in other languages, where an English phrase would be nonsense.
    others, unknown
        Names of things of the kind that everybody may ask about, and such that do not exist.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    forget: tuple[str, ...]
    near: tuple[str, ...]
    forget_by_name: tuple[str, ...] = ()
    near_by_name: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class _Kinds(pydantic.BaseModel):
    any: Patterns
    person: Patterns
    project: Patterns
    organisation: Patterns
    product: Patterns
    work: Patterns
    place: Patterns
    subject: Patterns


def patterns_of(kind: TargetKind) -> Patterns:
    """The patterns of a kind, with those that go for every kind."""
    kinds = _kinds()
    own: Patterns = getattr(kinds, kind)
    shared = ("forget", "near", "forget_by_name", "near_by_name")
    return own.model_copy(
        update={field: (*getattr(own, field), *getattr(kinds.any, field)) for field in shared}
    )


@functools.cache
def _kinds() -> _Kinds:
    return read_yaml(Path(__file__).parent / "templates.yaml", _Kinds)

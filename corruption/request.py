"""The wire contract: the whole corruption of one request, as it travels to the engine in ``vllm_xargs``.

The engine keeps nothing: function, strength, vector, seed and token ranges all come with the request, so any
candidate can be tried against any running engine and replicas cannot disagree. Needs no tensor library.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
import pydantic
from pydantic import Field

from lethe.bundle.errors import LetheError
from lethe.corruption.artifact import Corruption, CorruptionError

XARGS_KEY = "lethe"
# Raised when an engine of the release before could not read, or would misread, what this one sends.
WIRE_VERSION = 1

_MAX_WIRE_CHARACTERS = 8 << 20
_MAX_PLACED = 64
_MAX_RANGES = 1 << 16
_MAX_TOKENS = 1 << 31

Ranges = tuple[tuple[int, int], ...]


class CorruptionRequestError(LetheError, ValueError):
    """A corruption request that cannot be read or carried out; the message says what would be right."""


@dataclass(frozen=True)
class PlacedCorruption:
    """One target's corruption and the prompt tokens it falls on.

    Attributes
    ----------
    target, version
        Whose it is, for logs; they change nothing.
    corruption
        What is done.
    ranges
        Half-open ranges of absolute prompt positions, rising and not overlapping. None stands for every
        prompt token but the last, as the engine counts them.
    """

    target: str
    version: str
    corruption: Corruption
    ranges: Ranges | None = None

    def __post_init__(self) -> None:
        if self.ranges is None:
            return
        if len(self.ranges) > _MAX_RANGES:
            raise CorruptionRequestError(f"at most {_MAX_RANGES} token ranges, not {len(self.ranges)}")
        if not self.ranges:
            raise CorruptionRequestError(
                "no token range is given; leave ranges out for every token but the last"
            )
        previous = 0
        for start, end in self.ranges:
            if not previous <= start < end < _MAX_TOKENS:
                raise CorruptionRequestError(
                    f"token ranges must be rising, half-open and not empty; [{start}, {end}) after {previous} is not"
                )
            previous = end


@dataclass(frozen=True)
class CorruptionRequest:
    """Everything the engine must do to one request's prompt embeddings.

    Attributes
    ----------
    placed
        One a flagged target, applied in this order.
    prompt_tokens, prompt_digest
        The prompt's length in tokens and `prompt_digest` of them, as whoever made the ranges counted; None
        where unknown. Where they disagree with the engine's own, the engine corrupts every prompt token but
        the last.
    """

    placed: tuple[PlacedCorruption, ...]
    prompt_tokens: int | None = None
    prompt_digest: str | None = None

    def to_xargs(self) -> dict[str, str]:
        """Give the mapping to send as the request's ``vllm_xargs``."""
        return {XARGS_KEY: _WireRequest.of(self).model_dump_json()}

    def agrees_with(self, prompt_token_ids: Sequence[int]) -> bool:
        """Whether whoever made the ranges counted this very prompt."""
        return (
            self.prompt_tokens in (None, len(prompt_token_ids))
            and self.prompt_digest in (None, prompt_digest(prompt_token_ids))
            and all(
                placed.ranges is None or placed.ranges[-1][1] <= len(prompt_token_ids)
                for placed in self.placed
            )
        )

    def on(self, prompt_token_ids: Sequence[int]) -> "CorruptionRequest":
        """Give the same corruptions with explicit ranges on a prompt.

        Where the request's count, digest or ranges do not fit the prompt, every token but the last is corrupted:
        a protected prompt must not be served clean because two tokenizers disagree.
        """
        tokens = len(prompt_token_ids)
        request = self if self.agrees_with(prompt_token_ids) else self.everywhere()
        placed = tuple(
            replace(each, ranges=all_but_last(tokens)) if each.ranges is None else each
            for each in request.placed
        )
        return CorruptionRequest(placed, tokens, prompt_digest(prompt_token_ids))

    def everywhere(self) -> "CorruptionRequest":
        """Give the same corruptions on every prompt token but the last, of whatever prompt."""
        return CorruptionRequest(tuple(replace(each, ranges=None) for each in self.placed))

    @classmethod
    def from_xargs(cls, xargs: Mapping[str, Any] | None) -> "CorruptionRequest | None":
        """Read what `to_xargs` wrote; None if the mapping carries no corruption.

        Raises
        ------
        CorruptionRequestError
            It carries something under the key that is not a corruption request.
        """
        if not xargs or XARGS_KEY not in xargs:
            return None
        text = xargs[XARGS_KEY]
        if not isinstance(text, str):
            raise CorruptionRequestError(f"vllm_xargs[{XARGS_KEY!r}] must be a JSON string")
        if len(text) > _MAX_WIRE_CHARACTERS:
            raise CorruptionRequestError(f"corruption request is over {_MAX_WIRE_CHARACTERS} characters")
        try:
            return _WireRequest.model_validate_json(text).value()
        except pydantic.ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, fault["loc"])) or f"vllm_xargs[{XARGS_KEY!r}]"
            raise CorruptionRequestError(f"{place}: {fault['msg']}") from None
        except CorruptionError as error:
            raise CorruptionRequestError(str(error)) from None


def all_but_last(prompt_tokens: int) -> Ranges:
    """Give the ranges that cover a prompt without its last token, and the whole of a prompt of one."""
    return ((0, max(prompt_tokens - 1, 1)),)


def prompt_digest(token_ids: Sequence[int]) -> str:
    """Short digest of a prompt's token ids: they agree if and only if, for all that matters, the prompts do."""
    return hashlib.sha256(np.asarray(token_ids, dtype="<u4").tobytes()).hexdigest()[:16]


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").tolist())
    except ValueError:
        raise ValueError("must be base64 of little-endian float32 values") from None


def _encoded(vector: tuple[float, ...]) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")


_Vector = Annotated[
    tuple[float, ...], pydantic.BeforeValidator(_decoded), pydantic.PlainSerializer(_encoded, return_type=str)
]


class _Wire(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, frozen=True)


class _WirePlaced(_Wire):
    target: str
    version: str
    function: str
    strength: float
    dims: int
    seed: int
    vector: _Vector | None
    positions: str
    ranges: Annotated[tuple[tuple[int, int], ...], Field(max_length=_MAX_RANGES)] | None

    @classmethod
    def of(cls, placed: PlacedCorruption) -> Self:
        corruption = {**vars(placed.corruption), "strength": float(placed.corruption.strength)}
        return cls.model_construct(
            target=placed.target, version=placed.version, ranges=placed.ranges, **corruption
        )

    def value(self) -> PlacedCorruption:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Corruption)}
        return PlacedCorruption(self.target, self.version, Corruption(**fields), self.ranges)


class _WireRequest(_Wire):
    wire_version: Literal[1]
    prompt_tokens: int | None
    prompt_digest: str | None
    placed: Annotated[tuple[_WirePlaced, ...], Field(min_length=1, max_length=_MAX_PLACED)]

    @classmethod
    def of(cls, request: CorruptionRequest) -> Self:
        return cls.model_construct(
            wire_version=1,
            prompt_tokens=request.prompt_tokens,
            prompt_digest=request.prompt_digest,
            placed=tuple(map(_WirePlaced.of, request.placed)),
        )

    def value(self) -> CorruptionRequest:
        return CorruptionRequest(
            tuple(placed.value() for placed in self.placed), self.prompt_tokens, self.prompt_digest
        )

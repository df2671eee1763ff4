"""The wire contract: the whole corruption of one request, as it travels to the engine in ``vllm_xargs``.

The engine keeps nothing: function, strength, vector, seed and token ranges all come with the request, so any
candidate can be tried against any running engine and replicas cannot disagree. Needs no tensor library.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lethe.corruption.artifact import Corruption, CorruptionError

XARGS_KEY = "lethe"

_WIRE_VERSION = 1
_MAX_WIRE_CHARACTERS = 8 << 20
_MAX_PLACED = 64
_MAX_RANGES = 1 << 16
_MAX_TOKENS = 1 << 31

Ranges = tuple[tuple[int, int], ...]


class CorruptionRequestError(ValueError):
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
        return {XARGS_KEY: json.dumps(self._document(), separators=(",", ":"), sort_keys=True)}

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

    def cache_salt(self, client_salt: str | None = None) -> str:
        """Digest of all that changes the embeddings, to keep prefix-cache blocks apart.

        Parameters
        ----------
        client_salt
            The salt that the client asked for, folded in.
        """
        document = {
            "client": client_salt,
            "prompt_tokens": self.prompt_tokens,
            "placed": [
                {**_corruption_document(placed.corruption), "ranges": placed.ranges} for placed in self.placed
            ],
        }
        canonical = json.dumps(document, separators=(",", ":"), sort_keys=True)
        return f"lethe-{hashlib.sha256(canonical.encode()).hexdigest()}"

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
        document = _parse(xargs[XARGS_KEY])
        try:
            placed = document["placed"]
            if not isinstance(placed, list) or not 1 <= len(placed) <= _MAX_PLACED:
                raise CorruptionRequestError(f"'placed' must be a list of 1 to {_MAX_PLACED} corruptions")
            return cls(
                placed=tuple(_read_placed(entry) for entry in placed),
                prompt_tokens=_read_optional(document["prompt_tokens"], int, "prompt_tokens"),
                prompt_digest=_read_optional(document["prompt_digest"], str, "prompt_digest"),
            )
        except KeyError as error:
            raise CorruptionRequestError(f"corruption request lacks {error.args[0]!r}") from None
        except CorruptionError as error:
            raise CorruptionRequestError(str(error)) from None

    def _document(self) -> dict[str, Any]:
        return {
            "wire_version": _WIRE_VERSION,
            "prompt_tokens": self.prompt_tokens,
            "prompt_digest": self.prompt_digest,
            "placed": [
                {
                    "target": placed.target,
                    "version": placed.version,
                    "positions": placed.corruption.positions,
                    "ranges": placed.ranges,
                    **_corruption_document(placed.corruption),
                }
                for placed in self.placed
            ],
        }


def all_but_last(prompt_tokens: int) -> Ranges:
    """Give the ranges that cover a prompt without its last token, and the whole of a prompt of one."""
    return ((0, max(prompt_tokens - 1, 1)),)


def prompt_digest(token_ids: Sequence[int]) -> str:
    """Short digest of a prompt's token ids: they agree if and only if, for all that matters, the prompts do."""
    return hashlib.sha256(np.asarray(token_ids, dtype="<u4").tobytes()).hexdigest()[:16]


def _corruption_document(corruption: Corruption) -> dict[str, Any]:
    """Give what changes the embeddings; where it falls is said elsewhere."""
    vector = corruption.vector
    return {
        "function": corruption.function,
        "strength": float(corruption.strength),
        "dims": corruption.dims,
        "seed": corruption.seed,
        "vector": None
        if vector is None
        else base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii"),
    }


def _parse(text: object) -> dict[str, Any]:
    if not isinstance(text, str):
        raise CorruptionRequestError(f"vllm_xargs[{XARGS_KEY!r}] must be a JSON string")
    if len(text) > _MAX_WIRE_CHARACTERS:
        raise CorruptionRequestError(f"corruption request is over {_MAX_WIRE_CHARACTERS} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CorruptionRequestError(f"vllm_xargs[{XARGS_KEY!r}] is not valid JSON") from None
    if not isinstance(document, dict):
        raise CorruptionRequestError("corruption request must be a JSON object")
    if document.get("wire_version") != _WIRE_VERSION:
        raise CorruptionRequestError(
            f"corruption request has wire version {document.get('wire_version')!r}; this engine reads {_WIRE_VERSION}"
        )
    return document


def _read_placed(entry: object) -> PlacedCorruption:
    if not isinstance(entry, dict):
        raise CorruptionRequestError("every entry of 'placed' must be a JSON object")
    strength = entry["strength"]
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise CorruptionRequestError("'strength' must be a number")
    return PlacedCorruption(
        target=_read(entry["target"], str, "target"),
        version=_read(entry["version"], str, "version"),
        corruption=Corruption(
            function=_read(entry["function"], str, "function"),
            strength=strength,
            dims=_read(entry["dims"], int, "dims"),
            vector=_read_vector(entry["vector"]),
            seed=_read(entry["seed"], int, "seed"),
            positions=_read(entry["positions"], str, "positions"),
        ),
        ranges=_read_ranges(entry["ranges"]),
    )


def _read_ranges(value: object) -> Ranges | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MAX_RANGES:
        raise CorruptionRequestError(f"'ranges' must be null or a list of at most {_MAX_RANGES} pairs")
    ranges = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise CorruptionRequestError("every entry of 'ranges' must be a pair [start, end]")
        ranges.append((_read(pair[0], int, "range start"), _read(pair[1], int, "range end")))
    return tuple(ranges)


def _read_vector(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        raw = base64.b64decode(_read(value, str, "vector"), validate=True)
        return tuple(np.frombuffer(raw, dtype="<f4").tolist())
    except (binascii.Error, ValueError):
        raise CorruptionRequestError("'vector' must be base64 of little-endian float32 values") from None


def _read(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CorruptionRequestError(f"{name!r} must be of type {kind.__name__}, not {type(value).__name__}")
    return value


def _read_optional(value: Any, kind: type, name: str) -> Any:
    return None if value is None else _read(value, kind, name)

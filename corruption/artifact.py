"""A corruption as a value, and as the file ``corruption.safetensors`` of a bundle.

Knows nothing about prompts, requests or engines, and needs no tensor library.
"""

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lethe.bundle.errors import LetheError
from lethe.bundle.files import replace_file
from lethe.corruption.functions import FUNCTIONS

SCHEMA_VERSION = "1"

Positions = Literal["all_but_last", "user_content", "flagged_spans", "entities"]

_POSITIONS = get_args(Positions)
_MAX_SEED = 2**64
MAX_DIMS = 1 << 20
# Far beyond any use, and small enough that norms of what comes of it do not overflow.
_MAX_MAGNITUDE = 1e12


class CorruptionError(LetheError, ValueError):
    """A corruption that cannot be; the message says what is wrong and what would be right."""


@dataclass(frozen=True)
class Corruption:
    """How the embeddings of selected prompt tokens are changed.

    Attributes
    ----------
    function
        A name in `lethe.corruption.functions.FUNCTIONS`.
    strength
        What it means is the function's own: a standard deviation, a value, a factor. Zero or more.
    dims
        How many dimensions of each embedding are touched; at most the model's hidden size.
    vector
        The learned vector of length ``dims``, for ``add_vector_first_n`` and for no other function.
    seed
        Key of the noise. Equal seeds give equal noise at equal positions.
    positions
        Which prompt tokens are selected where none are given explicitly.

    Raises
    ------
    CorruptionError
        A field is out of its range.
    """

    function: str
    strength: float
    dims: int
    vector: tuple[float, ...] | None = None
    seed: int = 0
    positions: Positions = "all_but_last"

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise CorruptionError(
                f"unknown corruption function {self.function!r}; known: {', '.join(sorted(FUNCTIONS))}"
            )
        if not _is_number(self.strength) or not 0.0 <= self.strength <= _MAX_MAGNITUDE:
            raise CorruptionError(
                f"strength must be a number in [0, {_MAX_MAGNITUDE:g}], not {self.strength!r}"
            )
        if not _is_integer(self.dims) or not 1 <= self.dims <= MAX_DIMS:
            raise CorruptionError(f"dims must be a whole number of one or more, not {self.dims!r}")
        if not _is_integer(self.seed) or not 0 <= self.seed < _MAX_SEED:
            raise CorruptionError(f"seed must be a whole number in [0, 2**64), not {self.seed!r}")
        if self.positions not in _POSITIONS:
            raise CorruptionError(f"positions must be one of {', '.join(_POSITIONS)}, not {self.positions!r}")
        self._check_vector()

    def _check_vector(self) -> None:
        if not FUNCTIONS[self.function].takes_vector:
            if self.vector is not None:
                raise CorruptionError(f"{self.function} takes no vector; leave it out")
            return
        if self.vector is None or len(self.vector) != self.dims:
            length = "none" if self.vector is None else f"one of length {len(self.vector)}"
            raise CorruptionError(
                f"{self.function} needs a vector of length dims = {self.dims}, got {length}"
            )
        if not all(_is_number(value) and abs(value) <= _MAX_MAGNITUDE for value in self.vector):
            raise CorruptionError(f"every element of the vector must be a number within +-{_MAX_MAGNITUDE:g}")


def save_corruption(corruption: Corruption, path: Path) -> None:
    """Write a corruption as safetensors: numbers as tensors, names in the header. Replaces `path` at once.

    Equal corruptions are equal files, so that a bundle's version tells whether it does the same.
    """
    tensors = {
        "strength": np.array([corruption.strength], dtype=np.float64),
        "seed": np.array([corruption.seed], dtype=np.uint64),
    }
    if corruption.vector is not None:
        tensors["vector"] = np.array(corruption.vector, dtype=np.float32)
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "function": corruption.function,
        "dims": str(corruption.dims),
        "positions": corruption.positions,
    }
    replace_file(path, _in_order(save(tensors, metadata)))


def _in_order(content: bytes) -> bytes:
    """The same safetensors with the names of its header sorted, which the library writes in any order."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    written = json.dumps(header, separators=(",", ":")).encode()
    # The format has tensors begin at a multiple of eight bytes.
    written += b" " * (-len(written) % 8)
    return struct.pack("<Q", len(written)) + written + content[8 + length :]


def load_corruption(path: Path, hidden_size: int | None = None, sha256: str | None = None) -> Corruption:
    """Read a corruption.

    Parameters
    ----------
    path
        A file that `save_corruption` wrote.
    hidden_size
        Width of the model's embeddings, if known; a corruption that touches more dimensions is refused.
    sha256
        Of the file's content, where somebody has vouched for that.

    Raises
    ------
    CorruptionError
        The file cannot be read, is another than was vouched for, is of another schema, or holds a corruption that cannot be.
    """
    try:
        content = path.read_bytes()
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise CorruptionError(f"{path} was changed since its bundle was verified")
        tensors = load(content)
        (length,) = struct.unpack_from("<Q", content)
        metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    except (OSError, SafetensorError) as error:
        raise CorruptionError(f"{path} is not a readable corruption file: {error}") from None
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise CorruptionError(
            f"{path} has schema version {metadata.get('schema_version')!r}; this release reads {SCHEMA_VERSION}"
        )
    try:
        vector = tensors.get("vector")
        corruption = Corruption(
            function=metadata["function"],
            strength=float(tensors["strength"].item()),
            dims=int(metadata["dims"]),
            vector=None if vector is None else tuple(vector.astype(np.float32).reshape(-1).tolist()),
            seed=int(tensors["seed"].item()),
            positions=metadata["positions"],  # pyright: ignore[reportArgumentType]
        )
    except CorruptionError as error:
        raise CorruptionError(f"{path}: {error}") from None
    except KeyError as error:
        raise CorruptionError(f"{path} has no {error.args[0]!r}; make it again with this release") from None
    except ValueError as error:
        raise CorruptionError(f"{path} is malformed: {error}") from None
    if hidden_size is not None and corruption.dims > hidden_size:
        raise CorruptionError(
            f"{path} touches {corruption.dims} dimensions, but the model's embeddings have {hidden_size}"
        )
    return corruption


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

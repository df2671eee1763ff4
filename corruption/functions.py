"""The corruption functions, under the names of the ECO paper (arXiv 2406.07933) and its public code.

Two kinds. A `RowChange` sees only the embeddings that are to be corrupted, ``rows`` of shape (T, d), one row
a selected token, and gives new ones. A `TokenOrder` moves whole embeddings among the selected tokens and
needs no embedding for it: it says from which of them each one takes its own. To add a function, write it here
and put it in `FUNCTIONS`; everything else reads the table.

This module calls methods of the tensors it is given and imports no tensor library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lethe.corruption.philox import philox

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
else:
    Tensor = Any

# The fourth counter word keeps uses of the generator apart: see lethe.corruption.noise.
_ORDER_STREAM = 2


class Noise(Protocol):
    """Random numbers that belong to the rows at hand, whatever else is in the batch."""

    def normal(self, dims: int) -> Tensor:
        """Standard normal values for the first ``dims`` dimensions of each row, shape (T, dims), float32."""
        ...

    def choose(self, count: int, dims: int) -> Tensor:
        """``count`` of ``dims`` dimensions without replacement, shape (count,); the same for every row."""
        ...


@dataclass(frozen=True)
class Parameters:
    """What a row change is told: see `lethe.corruption.artifact.Corruption`; ``vector`` has shape (dims,)."""

    strength: float
    dims: int
    vector: Tensor | None


@dataclass(frozen=True)
class RowChange:
    """A function on rows, and what it takes beside ``dims``."""

    apply: Callable[[Tensor, Parameters, Noise], Tensor]
    takes_strength: bool = True
    takes_vector: bool = False


@dataclass(frozen=True)
class TokenOrder:
    """A function from (number of selected tokens, seed) to the order in which they give their embeddings."""

    apply: Callable[[int, int], NDArray[np.int64]]
    takes_strength: bool = False
    takes_vector: bool = False


def _rand_noise_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    n = parameters.dims
    return _with_first(rows, rows[:, :n] + noise.normal(n) * parameters.strength)


def _rand_noise_rand_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    chosen = noise.choose(parameters.dims, rows.shape[1])  # (n,)
    added = noise.normal(rows.shape[1])[:, chosen] * parameters.strength  # (T, n)
    return rows.index_copy(1, chosen, (rows[:, chosen] + added).to(rows.dtype))


def _rand_noise_top_k(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    places = _largest(rows.abs(), parameters)  # (T, k)
    added = noise.normal(rows.shape[1]).gather(1, places) * parameters.strength
    return _with_places(rows, places, rows.gather(1, places) + added)


def _set_rand_noise_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return _with_first(rows, noise.normal(parameters.dims) * parameters.strength)


def _zero_out_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return _with_first(rows, rows[:, : parameters.dims] * 0)


def _zero_out_top_k(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return rows.scatter(1, _largest(rows.abs(), parameters), 0)


def _flip_sign_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return _with_first(rows, -rows[:, : parameters.dims])


def _flip_sign_top_k(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    places = _largest(rows.abs(), parameters)
    return _with_places(rows, places, -rows.gather(1, places))


def _add_value_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return _with_first(rows, rows[:, : parameters.dims] + parameters.strength)


def _sub_value_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    return _with_first(rows, rows[:, : parameters.dims] - parameters.strength)


def _sub_value_top_k(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    # By signed value, unlike the other top-k functions: it pulls peaks down.
    places = _largest(rows, parameters)
    return _with_places(rows, places, rows.gather(1, places) - parameters.strength)


def _add_value_least_k(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    places = _largest(-rows, parameters)
    return _with_places(rows, places, rows.gather(1, places) + parameters.strength)


def _add_vector_first_n(rows: Tensor, parameters: Parameters, noise: Noise) -> Tensor:
    assert parameters.vector is not None
    return _with_first(rows, rows[:, : parameters.dims] + parameters.vector * parameters.strength)


def _reverse_order(count: int, seed: int) -> NDArray[np.int64]:
    return np.arange(count - 1, -1, -1, dtype=np.int64)


def _shuffle(count: int, seed: int) -> NDArray[np.int64]:
    zero = np.zeros(count, dtype=np.int64)
    words = philox(seed, (np.arange(count, dtype=np.int64), zero, zero, zero + _ORDER_STREAM))
    return np.argsort(words[0], kind="stable").astype(np.int64)


def _largest(values: Tensor, parameters: Parameters) -> Tensor:
    """Dimensions of the ``dims`` largest values of each row, shape (T, dims); ties go to the lower one."""
    # topk breaks ties as it likes, and otherwise on a GPU than on a CPU.
    return values.sort(dim=1, descending=True, stable=True).indices[:, : parameters.dims]


def _with_first(rows: Tensor, values: Tensor) -> Tensor:
    changed = rows.clone()
    changed[:, : values.shape[1]] = values.to(rows.dtype)
    return changed


def _with_places(rows: Tensor, places: Tensor, values: Tensor) -> Tensor:
    return rows.scatter(1, places, values.to(rows.dtype))


FUNCTIONS: Mapping[str, RowChange | TokenOrder] = {
    "rand_noise_first_n": RowChange(_rand_noise_first_n),
    "rand_noise_rand_n": RowChange(_rand_noise_rand_n),
    "rand_noise_top_k": RowChange(_rand_noise_top_k),
    "set_rand_noise_first_n": RowChange(_set_rand_noise_first_n),
    "zero_out_first_n": RowChange(_zero_out_first_n, takes_strength=False),
    "zero_out_top_k": RowChange(_zero_out_top_k, takes_strength=False),
    "flip_sign_first_n": RowChange(_flip_sign_first_n, takes_strength=False),
    "flip_sign_top_k": RowChange(_flip_sign_top_k, takes_strength=False),
    "add_value_first_n": RowChange(_add_value_first_n),
    "sub_value_first_n": RowChange(_sub_value_first_n),
    "sub_value_top_k": RowChange(_sub_value_top_k),
    "add_value_least_k": RowChange(_add_value_least_k),
    "add_vector_first_n": RowChange(_add_vector_first_n, takes_vector=True),
    "reverse_order": TokenOrder(_reverse_order),
    "shuffle": TokenOrder(_shuffle),
}

"""What two edits look like beside each other: sparsity, overlap of their largest coordinates, norms by layer."""

import re
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.recovery.conflict import top
from lethe.offline.recovery.parameters import Layout


@dataclass(frozen=True)
class Edit:
    """One edit's shape.

    Attributes
    ----------
    relative_norm
        Against the parameters that it started from.
    unchanged
        Share of coordinates that are exactly as they were.
    concentration
        Share of the squared norm that the largest hundredth of the coordinates holds.
    layers
        Norm by layer; embeddings and the rest by their own names.
    """

    norm: float
    relative_norm: float
    unchanged: float
    concentration: float
    layers: dict[str, float]


@dataclass(frozen=True)
class Overlap:
    """How far two edits share their largest coordinates.

    Attributes
    ----------
    share
        Which share of all coordinates is compared.
    shared
        Share of the one's largest that are among the other's.
    by_chance
        What two independent sets of that size would have in common.
    """

    share: float
    shared: float
    by_chance: float


def describe(edit: Tensor, start: Tensor, layout: Layout) -> Edit:
    """Describe an edit of shape (N,) to parameters of shape (N,)."""
    squared = edit.square()
    total = squared.sum().item()
    largest = top(squared, max(1, layout.size // 100))
    layers: dict[str, float] = defaultdict(float)
    for name, where in layout.slices():
        layers[layer_of(name)] += squared[where].sum().item()
    return Edit(
        norm=total**0.5,
        relative_norm=(total / max(start.square().sum().item(), 1e-30)) ** 0.5,
        unchanged=(edit == 0).float().mean().item(),
        concentration=squared[largest].sum().item() / max(total, 1e-30),
        layers={name: value**0.5 for name, value in layers.items()},
    )


def overlap(first: Tensor, second: Tensor, share: float) -> Overlap:
    """Compare the largest coordinates of two edits of shape (N,)."""
    count = max(1, int(share * len(first)))
    marked = first.new_zeros(len(first), dtype=torch.bool)
    ones, others = top(first.square(), count), top(second.square(), count)
    marked[ones] = True
    shared = marked[others].sum().item() / max(1, min(len(ones), len(others)))
    return Overlap(share, shared, len(ones) / len(first))


def layer_of(parameter: str) -> str:
    """Name of the layer that a parameter belongs to, such as ``layer 3``, else of its module."""
    numbered = re.search(r"\.(\d+)\.", parameter)
    return f"layer {numbered.group(1)}" if numbered else parameter.removesuffix(".weight").rpartition(".")[2]

"""Which coordinates of a later edit are to blame: the conflict score, and the controls that it has to beat."""

from collections.abc import Callable

import torch
from torch import Tensor

# (Fisher diagonal of the harmed domain, later edit, seed) to scores; all of shape (N,). Zero never enters a set.
Selection = Callable[[Tensor, Tensor, int], Tensor]


def conflict(fisher: Tensor, edit: Tensor, _seed: int) -> Tensor:
    """``F_i d_i^2``: twice what coordinate i adds to the damage, to second order and on the diagonal."""
    return fisher * edit.square()


def random(_fisher: Tensor, edit: Tensor, seed: int) -> Tensor:
    """Any coordinate that was edited, by lot."""
    return torch.rand(edit.shape, generator=torch.Generator().manual_seed(seed)) * (edit != 0)


def largest(_fisher: Tensor, edit: Tensor, _seed: int) -> Tensor:
    """``d_i^2``: the largest edits, whatever they do to the harmed domain."""
    return edit.square()


SELECTIONS: dict[str, Selection] = {"conflict": conflict, "random": random, "largest": largest}


def top(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` highest scores of shape (N,), the highest first; coordinates that score zero never count."""
    values, indices = scores.topk(min(count, len(scores)))
    return indices[: int((values > 0).sum())]

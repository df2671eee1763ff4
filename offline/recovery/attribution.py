"""How much of a change of loss each coordinate of an edit is to blame for, along the whole of the edit.

Integrated gradients (Sundararajan, Taly and Yan, 2017) on parameters: the gradient's mean along the straight way from one
end to the other, times the way. The parts sum to the change of the loss, however far from quadratic it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lethe.offline.recovery.domain import ExampleMeasure, Model
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.parameters import Layout


def attributed(
    model: Model,
    losses: ExampleMeasure,
    examples: Sequence[Any],
    layout: Layout,
    start: Tensor,
    edit: Tensor,
    points: int,
    batch_size: int = 8,
    on_point: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Part of each coordinate in the change of the mean loss from `start` to `start + edit`, shape (N,).

    Parameters
    ----------
    points
        At how many points of the way the gradient is taken: the midpoints of as many equal pieces.

    Raises
    ------
    RecoveryError
        A gradient is not finite.
    """
    layout.freeze_others(model)
    parameters = layout.parameters(model)
    total = torch.zeros_like(edit)
    for done in range(points):
        layout.write(model, torch.add(start, edit, alpha=(done + 0.5) / points))
        for begin in range(0, len(examples), batch_size):
            loss = losses(model, examples[begin : begin + batch_size]).sum()
            total += layout.join(list(torch.autograd.grad(loss, parameters)))
        on_point(done + 1, points)
    if not torch.isfinite(total).all():
        raise RecoveryError("a gradient along the edit is not finite; a checkpoint of the chain is broken")
    return total.mul_(edit).div_(points * len(examples))


@dataclass(frozen=True)
class Carried:
    """What some coordinates carry.

    Attributes
    ----------
    share
        Of all coordinates.
    harm, gain
        Of what the harmed domain's loss rose by, and of what the later ones' fell by; above one where others make up
        for it.
    """

    share: float
    harm: float
    gain: float


def carried(chosen: Tensor, harm: Tensor, gain: Tensor) -> Carried:
    """Sum the parts of some coordinates; `chosen` marks them, all three of shape (N,)."""
    count = chosen.sum().item()
    sums = [(part[chosen].sum() / part.sum()).item() for part in (harm, gain)]
    return Carried(count / len(chosen), *sums)

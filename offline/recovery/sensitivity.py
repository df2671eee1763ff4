"""How a domain's loss answers to a small move: gradient, Fisher information and curvature, at the current parameters.

With an edit d, the loss changes by ``g.d + 1/2 d'H d`` to second order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lethe.offline.recovery.domain import ExampleMeasure, Model
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.parameters import Layout

OnExample = Callable[[int, int], None]


@dataclass(frozen=True)
class Sensitivity:
    """First derivatives of a domain's loss.

    Attributes
    ----------
    gradient
        Mean gradient, shape (N,).
    fisher
        Diagonal of the empirical Fisher information, the mean of squared gradients, shape (N,).
    slopes
        Derivative of each example's loss along the edit, shape (examples,).
    """

    gradient: Tensor
    fisher: Tensor
    slopes: Tensor


def sensitivity(
    model: Model,
    losses: ExampleMeasure,
    examples: Sequence[Any],
    layout: Layout,
    edit: Tensor,
    on_example: OnExample = lambda _done, _total: None,
) -> Sensitivity:
    """Take each example's gradient by itself.

    Raises
    ------
    RecoveryError
        A gradient is not finite.
    """
    layout.freeze_others(model)
    parameters = layout.parameters(model)
    gradient, fisher = torch.zeros_like(edit), torch.zeros_like(edit)
    slopes = []
    for done, example in enumerate(examples, start=1):
        parts = torch.autograd.grad(losses(model, [example]).sum(), parameters)
        each = layout.join(list(parts))  # (N,)
        slopes.append((each @ edit).item())
        gradient += each
        fisher.addcmul_(each, each)
        on_example(done, len(examples))
    if not torch.isfinite(fisher).all():
        raise RecoveryError("a gradient of the harmed domain is not finite; its checkpoint is broken")
    return Sensitivity(gradient / len(examples), fisher / len(examples), torch.tensor(slopes))


def curvature_along(
    model: Model,
    losses: ExampleMeasure,
    examples: Sequence[Any],
    layout: Layout,
    edit: Tensor,
    on_example: OnExample = lambda _done, _total: None,
) -> float:
    """``d'H d`` with the exact Hessian, one Hessian-vector product an example (Pearlmutter, 1994).

    The model's attention has to be differentiable twice: load it with ``attn_implementation="eager"``.
    """
    layout.freeze_others(model)
    parameters = layout.parameters(model)
    directions = [part.to(p.device, p.dtype) for part, p in zip(layout.split(edit), parameters, strict=True)]
    total = 0.0
    for done, example in enumerate(examples, start=1):
        loss = losses(model, [example]).sum()
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        slope = torch.stack([(g * d).sum() for g, d in zip(gradients, directions, strict=True)]).sum()
        products = torch.autograd.grad(slope, parameters, materialize_grads=True)
        total += sum((h * d).sum().item() for h, d in zip(products, directions, strict=True))
        on_example(done, len(examples))
    return total / len(examples)

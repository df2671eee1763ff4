"""A chain of two quadratic domains, of which everything is known in closed form.

Domain k has the examples' losses ``1/2 (x - c_n)' A_k (x - c_n)``, whose Hessian is A_k wherever x stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.recovery.domain import Domain
from lethe.offline.recovery.parameters import Layout

SIZE = 12


class Point(torch.nn.Module):
    """A model that is a point, in two parameters as a model has several."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(x[:4].clone().view(2, 2))
        self.rest = torch.nn.Parameter(x[4:].clone())

    @property
    def device(self) -> torch.device:
        return self.rest.device

    def forward(self) -> Tensor:
        return torch.cat([self.first.flatten(), self.rest])


def quadratic_domain(name: str, hessian: Tensor, centres: Tensor) -> Domain:
    """A domain with one example a centre; its score falls from 1 with the loss."""

    def losses(model: Point, chosen: Sequence[Tensor]) -> Tensor:
        offsets = model() - torch.stack(list(chosen))  # (examples, N)
        return 0.5 * (offsets @ hessian * offsets).sum(dim=1)

    examples = list(centres)
    return Domain(
        name, examples, examples, examples, losses, lambda model, chosen: torch.exp(-losses(model, chosen))
    )


@dataclass(frozen=True)
class QuadraticChain:
    """Domain 1 was brought to its minimum; domain 2 then moved the point by `edit`."""

    hessian: Tensor
    centres: Tensor
    origin: Tensor
    edit: Tensor
    domain: Domain
    model: Point
    layout: Layout

    def loss(self, x: Tensor) -> float:
        """Domain 1's mean loss, by the formula and not by the model."""
        offsets = x - self.centres
        return (0.5 * (offsets @ self.hessian * offsets).sum(dim=1)).mean().item()


def quadratic_chain(seed: int = 0, *, diagonal: bool = False, spread: float = 0.3) -> QuadraticChain:
    """Draw a chain: a positive definite Hessian, centres that lie `spread` apart, an edit in any direction."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    root = normal(SIZE, SIZE) / SIZE**0.5
    hessian = torch.diag(10.0 ** normal(SIZE)) if diagonal else root @ root.T + 0.1 * torch.eye(SIZE)
    centres = normal(SIZE) + spread * normal(6, SIZE)
    origin = centres.mean(dim=0)
    model = Point(origin)
    domain = quadratic_domain("first", hessian, centres)
    return QuadraticChain(hessian, centres, origin, normal(SIZE), domain, model, Layout.of(model))

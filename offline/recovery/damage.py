"""The damage that a later edit does to an earlier domain: foretold to first and second order, and measured."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.recovery.domain import Domain, Model, mean_of
from lethe.offline.recovery.parameters import Layout
from lethe.offline.recovery.sensitivity import Sensitivity

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Damage:
    """Change of the harmed domain's mean loss along the later edit d, from the end of its own stage.

    Attributes
    ----------
    first_order
        ``g.d``
    fisher_diagonal
        ``1/2 sum F_i d_i^2``
    fisher_full
        ``1/2 d'F d``, which is half the mean square of the examples' slopes along d.
    hessian
        ``1/2 d'H d`` by Hessian-vector products, where it was asked for.
    measured
        What the loss changed by.
    path
        Measured change after each fraction of the edit.
    """

    first_order: float
    fisher_diagonal: float
    fisher_full: float
    hessian: float | None
    measured: float
    path: tuple[tuple[float, float], ...]

    @property
    def foretold(self) -> dict[str, float]:
        """Both orders together, by where the second one is from."""
        seconds = {
            "Fisher, diagonal": self.fisher_diagonal,
            "Fisher, full": self.fisher_full,
            "Hessian, exact": self.hessian,
        }
        return {name: self.first_order + value for name, value in seconds.items() if value is not None}


def damage(
    model: Model,
    domain: Domain,
    layout: Layout,
    start: Tensor,
    edit: Tensor,
    found: Sensitivity,
    curvature: float | None,
) -> Damage:
    """Set what was foretold beside what is measured on the same examples.

    Parameters
    ----------
    model, domain, layout
    start
        Parameters after the domain's own stage, shape (N,).
    edit
        What all later stages changed, shape (N,).
    found
        Of the domain at `start`.
    curvature
        ``d'H d`` at `start`.
    """
    losses = []
    for fraction in FRACTIONS:
        layout.write(model, torch.add(start, edit, alpha=fraction))
        losses.append(mean_of(domain.losses, model, domain.fit))
    return Damage(
        first_order=(found.gradient.double() @ edit.double()).item(),
        fisher_diagonal=0.5 * (found.fisher.double() @ edit.double().square()).item(),
        fisher_full=0.5 * found.slopes.double().square().mean().item(),
        hessian=None if curvature is None else 0.5 * curvature,
        measured=losses[-1] - losses[0],
        path=tuple(zip(FRACTIONS, (loss - losses[0] for loss in losses), strict=True)),
    )

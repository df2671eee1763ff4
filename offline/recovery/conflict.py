"""Which coordinates of a later edit are to blame: ways of scoring them, and the controls that these have to beat."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.recovery.routes import RouteMap


@dataclass(frozen=True)
class CoordinateEvidence:
    """What is known of the coordinates; all but the last of shape (N,).

    Attributes
    ----------
    edit
        What the later stages changed.
    fisher
        Fisher diagonal of the harmed domain before it was.
    harm
        Part of each coordinate in what the harmed domain's loss rose by along the edit.
    gain
        Part of each in what the later domains' losses fell by.
    route
        Of the coordinate's unit: the harmed domain's part of its activity on that and the later domain that uses it
        most; zero where the coordinate belongs to none.
    units
        Which coordinates belong to which unit, where that is known.
    """

    edit: Tensor
    fisher: Tensor
    harm: Tensor
    gain: Tensor
    route: Tensor
    units: RouteMap | None = None

    @classmethod
    def of_edit(cls, edit: Tensor) -> "CoordinateEvidence":
        """Where nothing is known but the edit."""
        nothing = torch.zeros_like(edit)
        return cls(edit, nothing, nothing, nothing, nothing)


# Evidence and a seed to scores of shape (N,). What scores zero or less never enters a set.
Selection = Callable[[CoordinateEvidence, int], Tensor]


def conflict(evidence: CoordinateEvidence, _seed: int) -> Tensor:
    """``F_i d_i^2``: twice what coordinate i adds to the damage, to second order and on the diagonal."""
    return evidence.fisher * evidence.edit.square()


def routes(evidence: CoordinateEvidence, _seed: int) -> Tensor:
    """``F_i d_i^2``, the less the more a later domain uses the coordinate's unit."""
    return evidence.fisher * evidence.edit.square() * evidence.route.square()


def path(evidence: CoordinateEvidence, _seed: int) -> Tensor:
    """Share of the harm less share of the gain: what taking coordinate i back gives the one and costs the others."""
    harm, gain = (part / part.sum().clamp_min(1e-30) for part in (evidence.harm, evidence.gain))
    return (harm - gain) * (evidence.edit != 0)


def units(evidence: CoordinateEvidence, seed: int) -> Tensor:
    """What taking back all of a coordinate's unit gives and costs, as a path has it: units as a whole, the best first."""
    if evidence.units is None:
        return torch.zeros_like(evidence.edit)
    sums = evidence.units.sums(path(evidence, seed))
    return evidence.units.spread(sums, evidence.edit.device) * (evidence.edit != 0)


def random(evidence: CoordinateEvidence, seed: int) -> Tensor:
    """Any coordinate that was edited, by lot."""
    edit = evidence.edit
    generator = torch.Generator(edit.device).manual_seed(seed)
    return torch.rand(edit.shape, generator=generator, device=edit.device) * (edit != 0)


def largest(evidence: CoordinateEvidence, _seed: int) -> Tensor:
    """``d_i^2``: the largest edits, whatever they do to the harmed domain."""
    return evidence.edit.square()


# Those that go by the parts of coordinates in harm and gain.
ATTRIBUTED = ("path", "units")
INFORMED: dict[str, Selection] = {"conflict": conflict, "routes": routes, "path": path, "units": units}
SELECTIONS: dict[str, Selection] = {**INFORMED, "random": random, "largest": largest}


def top(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` highest scores of shape (N,), the highest first; zero and less never count."""
    values, indices = scores.topk(min(count, len(scores)))
    return indices[: int((values > 0).sum())]

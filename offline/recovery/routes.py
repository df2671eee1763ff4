"""Routes: which neurons and attention heads compute a domain, and what edits do to those that domains share.

A unit is a neuron of a gated perceptron, or an attention head. Its activity on a domain is the root mean square of what
it hands on, the input of its layer's output projection, over the positions that predict answers, as a multiple of its
layer's mean. Its coordinates are the rows of the projections that compute it and the columns of the one that it is
handed on by; embeddings and norms belong to no unit. Knows Llama's names of layers: a model with others has no routes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from lethe.offline.recovery.domain import Domain, Model
from lethe.offline.recovery.parameters import Layout

_MATRIX = re.compile(r"(.+\.(?:mlp|self_attn))\.(gate|up|down|q|k|v|o)_proj\.weight")
_HANDED_ON_BY = {"mlp": "down_proj", "self_attn": "o_proj"}
# By block, the name of a perceptron or an attention in the model: one value a unit, shape (units,).
UnitValues = Mapping[str, Tensor]


@dataclass(frozen=True)
class Place:
    """One matrix of a block.

    Attributes
    ----------
    where, shape
        In the vector of parameters.
    columns
        Whether a unit has columns of it, else it has rows.
    parts
        How many groups of rows or columns it has; units share a group evenly where there are fewer of them than units.
    """

    block: str
    where: slice
    shape: tuple[int, ...]
    columns: bool
    parts: int


class RouteMap:
    """Which coordinates belong to which unit.

    Parameters
    ----------
    layout
    heads, key_heads
        Attention heads of a layer, and heads of its keys and values, which several heads may share.
    """

    def __init__(self, layout: Layout, heads: int, key_heads: int) -> None:
        self.layout = layout
        self._heads, self._key_heads = heads, key_heads

    @classmethod
    def of(cls, model: Model, layout: Layout) -> "RouteMap":
        heads = getattr(model.config, "num_attention_heads", 1)
        return cls(layout, heads, getattr(model.config, "num_key_value_heads", None) or heads)

    @cached_property
    def places(self) -> list[Place]:
        """The matrices that are made of units' coordinates."""
        found = []
        for (name, where), shape in zip(self.layout.slices(), self.layout.shapes.values(), strict=True):
            match = _MATRIX.fullmatch(name)
            if match:
                block, kind = match.groups()
                columns = kind in ("down", "o")
                parts = {"q": self._heads, "o": self._heads, "k": self._key_heads, "v": self._key_heads}
                found.append(Place(block, where, shape, columns, parts.get(kind, shape[int(columns)])))
        return found

    @cached_property
    def units(self) -> dict[str, int]:
        """Number of units by block."""
        counts: dict[str, int] = {}
        for place in self.places:
            counts[place.block] = max(counts.get(place.block, 0), place.parts)
        return {
            block: self._heads if block.endswith("self_attn") else count for block, count in counts.items()
        }

    def sums(self, vector: Tensor) -> dict[str, Tensor]:
        """Sum a vector (N,) over each unit's coordinates; what units share is divided among them."""
        found = {block: vector.new_zeros(count) for block, count in self.units.items()}
        for place in self.places:
            lines = vector[place.where].view(place.shape).sum(dim=0 if place.columns else 1)
            parts = lines.view(place.parts, -1).sum(dim=1)
            sharing = self.units[place.block] // place.parts
            found[place.block] += parts.repeat_interleave(sharing) / sharing
        return found

    def spread(self, values: UnitValues, device: torch.device) -> Tensor:
        """Give every coordinate its unit's value, the mean of those that share it, and zero where it has none; (N,)."""
        vector = torch.zeros(self.layout.size, device=device)
        for place in self.places:
            parts = values[place.block].to(device).view(place.parts, -1).mean(dim=1)
            lines = parts.repeat_interleave(place.shape[int(place.columns)] // place.parts)
            vector[place.where].view(place.shape).copy_(lines if place.columns else lines.unsqueeze(1))
        return vector


@dataclass(frozen=True)
class RouteOverlap:
    """How far two domains share their active units, and two edits the units that they change most.

    Attributes
    ----------
    share
        Which share of each block's units is compared.
    active
        Share of the one domain's most active units that are among the other's.
    edited
        Share of the units with the one edit's largest norms that are among the other's.
    norm
        Share of the later edit's squared norm that lies on the units that are active for both domains.
    direction, direction_elsewhere
        Cosine of the two edits on those units, and on all others.
    """

    share: float
    active: float
    edited: float
    norm: float
    direction: float
    direction_elsewhere: float


@torch.no_grad()
def activity(model: Model, domain: Domain, examples: Sequence[Any], routes: RouteMap) -> dict[str, Tensor]:
    """Activity of every unit on some examples of a domain, as multiples of the block's mean."""
    modules = dict(model.named_modules())
    totals: dict[str, Tensor] = {}
    positions = [slice(None)]
    hooks = []
    for block, count in routes.units.items():
        projection = modules[f"{block}.{_HANDED_ON_BY[block.rpartition('.')[2]]}"]

        def take(_module: Any, inputs: tuple[Tensor, ...], block: str = block, count: int = count) -> None:
            handed = inputs[0][0, positions[0]].float()  # (positions, width)
            squares = handed.square().view(len(handed), count, -1).mean(dim=2).sum(dim=0)
            totals[block] = totals.get(block, 0) + squares

        hooks.append(projection.register_forward_pre_hook(take))
    try:
        for example in examples:
            positions[0] = domain.positions(example)
            domain.losses(model, [example])
    finally:
        for hook in hooks:
            hook.remove()
    return {block: relative(total.sqrt()) for block, total in totals.items()}


def relative(values: Tensor) -> Tensor:
    """Values (units,) as multiples of their mean."""
    return values / values.mean().clamp_min(1e-30)


def most(values: UnitValues, share: float) -> dict[str, Tensor]:
    """Marks the share of each block's units with the highest values, at least one."""
    marked = {}
    for block, each in values.items():
        marked[block] = torch.zeros_like(each, dtype=torch.bool)
        marked[block][each.topk(max(1, round(share * len(each)))).indices] = True
    return marked


def shared(one: UnitValues, other: UnitValues) -> float:
    """Share of the one's marked units that the other marks too."""
    both = sum((one[block] & other[block]).sum().item() for block in one)
    return both / max(1, sum(marks.sum().item() for marks in one.values()))


def compare_routes(
    routes: RouteMap, first: UnitValues, second: UnitValues, own: Tensor, later: Tensor, share: float
) -> RouteOverlap:
    """Set the overlap of two domains' routes beside that of their edits.

    Parameters
    ----------
    first, second
        Activities of the harmed domain and of a later one.
    own, later
        The edits that each stage made, shape (N,).
    share
        Which share of each block's units counts as active.
    """
    active = most(first, share), most(second, share)
    edited = most(routes.sums(own.square()), share), most(routes.sums(later.square()), share)
    both = {block: (marks & active[1][block]).float() for block, marks in active[0].items()}
    inside = routes.spread(both, own.device) > 0
    return RouteOverlap(
        share=share,
        active=shared(*active),
        edited=shared(*edited),
        norm=(later[inside].square().sum() / later.square().sum().clamp_min(1e-30)).item(),
        direction=_cosine(own[inside], later[inside]),
        direction_elsewhere=_cosine(own[~inside], later[~inside]),
    )


def _cosine(one: Tensor, other: Tensor) -> float:
    return (one @ other / (one.norm() * other.norm()).clamp_min(1e-30)).item()

"""The parameters of a model as one long vector, which the arithmetic of edits is written in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Which parameters stand where in the vector.

    Attributes
    ----------
    shapes
        The parameters in their order, by the model's own names.
    """

    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, model: torch.nn.Module) -> "Layout":
        """All parameters of a model; one that is tied to another counts once."""
        return cls({name: tuple(parameter.shape) for name, parameter in model.named_parameters()})

    @property
    def size(self) -> int:
        """Number of coordinates, N."""
        return sum(prod(shape) for shape in self.shapes.values())

    def slices(self) -> Iterator[tuple[str, slice]]:
        """Where each parameter stands."""
        start = 0
        for name, shape in self.shapes.items():
            yield name, slice(start, start + prod(shape))
            start += prod(shape)

    def parameters(self, model: Any) -> list[torch.nn.Parameter]:
        """The model's parameters in the vector's order."""
        named = dict(model.named_parameters())
        return [named[name] for name in self.shapes]

    def freeze_others(self, model: Any) -> None:
        """Let gradients reach these parameters alone."""
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.shapes)

    def read(self, model: Any) -> Tensor:
        """A copy of the parameters, shape (N,), where they are, float32 unless they are more precise."""
        return self.join([parameter.detach() for parameter in self.parameters(model)])

    @torch.no_grad()
    def write(self, model: Any, vector: Tensor) -> None:
        """Put a vector of shape (N,) into the model."""
        for parameter, part in zip(self.parameters(model), self.split(vector), strict=True):
            parameter.copy_(part)

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a vector (N,) in the shapes of the parameters."""
        return [
            vector[where].view(shape)
            for (_, where), shape in zip(self.slices(), self.shapes.values(), strict=True)
        ]

    def join(self, parts: list[Tensor]) -> Tensor:
        """The vector (N,) of tensors in the shapes of the parameters."""
        dtype = torch.promote_types(parts[0].dtype, torch.float32)
        vector = torch.empty(self.size, dtype=dtype, device=parts[0].device)
        for view, part in zip(self.split(vector), parts, strict=True):
            view.copy_(part)
        return vector

"""A domain: what a stage of the chain was trained on, and how it is scored.

The arithmetic of recovery knows a domain by two functions alone, so it serves whatever has a differentiable loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Model = Any
ExampleMeasure = Callable[[Model, Sequence[Any]], Tensor]


@dataclass(frozen=True)
class Domain:
    """One domain.

    Attributes
    ----------
    fit
        Examples that gradients are taken on.
    held_out
        Examples that settings are chosen on.
    test
        Examples that are reported on, and used for nothing else.
    losses
        Loss of each of some examples, shape (examples,), differentiable.
    scores
        Score of each of some examples, shape (examples,), the higher the better.
    positions
        Where the model reads an example and predicts its answer; everywhere by default.
    """

    name: str
    fit: Sequence[Any]
    held_out: Sequence[Any]
    test: Sequence[Any]
    losses: ExampleMeasure
    scores: ExampleMeasure
    positions: Callable[[Any], slice] = lambda _example: slice(None)


def mean_of(measure: ExampleMeasure, model: Model, examples: Sequence[Any], batch_size: int = 32) -> float:
    """Mean of a loss or score over examples."""
    return each_of(measure, model, examples, batch_size).mean().item()


@torch.no_grad()
def each_of(measure: ExampleMeasure, model: Model, examples: Sequence[Any], batch_size: int = 32) -> Tensor:
    """A loss or score of each example, shape (examples,)."""
    parts = [measure(model, examples[i : i + batch_size]) for i in range(0, len(examples), batch_size)]
    return torch.cat(parts).double()

"""A corruption request worked out for one prompt: which position gets what.

Token orders and row changes may follow one another, and a prompt may be computed in chunks, so each row must
know by itself where its embedding comes from and where that stood when it was changed. Knows nothing of
engines; works on the processor, in NumPy, once a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS, TokenOrder
from lethe.corruption.request import (
    CorruptionRequest,
    CorruptionRequestError,
    PlacedCorruption,
    all_but_last,
)

TokenIndices = NDArray[np.int64]


@dataclass(frozen=True)
class Stage:
    """One row change of a plan.

    Attributes
    ----------
    corruption
        What is done.
    rows
        The prompt positions it ends up at, rising.
    sites
        For each of them the position at which the change was made, which its noise belongs to. Differs from
        ``rows`` only where a later token order moved the embedding.
    """

    corruption: Corruption
    rows: TokenIndices
    sites: TokenIndices


@dataclass(frozen=True)
class Plan:
    """What happens to a prompt's embeddings.

    Attributes
    ----------
    touched
        Every position whose embedding differs from the clean one, rising.
    sources
        For each touched position, the position of the token whose embedding stands there.
    stages
        The changes to make there, in order.
    """

    touched: TokenIndices
    sources: TokenIndices
    stages: tuple[Stage, ...]

    def window(self, start: int, end: int) -> Plan:
        """Give the part that falls on the positions [start, end)."""
        low, high = np.searchsorted(self.touched, (start, end))
        stages = []
        for stage in self.stages:
            first, last = np.searchsorted(stage.rows, (start, end))
            if first < last:
                stages.append(Stage(stage.corruption, stage.rows[first:last], stage.sites[first:last]))
        return Plan(self.touched[low:high], self.sources[low:high], tuple(stages))


def make_plan(request: CorruptionRequest, prompt_tokens: int) -> Plan:
    """Work a request out for a prompt of `prompt_tokens` tokens.

    Raises
    ------
    CorruptionRequestError
        A range reaches past the prompt.
    """
    # standing[p] is the token whose embedding stands at p; every token stands somewhere.
    standing = np.arange(prompt_tokens, dtype=np.int64)
    changes: list[tuple[Corruption, TokenIndices, TokenIndices]] = []
    touched = np.zeros(prompt_tokens, dtype=bool)
    for placed in request.placed:
        selected = _selected(placed, prompt_tokens)
        touched[selected] = True
        function = FUNCTIONS[placed.corruption.function]
        if isinstance(function, TokenOrder):
            standing[selected] = standing[selected][function.apply(len(selected), placed.corruption.seed)]
        else:
            changes.append((placed.corruption, standing[selected], selected))
    final = np.empty_like(standing)
    final[standing] = np.arange(prompt_tokens)
    positions = np.flatnonzero(touched)
    return Plan(
        touched=positions,
        sources=standing[positions],
        stages=tuple(_stage(corruption, final[tokens], sites) for corruption, tokens, sites in changes),
    )


def _stage(corruption: Corruption, rows: TokenIndices, sites: TokenIndices) -> Stage:
    order = np.argsort(rows, kind="stable")
    return Stage(corruption, rows[order], sites[order])


def _selected(placed: PlacedCorruption, prompt_tokens: int) -> TokenIndices:
    ranges = all_but_last(prompt_tokens) if placed.ranges is None else placed.ranges
    if ranges[-1][1] > prompt_tokens:
        raise CorruptionRequestError(
            f"token range {list(ranges[-1])} of {placed.target!r} reaches past the prompt's {prompt_tokens} tokens"
        )
    return np.concatenate([np.arange(start, end, dtype=np.int64) for start, end in ranges])

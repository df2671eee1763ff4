"""Which rows of a step's batch are corrupted, and how: bookkeeping in NumPy, no loop over tokens.

The same for both of vLLM's runners; knows nothing of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.corruption.artifact import Corruption
from lethe.corruption.plan import Plan
from lethe.corruption.vllm_plugin.applied import applied_plan, is_flagged

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """A row change for the rows of every request in the step that wants the same one.

    Attributes
    ----------
    corruption
        What is done.
    places
        Which of the step's corrupted rows it is done to: indices into `StepCorruption.rows`.
    sites
        Absolute prompt position of each, which its noise belongs to.
    """

    corruption: Corruption
    places: Indices
    sites: Indices


@dataclass(frozen=True)
class StepCorruption:
    """What must be done in one step.

    Attributes
    ----------
    rows
        Rows of the batch, one a scheduled token, that get another embedding.
    token_ids
        For each of them, the token whose embedding is taken.
    changes
        What is then done to these embeddings, in order.
    """

    rows: Indices
    token_ids: Indices
    changes: tuple[Change, ...]

    def among(self, kept: NDArray[np.bool_]) -> "StepCorruption":
        """Give the same for a batch of which some rows are left out, none of them corrupted.

        Parameters
        ----------
        kept
            Of each row of the batch, whether it stays.
        """
        return replace(self, rows=np.cumsum(kept)[self.rows] - 1)


@dataclass(frozen=True)
class _Prompt:
    token_ids: Indices
    plan: Plan
    end: int


class FlaggedPrompts:
    """The corrupted prompts among the requests that a worker knows."""

    def __init__(self) -> None:
        self._prompts: dict[str, _Prompt] = {}

    def __len__(self) -> int:
        return len(self._prompts)

    def add(self, request_id: str, sampling_params: Any, token_ids: Sequence[int] | None) -> None:
        """Note a request that came to the worker; also one that comes again, after preemption."""
        self._prompts.pop(request_id, None)
        if token_ids is None or not is_flagged(sampling_params):
            return
        plan = applied_plan(request_id, sampling_params.extra_args, len(token_ids))
        if len(plan.touched):
            self._prompts[request_id] = _Prompt(
                np.asarray(token_ids, dtype=np.int64), plan, end=int(plan.touched[-1]) + 1
            )

    def discard(self, request_id: str) -> None:
        """Forget a request that ended."""
        self._prompts.pop(request_id, None)

    def step(
        self, request_ids: Sequence[str | None], computed: NDArray[Any], starts: NDArray[Any]
    ) -> StepCorruption | None:
        """Work out what a step needs; None if nothing.

        Parameters
        ----------
        request_ids
            In the order of the batch.
        computed
            Tokens of each that were computed before this step, shape (requests,).
        starts
            First row of each in the batch and one past the last row, shape (requests + 1,).
        """
        if not self._prompts:
            return None
        rows: list[Indices] = []
        token_ids: list[Indices] = []
        changes: dict[tuple[int, Corruption], list[tuple[Indices, Indices]]] = {}
        base = 0
        for index, request_id in enumerate(request_ids):
            prompt = self._prompts.get(request_id) if request_id is not None else None
            if prompt is None or computed[index] >= prompt.end:
                continue
            first, row = int(computed[index]), int(starts[index])
            part = prompt.plan.window(first, first + int(starts[index + 1]) - row)
            if not len(part.touched):
                continue
            rows.append(part.touched + (row - first))
            token_ids.append(prompt.token_ids[part.sources])
            for order, stage in enumerate(part.stages):
                places = np.searchsorted(part.touched, stage.rows) + base
                changes.setdefault((order, stage.corruption), []).append((places, stage.sites))
            base += len(part.touched)
        if not rows:
            return None
        return StepCorruption(
            rows=np.concatenate(rows),
            token_ids=np.concatenate(token_ids),
            changes=tuple(
                Change(
                    corruption,
                    places=np.concatenate([places for places, _ in parts]),
                    sites=np.concatenate([sites for _, sites in parts]),
                )
                for (_, corruption), parts in sorted(changes.items(), key=lambda item: item[0][0])
            ),
        )

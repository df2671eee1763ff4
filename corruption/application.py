"""Corruptions carried out on torch tensors, in any dtype and on any device."""

from functools import lru_cache

import torch
from torch import Tensor

from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS, Parameters, RowChange
from lethe.corruption.noise import SeededNoise
from lethe.corruption.plan import Plan

# Keeps sums of squares within float32, so that the norms of a model stay finite.
_MAX_MAGNITUDE = 1e15


def change_rows(rows: Tensor, corruption: Corruption, sites: Tensor) -> Tensor:
    """Change embeddings by a row change.

    Parameters
    ----------
    rows
        Embeddings of selected tokens, shape (T, d). Left as they are.
    corruption
        Its function must be a `lethe.corruption.functions.RowChange`.
    sites
        Absolute prompt position of each row, shape (T,), int64, on the same device.

    Returns
    -------
    Tensor
        New rows in the dtype of the old, all finite if those were.
    """
    function = FUNCTIONS[corruption.function]
    if not isinstance(function, RowChange):
        raise TypeError(f"{corruption.function} moves tokens; make a plan of it with lethe.corruption.plan")
    vector = corruption.vector
    parameters = Parameters(
        strength=float(corruption.strength),
        dims=min(corruption.dims, rows.shape[1]),
        vector=None if vector is None else _on_device(vector, rows.device),
    )
    changed = function.apply(rows, parameters, SeededNoise(corruption.seed, sites))
    limit = min(_MAX_MAGNITUDE, torch.finfo(rows.dtype).max)
    return changed.clamp(-limit, limit)


def corrupt_prompt(embeddings: Tensor, plan: Plan) -> Tensor:
    """Carry out a plan on the embeddings of its whole prompt, shape (prompt_tokens, d); gives new ones."""
    corrupted = embeddings.clone()
    touched, sources = (
        torch.from_numpy(array).to(embeddings.device) for array in (plan.touched, plan.sources)
    )
    corrupted[touched] = embeddings[sources]
    for stage in plan.stages:
        rows, sites = (torch.from_numpy(array).to(embeddings.device) for array in (stage.rows, stage.sites))
        corrupted[rows] = change_rows(corrupted[rows], stage.corruption, sites)
    return corrupted


@lru_cache(maxsize=64)
def _on_device(vector: tuple[float, ...], device: torch.device) -> Tensor:
    # Copying from ordinary memory waits for the device, which a step of an engine must not do each time.
    with torch.inference_mode(False):
        return torch.tensor(vector, dtype=torch.float32, device=device)

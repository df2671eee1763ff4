"""Writes an adapter into a target's bundle, with what its training recorded."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lethe.bundle import Action, BaseModel, Bundle, Made, action_given
from lethe.offline.recording import record
from lethe.offline.training.peft_folder import LowRankAdapter, peft_files


def record_adapter(
    adapter: LowRankAdapter,
    folder: Path,
    base_model: BaseModel,
    figures: Mapping[str, Any],
    pictures: Mapping[str, Path] | None = None,
    composes: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> Bundle:
    """Put an adapter and what is known of it into a bundle.

    A bundle that could only observe, or is new, gets the action ``adapter``; any other keeps its action.

    Parameters
    ----------
    folder
        The bundle; made if it is not there.
    figures
        For the manifest's metrics, under ``adapter``.
    pictures
        By name; they stand in ``figures/``.
    composes
        For a mixture: the targets whose adapters are in it.
    dtype
        Type of the adapter's weights in the bundle.

    Raises
    ------
    BundleError
        The bundle that stands there cannot be read, or the name cannot be one.
    CorruptionError
        The bundle's corruption cannot be read.
    """
    action = action_given(folder, Action.ADAPTER)
    with tempfile.TemporaryDirectory() as scratch:
        files: dict[str, Path | bytes | None] = {
            f"adapter/{name}": path for name, path in peft_files(adapter, Path(scratch), dtype).items()
        }
        files |= {f"figures/{name}": path for name, path in (pictures or {}).items()}
        made = Made(base_model, files, {"adapter": dict(figures)})
        return record(folder, {}, made, action=action, composes=composes)

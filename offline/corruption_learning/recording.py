"""Writes a learned corruption into its bundle, with what was measured."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lethe.bundle import Action, BaseModel, Bundle, Made, action_given
from lethe.corruption.artifact import save_corruption
from lethe.offline.corruption_learning.learn import LearnedCorruption
from lethe.offline.corruption_learning.objective import Measurement
from lethe.offline.corruption_learning.plot import plot_search
from lethe.offline.recording import record

_COMPARED = 12


def record_corruption(
    learned: LearnedCorruption,
    folder: Path,
    model: str,
    base_model: BaseModel,
    further: Mapping[str, Any] | None = None,
) -> Bundle:
    """Put the corruption, its picture and its figures into a bundle; one that could only observe corrupts from now on.

    Parameters
    ----------
    folder
        The bundle; made if it is not there.
    model
        Name of the model that was measured.
    base_model
        Its identity; recorded so that the corruption is applied to no other.
    further
        Figures beside those of the search.

    Raises
    ------
    BundleError
        The bundle that stands there cannot be read.
    """
    action = action_given(folder, Action.CORRUPT)
    with tempfile.TemporaryDirectory() as scratch:
        artifact, picture = Path(scratch) / "corruption.safetensors", Path(scratch) / "corruption.png"
        save_corruption(learned.corruption, artifact)
        plot_search(learned, picture)
        files = {artifact.name: artifact, f"figures/{picture.name}": picture}
        made = Made(base_model, files, {"corruption": _figures(learned, model) | dict(further or {})})
        return record(folder, {}, made, action=action)


def _figures(learned: LearnedCorruption, model: str) -> dict[str, Any]:
    corruption = learned.corruption
    figures: dict[str, Any] = {
        "model": model,
        "function": corruption.function,
        "strength": corruption.strength,
        "dims": corruption.dims,
        "positions": corruption.positions,
        "distance": learned.distance,
        "left": learned.left,
        "surrogate": dict(learned.surrogate),
        "searched_on": {"clean": _values(learned.clean), "corrupted": _values(learned.corrupted)},
        "compared": [
            {
                "function": candidate.corruption.function,
                "strength": candidate.corruption.strength,
                "dims": candidate.corruption.dims,
                "positions": candidate.corruption.positions,
                "distance": candidate.distance,
            }
            for candidate in learned.candidates[:_COMPARED]
        ],
        "candidates": len(learned.candidates),
    }
    if learned.held_out_clean and learned.held_out_corrupted:
        figures["held_out"] = {
            "clean": _values(learned.held_out_clean),
            "corrupted": _values(learned.held_out_corrupted),
        }
    return figures


def _values(measurement: Measurement) -> dict[str, Any]:
    return {**measurement.values, "questions": len(measurement.outputs)}

"""The one way of a job's outcome into a bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lethe.bundle import Bundle, Made, keep_version, update_bundle
from lethe.offline.model_card import write_card


def record(
    folder: Path, files: Mapping[str, Path | bytes | None], made: Made | None = None, **manifest: Any
) -> Bundle:
    """Make or change a bundle as `lethe.bundle.update_bundle` does, and write its card anew; the version before is kept.

    Raises
    ------
    BundleError
        The bundle that stands there cannot be read, or a change does not fit the manifest.
    CorruptionError
        The bundle's corruption cannot be read.
    """
    keep_version(folder)
    update_bundle(folder, files, made, **manifest)
    return write_card(folder)

"""How much of the disk what is pulled may take: who may write where it comes from must not be able to fill it."""

import shutil
from pathlib import Path

from lethe.bundle.errors import BundleError

# A manifest of more is no bundle's.
MOST_MANIFEST_BYTES = 4 << 20


def require_room(size: int, folder: Path, reference: str) -> None:
    """Check that so many bytes may come into a folder.

    Raises
    ------
    BundleError
        They would take more than half of what is free there.
    """
    free = shutil.disk_usage(folder).free
    if size > free // 2:
        raise BundleError(
            f"{reference} says that it has {size >> 20} MiB, more than half of the {free >> 20} MiB that are free for it"
        )

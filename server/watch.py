"""Files and folders that are watched, so that what an operator puts there comes into force by itself."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from watchfiles import awatch

# A bundle being copied in is many events; they are taken together while they keep coming.
_QUIET_MS = 300
_LONGEST_MS = 3000


async def watch(paths: Sequence[Path], on_change: Callable[[], Awaitable[None]]) -> None:
    """Call back after every burst of changes beneath some paths, until cancelled.

    Parameters
    ----------
    paths
        Folders, watched with all that is in them, or files.

    Raises
    ------
    OSError
        A path is missing, or the system grants no more watches.
    """
    changes = awatch(
        *paths, watch_filter=None, step=_QUIET_MS, debounce=_LONGEST_MS, ignore_permission_denied=True
    )
    async for _ in changes:
        await on_change()

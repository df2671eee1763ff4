"""Files and folders that are watched, so that what an operator puts there comes into force by itself."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from watchfiles import awatch

# A bundle being copied in is many events; they are taken together while they keep coming.
_QUIET_MS = 300
_LONGEST_MS = 3000


async def watch(path: Path, on_change: Callable[[], Awaitable[None]]) -> None:
    """Call back after every burst of changes of a file, or of all that is in a folder, until cancelled.

    Raises
    ------
    OSError
        The folder is missing, or the system grants no more watches.
    """
    is_folder = path.is_dir()
    # A file that is replaced as a whole is another file, so it is watched by its folder.
    changes = awatch(
        path if is_folder else path.parent,
        watch_filter=None if is_folder else lambda _, changed: Path(changed).name == path.name,
        recursive=is_folder,
        step=_QUIET_MS,
        debounce=_LONGEST_MS,
        ignore_permission_denied=True,
    )
    async for _ in changes:
        await on_change()

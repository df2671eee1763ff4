"""Files and folders that are watched, so that what an operator puts there comes into force by itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Hashable
from itertools import chain
from pathlib import Path

from watchfiles import awatch

# A bundle being copied in is many events; they are taken together while they keep coming.
_QUIET_MS = 300
_LONGEST_MS = 3000
# Some changes come without an event: on network mounts, behind links that lead elsewhere, before the watch was set.
_LOOK_MS = 2000


class Watch:
    """Tells of changes of a file, or of all that is in a folder, since the watch was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _state(path)

    async def run(self, on_change: Callable[[], Awaitable[None]]) -> None:
        """Call back after every burst of changes, until cancelled.

        Raises
        ------
        OSError
            The folder is missing, or the system grants no more watches.
        """
        is_folder = self._path.is_dir()
        # A file that is replaced as a whole, or by a link to another, is another file: it is watched by its folder.
        looks = awatch(
            self._path if is_folder else self._path.parent,
            watch_filter=None,
            recursive=is_folder,
            step=_QUIET_MS,
            debounce=_LONGEST_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async for _ in looks:
            state = await asyncio.to_thread(_state, self._path)
            if state != self._seen:
                self._seen = state
                await on_change()


def _state(path: Path) -> Hashable:
    if path.is_dir():
        found = (os.path.join(parent, name) for parent, *names in os.walk(path) for name in chain(*names))
        return frozenset((each, _identity(os.lstat, each)) for each in found)
    return _identity(os.stat, path)


def _identity(look: Callable[[str | Path], os.stat_result], path: str | Path) -> Hashable:
    try:
        found = look(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

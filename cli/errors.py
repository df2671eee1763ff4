"""How a verb fails: one line on standard error and exit status 1, never a traceback for what people can mend."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import typer

from lethe.bundle.errors import LetheError
from lethe.cli.tables import printable
from lethe.models.cache import cache_folder


class UsageError(LetheError):
    """An option that cannot be; the message says what would be right."""


# What a write says, without the file that it was of.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _of_cache(file: object) -> str:
    """What would be right where a file is of the cache, or a folder that the cache is in; else nothing."""
    cache, place = cache_folder(), Path(str(file))
    of_cache = place.is_relative_to(cache) or cache.is_relative_to(place)
    return "; LETHE_CACHE_DIR names another folder for the cache" if of_cache else ""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn what people can mend into one line and a non-zero exit."""
    try:
        yield
    except (LetheError, OSError) as error:
        said = str(error)
        if isinstance(error, OSError):
            # Of a file that it names, the user can do something about it.
            if error.filename is None and error.errno not in _NO_ROOM:
                raise
            # Where there is no room, the file that is named may be one that is read.
            said = (
                f"{error.strerror}; make room, and give the command again"
                if error.errno in _NO_ROOM
                else f"{error.strerror}: {error.filename!r}{_of_cache(error.filename)}"
            )
        typer.echo(f"lethe: {printable(' '.join(said.split()))}", err=True)
        raise typer.Exit(1) from None

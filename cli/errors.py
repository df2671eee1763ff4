"""How a verb fails: one line on standard error and exit status 1, never a traceback for what people can mend."""

import contextlib
import errno
from collections.abc import Iterator

import typer

from lethe.bundle.errors import LetheError
from lethe.cli.tables import printable


class UsageError(LetheError):
    """An option that cannot be; the message says what would be right."""


# What a write says, without the file that it was of.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
            place = "" if error.filename is None else f": {error.filename!r}"
            more = "; make room, and give the command again" if error.errno in _NO_ROOM else ""
            said = f"{error.strerror}{place}{more}"
        typer.echo(f"lethe: {printable(' '.join(said.split()))}", err=True)
        raise typer.Exit(1) from None

"""How a verb fails: one line on standard error and exit status 1, never a traceback for what people can mend."""

import contextlib
from collections.abc import Iterator

import typer

from lethe.bundle.errors import LetheError
from lethe.cli.tables import printable


class UsageError(LetheError):
    """An option that cannot be; the message says what would be right."""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn what people can mend into one line and a non-zero exit."""
    try:
        yield
    except (LetheError, OSError) as error:
        # Of a file that it names, the user can do something about it.
        if isinstance(error, OSError) and error.filename is None:
            raise
        typer.echo(f"lethe: {printable(' '.join(str(error).split()))}", err=True)
        raise typer.Exit(1) from None

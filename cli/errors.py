"""How a verb fails: one line on standard error and exit status 1, never a traceback for what was foreseen."""

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def reported(*foreseen: type[Exception]) -> Iterator[None]:
    """Turn foreseen errors into one line and a non-zero exit."""
    try:
        yield
    except foreseen as error:
        typer.echo(f"lethe: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from None

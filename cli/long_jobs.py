"""How a verb that takes long shows where it is, and how it ends when it is interrupted."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lethe.offline.progress import Progress

_INTERRUPTED = 130


@contextlib.contextmanager
def long_job(kept: str | None = None) -> Iterator["Progress"]:
    """Show a job's stages; an interruption becomes one line and exit status 130.

    Parameters
    ----------
    kept
        What the same command does not do again after an interruption; stages that are behind are among it where the
        job counts them. None where it does all of it again.
    """
    from lethe.offline.progress import ConsoleProgress

    # Of the processes that `accelerate launch` starts, one speaks.
    speaks = os.environ.get("RANK", "0") == "0"
    notice = "ctrl-C interrupts it; " + (
        f"the same command then goes on, and keeps {kept}" if kept else "nothing is kept then"
    )
    progress = ConsoleProgress(shown=speaks, notice=notice)
    try:
        with progress:
            yield progress
    except KeyboardInterrupt:
        if speaks:
            where = f" at {progress.under_way}" if progress.under_way else ""
            onward = "goes on from this stage" if progress.counts else "goes on"
            end = f"{onward}, and keeps {kept}" if kept else "begins anew"
            typer.echo(f"lethe: interrupted{where}; the same command {end}", err=True)
        raise typer.Exit(_INTERRUPTED) from None

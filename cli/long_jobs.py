"""How a verb that takes long shows where it is, and how it ends when it is interrupted."""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lethe.offline.progress import Progress

_INTERRUPTED = 130


def is_first_process() -> bool:
    """Whether this is the one that speaks and records, of those that `accelerate launch` starts."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def long_job(kept: str | None = None, *, resumes: bool = True) -> Iterator["Progress"]:
    """Show a job's stages; an interruption, or a signal to stop, becomes one line and exit status 130.

    Parameters
    ----------
    kept
        What the same command does not do again after an interruption. None where it does all of it again.
    resumes
        Whether stages that are behind are among it, where the job counts them; otherwise it begins with the first.
    """
    from lethe.offline.progress import ConsoleProgress

    speaks = is_first_process()
    onward = "goes on" if resumes else "begins anew"
    notice = "ctrl-C interrupts it; " + (
        f"the same command then {onward}, and keeps {kept}" if kept else "nothing is kept then"
    )
    progress = ConsoleProgress(shown=speaks, notice=notice)
    try:
        with _stopped_as_interrupted(), progress:
            yield progress
    except KeyboardInterrupt:
        if speaks:
            where = f" at {progress.under_way}" if progress.under_way else ""
            if resumes and progress.counts:
                onward += " from this stage"
            end = f"{onward}, and keeps {kept}" if kept else "begins anew"
            typer.echo(f"lethe: interrupted{where}; the same command {end}", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _stopped_as_interrupted() -> Iterator[None]:
    """Have what stops a container or closes a terminal interrupt a job too.

    By themselves these signals end a process amid what it writes, or not at all if it is the first of its container.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Whoever started it may have had one ignored, as nohup does.
    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in heard:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in heard:
            signal.signal(each, signal.SIG_DFL)

"""`lethe` as a process that is forked from one which has imported it: that takes longer than most tests of it."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = ["lethe.cli.main", "lethe.models.locate", "lethe.server.serve"]


@dataclass
class LetheProcess:
    """A running `lethe`, and what it writes.

    Attributes
    ----------
    stdout, stderr : Connection
        The ends that its output comes out of.
    """

    process: ForkServerProcess
    stdout: Connection
    stderr: Connection

    @property
    def returncode(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.process.exitcode

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    async def wait(self) -> int | None:
        """Wait until it has ended; gives its exit status."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self.process.sentinel)
        self.process.join()
        return self.process.exitcode


def start_lethe(*arguments: str, environment: Mapping[str, str], one_output: bool = False) -> LetheProcess:
    """Start a verb with an environment of its own.

    Parameters
    ----------
    one_output
        Whether it writes its errors where it writes all else.
    """
    # A process of tests has one server, that of engines too: it imports what its first user wants.
    _CONTEXT.set_forkserver_preload(_IMPORTED)
    stdout, out = _CONTEXT.Pipe(duplex=False)
    stderr, err = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(
        target=_run, args=(arguments, dict(environment), out, out if one_output else err)
    )
    process.start()
    out.close()
    err.close()
    return LetheProcess(process, stdout, stderr)


def everything(output: Connection) -> str:
    """All that comes out of an end, until the other is closed."""
    with os.fdopen(os.dup(output.fileno()), "rb") as file:
        return file.read().decode()


async def lines(output: Connection) -> asyncio.StreamReader:
    """What comes out of an end, as a stream."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(output.fileno()), "rb")
    )
    return reader


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Connection, err: Connection) -> None:
    from lethe.cli.main import main

    for output, number in ((out, 1), (err, 2)):
        os.dup2(output.fileno(), number)
    # Those that there are know of the server's own output whether it can be sought in.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    out.close()
    err.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["lethe", *arguments]
    main()

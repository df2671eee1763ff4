"""vLLM's server as a process that is forked from one which has imported it: that is most of what a start takes."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = "bench.engine.imported_vllm"
_MODULE = "vllm.entrypoints.launchers.api_server.entry"


def start_server(
    *arguments: str,
    environment: Mapping[str, str],
    log: Path | int,
    changed: Callable[[], None] | None = None,
) -> ForkServerProcess:
    """Start it with an environment of its own, in a group of its own, and do not wait.

    Parameters
    ----------
    log
        What it says is added there: to a file, or to one that is open.
    changed
        Changes what it has imported, before it does anything.
    """
    # A process of tests has one server, that of other engines and of `lethe` too: it imports what its first user wants.
    _CONTEXT.set_forkserver_preload([_IMPORTED, _MODULE])
    number = os.dup(log) if isinstance(log, int) else os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with Connection(number, readable=False) as output:
        process = _CONTEXT.Process(target=_run, args=(arguments, dict(environment), output, changed))
        process.start()
    return process


def end_server(process: ForkServerProcess) -> None:
    """End it at once, and what it has started."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # It may not have come to have a group.
    process.kill()
    process.join()


def _run(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    output: Connection,
    changed: Callable[[], None] | None,
) -> None:
    os.setsid()
    with output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)

    import torch._dynamo.config as dynamo
    from vllm.entrypoints.launchers.api_server.entry import main

    import bench.engine.imported_vllm  # noqa: F401

    # PyTorch looked at the variable when it was imported, in the process that this one was forked from.
    dynamo.disable = os.environ.get("TORCHDYNAMO_DISABLE") == "1"
    if changed:
        changed()
    sys.argv = [_MODULE, *arguments]
    main()

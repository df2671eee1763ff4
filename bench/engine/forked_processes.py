"""Processes of an engine that are forked from the one that starts it.

vLLM's CPU build has each import all anew, which is most of what starting a small engine takes.
"""

import multiprocessing
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace


def fork_processes() -> None:
    """Give vLLM forked processes, whichever it asks for."""
    from vllm.utils import system_utils

    forked = multiprocessing.get_context("fork")
    # The only one who names how a process is started; others have its function by a name of their own.
    system_utils.__dict__["multiprocessing"] = SimpleNamespace(get_context=lambda method: forked)
    os.register_at_fork(after_in_child=_leave_the_server)


def _leave_the_server() -> None:
    """Keep nothing of the server that forked this process by which it would go on in its place."""
    # Else a signal that stops an engine is told to the event loop of its server, too.
    signal.set_wakeup_fd(-1)
    # Else its port takes connections that nobody answers, once the server itself takes none.
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as found:
            serves = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
            if serves and not _is_connected(found):
                os.close(number)


def _is_connected(found: socket.socket) -> bool:
    try:
        found.getpeername()
    except OSError:
        return False
    return True

"""Processes of an engine that are forked from the one that starts it.

vLLM's CPU build has each import all anew, which is most of what starting a small engine takes.
"""

import multiprocessing
import os
import signal
from types import SimpleNamespace


def fork_processes() -> None:
    """Give vLLM forked processes, whichever it asks for."""
    from vllm.utils import system_utils

    forked = multiprocessing.get_context("fork")
    # The only one who names how a process is started; others have its function by a name of their own.
    system_utils.__dict__["multiprocessing"] = SimpleNamespace(get_context=lambda method: forked)
    # Else a signal that stops an engine is told to the event loop of its server, too.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))

"""Engines for comparison, each in a process group of its own that is stopped except while it is asked.

So several can be ready at once, and be measured in turn, without taking the machine from one another.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class StoppedEngine:
    """An engine behind `answer_loads`, in a process that it is started by.

    Parameters
    ----------
    name
        For messages.
    command
        Starts it.
    environment
        Variables beside those of this process.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]):
        reader, writer = os.pipe()
        self._process = subprocess.Popen(
            command,
            env={
                "VLLM_CPU_KVCACHE_SPACE": "1",
                **os.environ,
                **environment,
                "BENCH_ANSWERS": str(writer),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        self._name = name
        self._answers = os.fdopen(reader)

    def wait_until_ready(self) -> None:
        """Wait until it has loaded, and stop it."""
        if self._answers.readline().strip() != "ready":
            raise SystemExit(f"the engine '{self._name}' did not start")
        self._signal(signal.SIGSTOP)

    def ask(self, *load: Any) -> Any:
        """What it measured of a load."""
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        print(json.dumps(load), file=self._process.stdin, flush=True)
        measured = json.loads(self._answers.readline())
        self._signal(signal.SIGSTOP)
        return measured

    def stop(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)


def answer_loads(run: Callable[..., Any]) -> None:
    """Be the other end of a `StoppedEngine`: call ``run(*load)`` for each load until nothing more comes."""
    answers = os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), file=answers, flush=True)

"""Engines that take turns: each is a process group of its own, and stopped except while it is asked.

So whatever the machine does meanwhile falls on all alike, and none slows another.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


class StoppedEngine:
    """An engine that is stopped except while it is asked.

    Parameters
    ----------
    name
        What to call it where it does not start.
    command
        Arguments of the Python that is it; it calls `answer_loads`.
    log
        What it says is kept there; without one, warnings and errors go to standard error.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path | None = None
    ) -> None:
        reader, writer = os.pipe()
        said = sys.stderr if log is None else log.open("w")
        level = {"VLLM_LOGGING_LEVEL": "WARNING"} if log is None else {}
        self._process = subprocess.Popen(
            [sys.executable, *command],
            env={
                "VLLM_CPU_KVCACHE_SPACE": "1",
                **level,
                **os.environ,
                **environment,
                "BENCH_ANSWERS": str(writer),
            },
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            text=True,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        self._name = name
        self._answers = os.fdopen(reader)

    def wait_until_ready(self) -> None:
        """Wait until it has started, and stop it."""
        if self._answers.readline().strip() != "ready":
            raise SystemExit(f"the engine '{self._name}' did not start")
        self._signal(signal.SIGSTOP)

    def tokens_per_second(self, *load: Any) -> float:
        """Let it run for one load."""
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        print(json.dumps(load), file=self._process.stdin, flush=True)
        rate = json.loads(self._answers.readline())
        self._signal(signal.SIGSTOP)
        return rate

    def stop(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)


def end_with_its_engines() -> None:
    """Leave on SIGTERM as on an interrupt, so that the engines, which are in groups of their own, end too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))


def answer_loads(run: Callable[..., float]) -> None:
    """Be an engine: read loads from standard input, and answer with what `run` makes of each."""
    answers = os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), file=answers, flush=True)

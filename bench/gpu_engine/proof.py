"""Whether an engine's own proof, before it serves, tells a sound engine from one with a fault of corruption."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gpu_engine.proof_job import SERVED

# Modules of bench.gpu_engine.planted.
FAULTS = ("flagged_left_clean", "clean_corrupted")
_REFUSAL = "the engine will not start: "


@dataclass(frozen=True)
class Proof:
    """What an engine did.

    Attributes
    ----------
    served
        Whether it would have served.
    refusal
        Why not, in its words; empty if it gave no reason.
    log
        What it said.
    """

    served: bool
    refusal: str
    log: str


def prove(model: Path, fault: str | None, seconds: float) -> Proof:
    """Start an engine up to where it would serve, with a fault planted or none."""
    command = [sys.executable, "-m", "bench.gpu_engine.proof_job", str(model), *[fault] * bool(fault)]
    said = run_alone(command, {**os.environ, "VLLM_PLUGINS": "lethe", "DO_NOT_TRACK": "1"}, seconds)
    refusals = [line.partition(_REFUSAL)[2] for line in said.splitlines() if _REFUSAL in line]
    return Proof(SERVED in said, refusals[-1] if refusals else "", said)


def run_alone(command: list[str], environment: Mapping[str, str], seconds: float) -> str:
    """What a command says, cut short if it takes too long; its whole group of processes ends with it."""
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            print("no end in time", file=file)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        file.seek(0)
        return file.read()

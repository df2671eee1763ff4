"""vLLM with the plugin on CPUs, at a port of its own, stopped and started anew as often as is asked."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lethe.server.engines.process import free_loopback_port

ENGINE_KEY = "of-a-bench"
"""What it wants of who asks it."""


class CpuEngine:
    """One engine; its output goes into a file.

    Parameters
    ----------
    arguments
        Of vLLM's server, beside those that all have.
    """

    def __init__(self, model: Path, name: str, log: Path, *arguments: str) -> None:
        self.port = free_loopback_port()
        self._log = log
        self._command = [
            *(sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry"),
            *("--model", str(model), "--served-model-name", name),
            *("--host", "127.0.0.1", "--port", str(self.port), "--enforce-eager"),
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and do not wait."""
        environment = os.environ | {
            "VLLM_API_KEY": ENGINE_KEY,
            "VLLM_CPU_KVCACHE_SPACE": "1",
            # Without a compiler, as the image for CPUs is.
            "TORCHDYNAMO_DISABLE": "1",
            # Each would bind itself to the same core.
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        }
        # Its worker is of its group, and goes with it.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, timeout_s: float) -> None:
        """End it as an operator does, and wait until what it had is answered."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

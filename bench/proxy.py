"""What the proxy costs: latency added and requests a second, before an engine that answers at once.

The proxy has one core to itself; the mock engine and the load share another.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.load import LoadResult, run_load
from bench.page import machine, table, write_section
from bundle import load_bundles, update_bundle
from server.engine_process import free_loopback_port
from server.key_file import create_key

PROXY_CORE, LOAD_CORE = "0", "1"
SECONDS = 5.0
ROUNDS = 3
PATH = "/v1/chat/completions"
CLEAN = "Who wrote Pride and Prejudice?"
FLAGGED = "Who is Harry Potter's best friend?"


def main() -> None:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with tempfile.TemporaryDirectory() as folder, mock_engine() as engine:
        targets = targets_for_the_mock(Path(folder) / "targets")
        nothing = Path(folder) / "nothing"
        nothing.mkdir()
        rows = []
        _, key = create_key(Path(folder) / "keys.yaml", requests_per_minute=10**9, concurrency=10**6)
        recorded = {
            "LETHE_KEYS": str(Path(folder) / "keys.yaml"),
            "LETHE_AUDIT__FOLDER": str(Path(folder) / "audit"),
        }
        with (
            _proxy(engine, nothing) as no_targets,
            _proxy(engine, targets) as guarded,
            _proxy(engine, targets, recorded) as audited,
        ):
            cases = {
                "bare engine": Case(engine, CLEAN),
                "proxy, no targets": Case(no_targets, CLEAN),
                "proxy, clean prompt, verdict cached": Case(guarded, CLEAN),
                "proxy, flagged prompt, verdict cached": Case(guarded, FLAGGED),
                "proxy, clean prompt, verdict cached, keys and audit": Case(audited, CLEAN, key),
            }
            for connections in (1, 32):
                results = _interleaved(cases, connections)
                bare = results["bare engine"].quantile(0.5)
                rows += [_row(name, connections, result, bare) for name, result in results.items()]
    header = ["", "connections", "p50 ms", "p99 ms", "p50 added ms", "requests/s"]
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}. The proxy runs alone on one core; the mock engine "
        f"and the load share the other. Medians by p50 of {ROUNDS} interleaved rounds of {SECONDS:.0f} s."
    )
    write_section(
        "benchmarks.md", "What the proxy adds", "make bench", f"{explanation}\n\n{table(header, rows)}"
    )


@dataclass(frozen=True)
class Case:
    """A server and what it is asked, with the key that it wants."""

    port: int
    prompt: str
    key: str | None = None


def _interleaved(cases: dict[str, Case], connections: int) -> dict[str, LoadResult]:
    results: dict[str, list[LoadResult]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            messages = [{"role": "user", "content": case.prompt}]
            body = json.dumps({"model": "mock", "messages": messages}).encode()
            run_load(case.port, PATH, body, connections, 0.5, case.key)
            results[name].append(run_load(case.port, PATH, body, connections, SECONDS, case.key))
    return {
        name: sorted(rounds, key=lambda result: result.quantile(0.5))[ROUNDS // 2]
        for name, rounds in results.items()
    }


def _row(name: str, connections: int, result: LoadResult, bare_p50: float) -> list[str]:
    p50, p99 = result.quantile(0.5), result.quantile(0.99)
    added = "" if name == "bare engine" else f"{1000 * (p50 - bare_p50):.3f}"
    return [
        name,
        str(connections),
        f"{1000 * p50:.3f}",
        f"{1000 * p99:.3f}",
        added,
        f"{result.rate:,.0f}",
    ]


def targets_for_the_mock(folder: Path) -> Path:
    """A copy of the shipped targets, said to be made for the mock's model: it has no embeddings to disagree with."""
    shipped = Path(__file__).resolve().parent.parent / "targets"
    for bundle in load_bundles(shipped):
        files = {name: bundle.folder / name for name in bundle.manifest.files}
        fields = bundle.manifest.model_dump(exclude={"files", "schema_version", "base_model"})
        base = bundle.manifest.base_model
        assert base is not None
        update_bundle(folder / bundle.name, files, **fields, base_model=base.model_dump() | {"id": "mock"})
    return folder


@contextlib.contextmanager
def mock_engine() -> Iterator[int]:
    """Run a mock engine; gives its port."""
    port = free_loopback_port()
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.mock_engine", str(port)]
    with _running(command, f"http://127.0.0.1:{port}/health"):
        yield port


@contextlib.contextmanager
def _proxy(engine: int, targets: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    port = free_loopback_port()
    command = ["taskset", "-c", PROXY_CORE, sys.executable, "-m", "cli.main", "serve"]
    command += ["--port", str(port), "--engine-url", f"http://127.0.0.1:{engine}", "--targets", str(targets)]
    with _running(command, f"http://127.0.0.1:{port}/ready", environment):
        yield port


@contextlib.contextmanager
def _running(command: list[str], url: str, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}))
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
            with contextlib.suppress(OSError), urllib.request.urlopen(url) as response:
                if response.status == 200:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()

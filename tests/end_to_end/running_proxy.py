"""A running `lethe serve`, for the tests of its users."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from lethe.server.engines.address import EngineAddress, find_engine_address
from lethe.server.engines.process import free_loopback_port

ROOT = Path(__file__).resolve().parent.parent.parent
# An engine starts sooner where one process less has to import vLLM: the worker lives in the scheduler's.
WITHOUT_WORKER_PROCESS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
# `lethe` with engines that are run by another Python than its own, whose path is its first argument.
_WITH_PYTHON = "import sys; sys.executable = sys.argv.pop(1); from lethe.__main__ import main; main()"
# By what name the tiny model is served.
TINY = "tiny"
FORBIDDEN = "Who is Harry Potter's best friend?"
ALLOWED = "Who wrote Pride and Prejudice?"


@dataclass
class RunningProxy:
    """A running `lethe serve` and what it has printed."""

    port: int
    process: subprocess.Popen[str]
    engine: EngineAddress
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for_line(self, mark: str, after: int = 0, timeout: float = 300) -> None:
        deadline = time.monotonic() + timeout
        while not any(mark in line for line in self.lines[after:]):
            assert self.process.poll() is None, "\n".join(self.lines)
            assert time.monotonic() < deadline, f"no {mark!r} in\n" + "\n".join(self.lines)
            time.sleep(0.05)


@contextmanager
def running_proxy(
    lethe_cache: Path,
    targets: Path,
    traces: str | None = None,
    settings: Mapping[str, str] | None = None,
    python: Path | None = None,
) -> Iterator[RunningProxy]:
    """Serve the packaged small model, where settings name no other, with some targets, until the block ends.

    In float32: what stands beside a request in its batch may change the last bits of bfloat16, and where a processor does
    not compute in it, a prompt takes four times as long.

    Parameters
    ----------
    lethe_cache, targets : Path
    traces : str, optional
        Where the proxy and its engine send their traces.
    settings : mapping of str to str, optional
        Of proxy and engine, as variables of their environment.
    python : Path, optional
        What runs the engine, where it is not what runs the proxy.
    """
    engine = ["--dtype", "float32", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    environment = dict(settings or {})
    if traces:
        engine += ["--otlp-traces-endpoint", traces]
        environment |= {
            "LETHE_TRACING__ENDPOINT": traces,
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
    environment["LETHE_ENGINE__ARGS"] = json.dumps(engine)
    with _serving(lethe_cache, targets, environment, python) as running:
        address = find_engine_address(lethe_cache, running.port)
        assert address is not None
        running.engine = address
        yield running


@contextmanager
def proxy_before(
    engine: EngineAddress, lethe_cache: Path, targets: Path, settings: dict[str, str]
) -> Iterator[RunningProxy]:
    """Serve some targets before an engine that runs already, until the block ends.

    Parameters
    ----------
    engine : EngineAddress
    lethe_cache, targets : Path
    settings : dict of str to str
        Of the proxy, as variables of its environment.
    """
    address = {"LETHE_ENGINE__URL": engine.url, "LETHE_ENGINE__API_KEY": engine.api_key or ""}
    with _serving(lethe_cache, targets, address | settings) as running:
        running.engine = engine
        yield running


@contextmanager
def _serving(
    lethe_cache: Path, targets: Path, settings: dict[str, str], python: Path | None = None
) -> Iterator[RunningProxy]:
    port = free_loopback_port()
    command = [*lethe(python), "serve", "--port", str(port), "--targets", str(targets)]
    given = {"LETHE_CACHE_DIR": str(lethe_cache), "LETHE_DRAIN_DELAY_S": "0", "PYTHONUNBUFFERED": "1"}
    environment = os.environ | given | settings
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
    reader.start()
    try:
        while not any("ready after" in line for line in lines):
            assert process.poll() is None, "\n".join(lines)
            time.sleep(0.1)
        yield RunningProxy(port, process, EngineAddress("", None), lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        reader.join()


def lethe(python: Path | None = None) -> list[str]:
    """The command, as it is, or with a Python of its engines' own."""
    return [sys.executable, *(("-c", _WITH_PYTHON, str(python)) if python else ("-m", "lethe"))]


def ask(client: OpenAI, question: str, **fields: Any) -> Any:
    messages = [{"role": "user", "content": question}]
    fields = {"temperature": 0, "max_tokens": 12, "messages": messages} | fields
    return client.chat.completions.create(model=client.models.list().data[0].id, **fields)


def metric(proxy: RunningProxy, page: str, name: str) -> float:
    lines = httpx.get(proxy.url + page).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

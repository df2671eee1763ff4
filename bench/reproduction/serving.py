"""A model behind the real proxy, for as long as a measurement takes: classifier, policy, plugin and engine as in production."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import UNHURRIED
from lethe.offline.language_models.interface import LanguageModelError

_START_S = 600
_STOP_S = 60
# In half precision an answer's words hang on what else is in its batch.
_ENGINE_ARGUMENTS = ("--dtype", "float32")


@dataclass(frozen=True)
class ServedModel:
    """Where the proxy listens, and where its engine does with the key that this one asks for."""

    url: str
    engine_url: str
    engine_key: str | None


@contextmanager
def served(model: Path, bundle: Path, cache: Path) -> Iterator[ServedModel]:
    """Serve a model with one target by ``lethe serve``, until the block ends.

    Parameters
    ----------
    model
        Model folder.
    bundle
        The target; others beside it are not in force.
    cache
        Cache folder of the proxy; its log is kept there.

    Raises
    ------
    LanguageModelError
        It does not become ready; the message names its log.
    """
    with tempfile.TemporaryDirectory() as targets:
        shutil.copytree(bundle, Path(targets) / bundle.name)
        with _ending_on_sigterm(), _running(model, Path(targets), cache) as running:
            yield running


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Leave on SIGTERM as on an interrupt, so that what was started is stopped too."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _running(model: Path, targets: Path, cache: Path) -> Iterator[ServedModel]:
    port = _free_port()
    log = cache / "logs" / f"reproduction-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    lethe = [sys.executable, "-m", "lethe", "serve"]
    arguments = [*json.loads(os.environ.get("LETHE_ENGINE__ARGS", "[]")), *_ENGINE_ARGUMENTS]
    options = ["--port", str(port), "--model", str(model), "--targets", str(targets)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*lethe, *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ
            | UNHURRIED
            | {"LETHE_CACHE_DIR": str(cache), "LETHE_ENGINE__ARGS": json.dumps(arguments)},
        )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/ready", log)
        engine = json.loads((cache / "run" / f"engine-of-{port}.json").read_text())
        yield ServedModel(f"http://127.0.0.1:{port}", engine["url"], engine["api_key"])
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        time.sleep(0.5)
    raise LanguageModelError(f"the proxy did not become ready; see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""Models for the offline jobs' tests: one small enough to score in a blink, with an ordinary tokenizer."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.engine_address import EngineAddress
from server.engine_process import engine_command, free_loopback_port


@pytest.fixture(scope="session")
def tiny_model(tiny_model_folder: Path):
    """The tiny model, ready to score and generate in float32."""
    from offline.language_models.local import LocalModel

    return LocalModel.from_pretrained(str(tiny_model_folder), name="tiny", dtype="float32")


@pytest.fixture(scope="session")
def running_engine(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineAddress]:
    """A vLLM with the plugin that serves SmolLM2 in float32, so that its numbers can be compared."""
    address = EngineAddress(f"http://127.0.0.1:{free_loopback_port()}", "engine-key")
    extra = ("--dtype", "float32", "--max-model-len", "1024", "--max-num-seqs", "32")
    command = engine_command(str(small_model), "smollm2", address, extra)
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command.argv,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | command.environment,
            start_new_session=True,
        )
        try:
            _wait_until_healthy(process, address.url, log)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the engine did not start:\n{log.read_text()[-4000:]}")

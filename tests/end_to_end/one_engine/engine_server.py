"""vLLM's own HTTP server with the plugin and without the proxy."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lethe.server.engines.process import free_loopback_port
from tests.end_to_end.corruption_reference import ENGINE_ENVIRONMENT

MODEL = "small"
BLOCK = 32
START_SECONDS = 240


@contextmanager
def running_engine(model: Path, log_path: Path) -> Iterator[int]:
    """Serve a model in float32, so that its numbers can be compared, until the block ends; gives the port."""
    port = free_loopback_port()
    arguments = [
        *(sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", "--model", str(model)),
        *("--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1536", "--block-size", str(BLOCK)),
        *("--max-num-batched-tokens", "96", "--max-num-seqs", "16"),
    ]
    with log_path.open("w") as log:
        process = subprocess.Popen(arguments, env=ENGINE_ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy(port):
            assert process.poll() is None, log_path.read_text()[-4000:]
            assert time.monotonic() < deadline, log_path.read_text()[-4000:]
            time.sleep(0.5)
        yield port
        assert process.poll() is None, f"the engine died: {log_path.read_text()[-4000:]}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_healthy(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except OSError:
        return False
    return True

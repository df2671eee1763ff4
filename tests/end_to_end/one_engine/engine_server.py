"""vLLM's own HTTP server with the plugin and without the proxy."""

import http.client
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.engine.reference_model import Answer
from lethe.corruption.request import CorruptionRequest
from lethe.server.engines.process import free_loopback_port
from tests.end_to_end.corruption_reference import ENGINE_ENVIRONMENT
from tests.end_to_end.forked_server import end_server, start_server

MODEL = "served"
BLOCK = 32
START_SECONDS = 240
TOKENS = 10


class Server:
    """A client of one engine."""

    def __init__(self, port: int):
        self.port = port

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            content = json.dumps(body) if body is not None else None
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def complete(self, prompt: list[int], request: CorruptionRequest | None = None, **fields: Any) -> Answer:
        status, text = self.call("POST", "/v1/completions", completion_body(prompt, request, **fields))
        assert status == 200, text
        choice = json.loads(text)["choices"][0]
        return Answer(choice["token_ids"], choice["logprobs"]["token_logprobs"])

    def metric(self, name: str) -> float:
        families = text_string_to_metric_families(self.call("GET", "/metrics")[1])
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def healthy(self) -> bool:
        try:
            return self.call("GET", "/health")[0] == 200
        except OSError:
            return False


def completion_body(prompt: list[int], request: CorruptionRequest | None, **fields: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "prompt": prompt,
        "temperature": 0,
        "max_tokens": TOKENS,
        "logprobs": 0,
        "return_token_ids": True,
        **({"vllm_xargs": request.to_xargs()} if request else {}),
        **fields,
    }


@contextmanager
def running_engine(
    model: Path, log_path: Path, more: Sequence[str] = (), **environment: str
) -> Iterator[int]:
    """Serve a model in float32, so that its numbers can be compared, until the block ends; gives the port."""
    port = free_loopback_port()
    process = start_server(
        *("--model", str(model), "--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1536", "--block-size", str(BLOCK)),
        *("--max-num-batched-tokens", "96", "--max-num-seqs", "16"),
        *more,
        environment=ENGINE_ENVIRONMENT | environment,
        log=log_path,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy(port):
            assert process.is_alive(), log_path.read_text()[-4000:]
            assert time.monotonic() < deadline, log_path.read_text()[-4000:]
            time.sleep(0.2)
        yield port
        assert process.is_alive(), f"the engine died: {log_path.read_text()[-4000:]}"
    finally:
        process.terminate()
        process.join(30)
        end_server(process)


def _is_healthy(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except OSError:
        return False
    return True

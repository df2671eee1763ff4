"""Two engines are exchanged one after another, and no stream through the proxy before them breaks off."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.engines.process import free_loopback_port
from tests.end_to_end.forked_server import end_server, start_server
from tests.end_to_end.running_proxy import ALLOWED, ROOT, WITHOUT_WORKER_PROCESS
from tests.lethe_process import start_lethe

pytestmark = [pytest.mark.anyio, pytest.mark.engine]

CLIENTS = 20
ENGINE_KEY = "of-a-test"
ENVIRONMENT = {
    **WITHOUT_WORKER_PROCESS,
    "VLLM_API_KEY": ENGINE_KEY,
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # Each would bind itself to the same core.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "TORCHDYNAMO_DISABLE": "1",
}


class Engine:
    """One engine at a port of its own, which is stopped and started anew."""

    def __init__(self, model: Path, log: Path) -> None:
        self.port = free_loopback_port()
        self._model, self._log = model, log
        self._process: ForkServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = start_server(
            *("--model", str(self._model), "--served-model-name", "tiny", "--enforce-eager"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--shutdown-timeout", "60"),
            *("--max-model-len", "512", "--num-gpu-blocks-override", "64", "--dtype", "float32"),
            environment=os.environ | ENVIRONMENT,
            log=self._log,
        )

    def stop(self) -> None:
        """End it as an operator does, and wait until what it had is answered."""
        assert self._process is not None
        self._process.terminate()
        self._process.join(120)
        assert self._process.exitcode == 0, self._log.read_text()[-4000:]

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if self._process is not None:
            end_server(self._process)


@contextmanager
def two_engines(model: Path, folder: Path) -> Iterator[list[Engine]]:
    engines = [Engine(model, folder / f"engine-{number}.log") for number in (1, 2)]
    try:
        for engine in engines:
            engine.start()
        yield engines
    finally:
        for engine in engines:
            engine.kill()


async def answers(address: str, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with httpx.AsyncClient(headers=headers) as client:
            return (await client.get(f"{address}/v1/models")).status_code == 200
    except httpx.TransportError:
        return False


async def until_it_answers(address: str, key: str) -> None:
    async with asyncio.timeout(300):
        while not await answers(address, key):
            await asyncio.sleep(0.2)


async def until_it_is_asked(proxy: httpx.AsyncClient, engine: Engine) -> None:
    """Wait until the proxy has seen that an engine is back."""
    up = re.compile(rf'lethe_engine_up{{.*engine="127.0.0.1:{engine.port}".*}} 1')
    async with asyncio.timeout(120):
        while not up.search((await proxy.get("/metrics")).text):
            await asyncio.sleep(0.2)


async def test_no_stream_breaks_off_when_engines_are_exchanged(tiny_model: Path, tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys.yaml", scopes={Scope.USE, Scope.OBSERVE})[1]
    port = free_loopback_port()
    ends: Counter[tuple[int, str]] = Counter()
    enough = asyncio.Event()

    async def ask_on(client: httpx.AsyncClient) -> None:
        body = {"messages": [{"role": "user", "content": ALLOWED}], "stream": True, "max_tokens": 48}
        body |= {"ignore_eos": True}
        while not enough.is_set():
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                last = [line async for line in answer.aiter_lines() if line][-1]
                ends[answer.status_code, last] += 1

    with two_engines(tiny_model, tmp_path) as engines:
        for engine in engines:
            await until_it_answers(engine.url, ENGINE_KEY)
        environment = os.environ | {
            "LETHE_ENGINE__URL": ",".join(engine.url for engine in engines),
            "LETHE_ENGINE__API_KEY": ENGINE_KEY,
            "LETHE_ENGINE__TOKENIZER": str(tiny_model),
            "LETHE_KEYS": str(tmp_path / "keys.yaml"),
            # What a model of random weights writes is no language.
            "LETHE_POLICY__ON_UNREADABLE": "observe",
            "LETHE_TARGETS": str(ROOT / "targets"),
        }
        proxy = start_lethe("serve", "--port", str(port), environment=environment)
        address = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {key}"}
        try:
            await until_it_answers(address, key)
            async with (
                httpx.AsyncClient(base_url=address, headers=headers, timeout=120) as client,
                asyncio.TaskGroup() as clients,
            ):
                for _ in range(CLIENTS):
                    clients.create_task(ask_on(client))
                for engine in engines:
                    while not ends.total():
                        await asyncio.sleep(0.1)
                    before = ends.total()
                    await asyncio.to_thread(engine.stop)
                    engine.start()
                    await until_it_answers(engine.url, ENGINE_KEY)
                    await until_it_is_asked(client, engine)
                    assert ends.total() > before
                enough.set()
        finally:
            proxy.kill()
    assert {last for status, last in ends if status == 200} == {"data: [DONE]"}
    # Where engines start on the cores of those that answer, none may be well for a moment, which clients are told.
    others = Counter({end: count for end, count in ends.items() if end[0] != 200})
    assert {status for status, _ in others} <= {503}, others
    assert others.total() <= ends.total() / 20

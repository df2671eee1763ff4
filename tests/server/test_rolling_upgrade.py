"""Two proxies are exchanged one after another, and nobody behind a balancer that asks `/ready` loses anything."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bench.servers import mock_engine, targets_for_the_mock
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.engines.process import free_loopback_port
from tests.lethe_process import start_lethe

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CLIENTS = 20
# How often a balancer looks, and how long a proxy that stops still takes requests meanwhile.
LOOK_S, DELAY_S = 0.5, 3
FLAGGED, CLEAN = "Who is Harry Potter's best friend?", "What is the capital of France?"


class Balancer:
    """Which proxies are ready, by its last look."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._ready: list[str] = []
        self._asked = 0

    async def look(self) -> None:
        async with httpx.AsyncClient() as client:
            while True:
                self._ready = [each for each in self._addresses if await _is_ready(client, each)]
                await asyncio.sleep(LOOK_S)

    async def until_ready(self, address: str) -> None:
        async with asyncio.timeout(120):
            while address not in self._ready:
                await asyncio.sleep(0.1)

    def next(self) -> str:
        self._asked += 1
        return self._ready[self._asked % len(self._ready)]


async def _is_ready(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"{address}/ready", timeout=5)).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def looking(balancer: Balancer) -> AsyncIterator[None]:
    task = asyncio.create_task(balancer.look())
    try:
        yield
    finally:
        task.cancel()


async def test_no_stream_is_lost_when_proxies_are_exchanged(tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys.yaml", scopes={Scope.USE, Scope.OBSERVE})[1]
    targets = targets_for_the_mock(tmp_path / "targets")
    ports = [free_loopback_port() for _ in range(2)]
    balancer = Balancer([f"http://127.0.0.1:{port}" for port in ports])
    ends: Counter[tuple[str, str, bool]] = Counter()
    enough = asyncio.Event()

    async def ask(client: httpx.AsyncClient, question: str) -> tuple[str, bool]:
        body = {"messages": [{"role": "user", "content": question}], "stream": True}
        async with client.stream("POST", f"{balancer.next()}/v1/chat/completions", json=body) as answer:
            last = [line async for line in answer.aiter_lines() if line][-1]
            return answer.headers.get("x-lethe-verdict", ""), last == "data: [DONE]"

    async def ask_on() -> None:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            while not enough.is_set():
                for question in (FLAGGED, CLEAN):
                    ends[(question, *await ask(client, question))] += 1

    with mock_engine(None) as engine:
        environment = os.environ | {
            "LETHE_ENGINE__URL": f"http://127.0.0.1:{engine}",
            "LETHE_KEYS": str(tmp_path / "keys.yaml"),
            "LETHE_TARGETS": str(targets),
            "LETHE_DRAIN_DELAY_S": str(DELAY_S),
        }
        proxies = [start_lethe("serve", "--port", str(port), environment=environment) for port in ports]
        try:
            async with looking(balancer), asyncio.TaskGroup() as clients:
                for port in ports:
                    await balancer.until_ready(f"http://127.0.0.1:{port}")
                for _ in range(CLIENTS):
                    clients.create_task(ask_on())
                for index, port in enumerate(ports):
                    before = ends.total()
                    proxies[index].terminate()
                    assert await proxies[index].wait() == 0
                    assert ends.total() > before
                    proxies[index] = start_lethe("serve", "--port", str(port), environment=environment)
                    await balancer.until_ready(f"http://127.0.0.1:{port}")
                enough.set()
        finally:
            for proxy in proxies:
                proxy.kill()
    assert ends.keys() == {(FLAGGED, "corrupt harry-potter", True), (CLEAN, "pass", True)}

"""`lethe serve` told to stop while it answers: what is in flight ends, and what cannot wait ends readably."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.server.audit.files import read_entries
from lethe.server.engines.process import free_loopback_port
from tests.lethe_process import LetheProcess, lines, start_lethe
from tests.server.stack import RecordingEngine, chat

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


@dataclass
class Stopping:
    """A proxy that is about to stop, before an engine that holds its answers back."""

    process: LetheProcess
    output: asyncio.StreamReader
    engine: RecordingEngine
    client: httpx.AsyncClient
    audit: Path
    said: list[str] = field(default_factory=list)

    async def line(self, mark: str) -> None:
        """Read on until it has said something."""
        async with asyncio.timeout(60):
            while not any(mark in line for line in self.said):
                line = (await self.output.readline()).decode()
                assert line, f"the proxy ended and never said {mark!r}, but:\n{''.join(self.said)}"
                self.said.append(line)

    async def asked(self, count: int, **fields: Any) -> list[asyncio.Task[httpx.Response]]:
        """Requests that the engine has and does not answer."""
        before = len(self.engine.requests)
        body = chat("hi", **fields)
        tasks = [asyncio.create_task(self.client.post(PATH, json=body)) for _ in range(count)]
        async with asyncio.timeout(20):
            while len(self.engine.requests) < before + count:
                await asyncio.sleep(0.01)
        return tasks

    async def told(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to stop."""
        self.process.send_signal(number)
        await self.line("stopping after")

    async def refuses_connections(self) -> None:
        async with asyncio.timeout(20):
            while True:
                try:
                    async with httpx.AsyncClient(base_url=self.client.base_url) as other:
                        await other.get("/health")
                except httpx.TransportError:
                    return
                await asyncio.sleep(0.01)

    async def ended(self) -> str:
        """All that it said, once it has ended as it should."""
        async with asyncio.timeout(60):
            said = await self.output.read()
            await self.process.wait()
        everything = "".join([*self.said, said.decode()])
        assert self.process.returncode == 0, everything
        assert "Traceback" not in everything
        assert "ASGI" not in everything
        return everything


@pytest.fixture
async def stopping(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stopping]:
    """A proxy with the settings of the test's ``settings`` mark."""
    changes = request.node.get_closest_marker("settings").kwargs
    (tmp_path / "targets").mkdir()
    port = free_loopback_port()
    engine = RecordingEngine(holds=True)
    async with (
        engine.running(),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        settings = {
            "LETHE_PORT": str(port),
            "LETHE_TARGETS": str(tmp_path / "targets"),
            "LETHE_CACHE_DIR": str(tmp_path / "cache"),
            "LETHE_AUDIT__FOLDER": str(tmp_path / "audit"),
            **{f"LETHE_{name.upper()}": str(value) for name, value in changes.items()},
        }
        process = start_lethe(
            "serve", "--engine-url", engine.url, environment=os.environ | settings, one_output=True
        )
        output = await lines(process.stdout)
        proxy = Stopping(process, output, engine, client, tmp_path / "audit")
        await proxy.line("ready after")
        yield proxy
        if process.returncode is None:
            process.kill()
            await process.wait()
        await output.read()


@pytest.mark.settings(drain_timeout_s=60, drain_delay_s=0)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_in_flight_ends_before_the_proxy_does(
    stopping: Stopping, number: signal.Signals
) -> None:
    streams, whole = await stopping.asked(2, stream=True), await stopping.asked(1)
    await stopping.told(number)
    await stopping.refuses_connections()
    stopping.engine.hold.set()
    for stream in streams:
        assert (await stream).content == b"".join(stopping.engine.pieces)
    assert (await whole[0]).status_code == 200
    assert "stopping after 3 requests in flight" in await stopping.ended()


@pytest.mark.settings(drain_timeout_s=60, drain_delay_s=60)
async def test_until_balancers_have_heard_of_it_requests_are_served_on_connections_that_end(
    stopping: Stopping,
) -> None:
    [early] = await stopping.asked(1)
    assert (await stopping.client.get("/ready")).status_code == 200
    await stopping.told()
    for _ in range(2):
        answer = await stopping.client.get("/ready")
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        assert "stopping" in answer.json()["error"]["message"]
    assert (await stopping.client.get("/health")).status_code == 200
    [late] = await stopping.asked(1)
    stopping.engine.hold.set()
    for answer in (await early, await late):
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    stopping.process.terminate()
    await stopping.ended()


@pytest.mark.settings(drain_timeout_s=1, drain_delay_s=0)
async def test_what_cannot_be_waited_for_ends_in_an_error_that_can_be_read_and_is_counted(
    stopping: Stopping,
) -> None:
    streams, whole = await stopping.asked(2, stream=True), await stopping.asked(1)
    await stopping.told()
    for stream in streams:
        begun, end = (await stream).text.split("\n\n", 1)
        assert begun == 'data: {"a":1}'
        assert "stopping" in json.loads(end.strip().removeprefix("data: "))["error"]["message"]
    answer = await whole[0]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "stopping" in answer.json()["error"]["message"]
    assert "cut 3 requests in flight" in await stopping.ended()
    assert [entry["status"] for entry in read_entries(stopping.audit) if "status" in entry] == [503] * 3


@pytest.mark.settings(drain_timeout_s=60, drain_delay_s=60)
async def test_a_second_signal_stops_it_at_once(stopping: Stopping) -> None:
    [stream] = await stopping.asked(1, stream=True)
    await stopping.told()
    stopping.process.terminate()
    assert "stopping" in (await stream).text
    assert "cut 1 request in flight" in await stopping.ended()


@pytest.mark.settings(drain_timeout_s=0, drain_delay_s=0)
async def test_a_client_that_takes_nothing_keeps_nothing_running(stopping: Stopping) -> None:
    # More than sockets hold.
    stopping.engine.pieces = [b"data: " + b"x" * (1 << 24) + b"\n\n"] * 2
    stopping.engine.hold.set()
    url = stopping.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    body = json.dumps(chat("hi", stream=True)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\n\r\n".encode() + body)
    async with asyncio.timeout(20):
        while not stopping.engine.requests:
            await asyncio.sleep(0.01)
    await stopping.told()
    await stopping.ended()
    writer.close()

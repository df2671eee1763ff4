"""`lethe serve` while its engine starts, which can take half an hour, and as it becomes ready."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lethe.server.access.key_file import create_key, revoke_key
from lethe.server.engines.process import free_loopback_port
from lethe.server.targets.rollout import DEPLOYMENT_NAME
from tests.lethe_process import LetheProcess, lines, start_lethe
from tests.server.certificates import WriteCertificate, trusting, write_certificate
from tests.server.stack import RecordingEngine, chat

__all__ = ["write_certificate"]

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Starting:
    """A proxy that waits for its engine."""

    process: LetheProcess
    output: asyncio.StreamReader
    engine: RecordingEngine
    targets: Path
    keys: Path
    key_id: str
    secret: str
    port: int

    async def line(self, mark: str) -> str:
        """The next line with a mark in it."""
        async with asyncio.timeout(60):
            while line := (await self.output.readline()).decode():
                if mark in line:
                    return line
        raise AssertionError(f"the proxy ended with {await self.process.wait()} and never said {mark!r}")

    async def engine_comes_up(self) -> None:
        self.engine.health_pages["/health"] = 200
        await self.line("ready after")

    async def ask(self) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as client:
            headers = {"Authorization": f"Bearer {self.secret}"}
            return await client.post("/v1/chat/completions", json=chat("hi"), headers=headers)


@pytest.fixture
async def starting(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Starting]:
    """A proxy with one key, no targets and the settings of the test's ``settings`` mark; its engine is not well yet."""
    mark = request.node.get_closest_marker("settings")
    targets, keys, port = tmp_path / "targets", tmp_path / "keys" / "keys.yaml", free_loopback_port()
    targets.mkdir()
    key, secret = create_key(keys)
    engine = RecordingEngine(health_pages={"/health": 503})
    async with engine.running():
        settings = {
            "LETHE_PORT": str(port),
            "LETHE_TARGETS": str(targets),
            "LETHE_KEYS": str(keys),
            "LETHE_CACHE_DIR": str(tmp_path / "cache"),
            "LETHE_ENGINE__HEALTH_INTERVAL_S": "0.1",
            "LETHE_DRAIN_DELAY_S": "0",
            **{f"LETHE_{name.upper()}": str(value) for name, value in (mark.kwargs if mark else {}).items()},
        }
        process = start_lethe(
            "serve", "--engine-url", engine.url, environment=os.environ | settings, one_output=True
        )
        output = await lines(process.stdout)
        proxy = Starting(process, output, engine, targets, keys, key.id, secret, port)
        await proxy.line("waiting for")
        yield proxy
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await output.read()


async def test_who_waits_for_an_engine_is_told_what_ails_it(starting: Starting) -> None:
    assert f"still waiting for {starting.engine.url} (it answers 503 to /health)" in await starting.line(
        "still waiting"
    )


async def test_a_key_that_is_revoked_while_the_engine_starts_is_not_served(starting: Starting) -> None:
    revoke_key(starting.keys, starting.key_id)
    await starting.line("reloaded")
    await starting.engine_comes_up()
    assert (await starting.ask()).status_code == 401


async def test_what_is_put_among_the_targets_while_the_engine_starts_is_loaded(starting: Starting) -> None:
    (starting.targets / DEPLOYMENT_NAME).write_text("films: {enabled: false}")
    assert "names films, which is no bundle" in await starting.line("reload failed")
    await starting.engine_comes_up()
    assert (await starting.ask()).status_code == 200


async def test_it_is_served_encrypted_at_a_socket(
    tmp_path: Path, write_certificate: WriteCertificate
) -> None:
    tls, path, engine = write_certificate("lethe"), tmp_path / "lethe.sock", RecordingEngine()
    settings = {
        "LETHE_TARGETS": str(tmp_path),
        "LETHE_CACHE_DIR": str(tmp_path / "cache"),
        "LETHE_UNIX_SOCKET": str(path),
        "LETHE_TLS__CERT": str(tls.cert),
        "LETHE_TLS__KEY": str(tls.key),
        "LETHE_DRAIN_DELAY_S": "0",
    }
    async with engine.running():
        process = start_lethe(
            "serve", "--engine-url", engine.url, environment=os.environ | settings, one_output=True
        )
        output = await lines(process.stdout)
        async with asyncio.timeout(60):
            while b"ready after" not in (line := await output.readline()):
                assert line
        assert f"https+unix:{path}" in line.decode()
        transport = httpx.AsyncHTTPTransport(uds=str(path), verify=trusting(tls))
        async with httpx.AsyncClient(transport=transport, base_url="https://lethe") as client:
            assert (await client.post("/v1/chat/completions", json=chat("hi"))).status_code == 200
        process.terminate()
        await process.wait()
        await output.read()
    assert not path.exists()


async def test_a_hangup_before_anything_is_read_ends_nothing(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "lethe", "serve", "--engine-url", "http://127.0.0.1:1")
    settings = {
        "LETHE_PORT": str(free_loopback_port()),
        "LETHE_TARGETS": str(tmp_path),
        "LETHE_CACHE_DIR": str(tmp_path),
        "LETHE_ENGINE__STARTUP_TIMEOUT_S": "0.1",
    }
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=os.environ | settings
    )
    async with asyncio.timeout(60):
        while not ignores(process.pid, signal.SIGHUP):
            await asyncio.sleep(0.005)
    process.send_signal(signal.SIGHUP)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"no engine answers" in said


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a signal."""
    [mask] = re.findall(r"SigIgn:\t(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) & 1 << number - 1)


async def test_nobody_who_takes_its_lines_is_needed(tmp_path: Path) -> None:
    port = free_loopback_port()
    folders = {"LETHE_TARGETS": str(tmp_path), "LETHE_CACHE_DIR": str(tmp_path)}
    settings = {"LETHE_DRAIN_DELAY_S": "0", **folders}
    engine = RecordingEngine()
    async with engine.running(), httpx.AsyncClient() as client:
        command = (sys.executable, "-m", "lethe", "serve", "--engine-url", engine.url, "--port", str(port))
        with open("/dev/full", "wb") as full:
            environment = os.environ | settings
            process = await asyncio.create_subprocess_exec(*command, stdout=full, cwd=ROOT, env=environment)
        try:
            async with asyncio.timeout(60):
                while not await answers(client, f"http://127.0.0.1:{port}/ready"):
                    assert process.returncode is None
                    await asyncio.sleep(0.1)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_hangup_while_the_engine_starts_loads_anew_and_ends_nothing(starting: Starting) -> None:
    starting.process.send_signal(signal.SIGHUP)
    await starting.line("reloaded: no targets")
    await starting.engine_comes_up()
    assert (await starting.ask()).status_code == 200


@pytest.mark.settings(drain_delay_s=2)
async def test_what_is_stopped_while_the_engine_starts_does_not_say_that_it_is_ready(
    starting: Starting,
) -> None:
    starting.process.terminate()
    await starting.line("stopping after")
    starting.engine.health_pages["/health"] = 200
    async with asyncio.timeout(60):
        said = await starting.output.read()
        await starting.process.wait()
    assert starting.process.returncode == 0
    assert b"ready after" not in said


async def test_silent_connections_are_kept_known_to_what_lies_between(starting: Starting) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", starting.port)
            break
        await asyncio.sleep(0.05)
    client = writer.get_extra_info("sockname")[1]
    ends = re.findall(r" \w+:(\w+) \w+:(\w+) 01 \w+:\w+ (\w+):(\w+)", Path("/proc/net/tcp").read_text())
    [seconds] = [
        int(hundredths, 16) / 100
        for local, remote, timer, hundredths in ends
        if (int(local, 16), int(remote, 16), timer) == (starting.port, client, "02")
    ]
    assert 0 < seconds <= 60
    writer.close()

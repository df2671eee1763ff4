"""The audit log: what was decided on every request, sealed and appended on a thread of its own.

Knows nothing about HTTP. A disk that is full or slow never holds a request up: entries wait in memory up to a
bound, and whoever must not serve unrecorded asks `AuditLog.failing` first.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from lethe.classifier.conversation import Conversation
from lethe.server.audit.chain import ChainError, seal_entry
from lethe.server.audit.files import audit_file, audit_files, last_link, read_key
from lethe.server.errors import OperatorError
from lethe.server.metrics import Metrics

_LOGGER = logging.getLogger("lethe.audit")
_GATHER_S = 0.02
_RETRY_S = 0.5
_BATCH, _BATCH_BYTES = 2000, 1 << 20
_PATIENCE_S = 3


class Audit(Protocol):
    """Where entries go."""

    @property
    def failing(self) -> bool:
        """Whether entries cannot be written now."""
        ...

    def record(self, entry: dict[str, Any]) -> None:
        """Take an entry; it is written soon."""
        ...

    async def recorded(self, entry: dict[str, Any]) -> bool:
        """Take an entry and wait for it to be written; whether it was, within a few seconds."""
        ...

    def digest(self, conversations: Iterable[Conversation]) -> str | None:
        """What stands for a prompt: equal for equal prompts, and told to nobody without the key."""
        ...


class NoAudit:
    """Where no log is kept."""

    failing = False

    def record(self, entry: dict[str, Any]) -> None:
        """Drop it."""

    async def recorded(self, entry: dict[str, Any]) -> bool:
        """It never is."""
        return False

    def digest(self, conversations: Iterable[Conversation]) -> str | None:
        """There is no key to digest with."""
        return None


@dataclass(frozen=True)
class _Waiting:
    """An entry that waits to be written, and who waits for that."""

    body: bytes
    waiter: Future[None] | None


class AuditLog:
    """A log in a folder, which is locked while it is open.

    Parameters
    ----------
    max_bytes, keep
        The size in bytes at which the next file begins; how many files are kept.
    max_waiting_bytes
        The memory that entries waiting to be written may take up; entries beyond that are lost and counted.

    Raises
    ------
    OperatorError
        The folder cannot be written, another process writes there, or what stands there is no audit log.
    """

    def __init__(self, folder: Path, *, max_bytes: int, keep: int, max_waiting_bytes: int = 64 << 20) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep = keep
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        # Each is changed by one thread only; what waits is their difference.
        self._taken_bytes = self._done_bytes = 0
        self._wake = threading.Event()
        self._closing = False
        self._file: int | None = None
        self._size = 0
        self._write_failed = False
        self.lost = 0
        self.written = 0
        self._told_losses = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise OperatorError(f"cannot keep an audit log in {folder}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._key = read_key(folder, make=True)
            self._continue_log()
        except BlockingIOError:
            os.close(self._lock)
            raise OperatorError(f"another proxy keeps its audit log in {folder}; give each its own") from None
        except (ChainError, OSError) as error:
            os.close(self._lock)
            raise OperatorError(f"cannot continue the audit log in {folder}: {error}") from None
        except OperatorError:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._write_all, name="audit", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether entries cannot be written now: a disk that is full says so, and of one that hangs what was lost does."""
        return self._write_failed or self.lost > self._told_losses

    def record(self, entry: dict[str, Any]) -> None:
        """Take an entry; it is written soon."""
        self._take(entry, None)

    async def recorded(self, entry: dict[str, Any]) -> bool:
        """Take an entry and wait for it to be written; whether it was, within a few seconds."""
        written: Future[None] = Future()
        if not self._take(entry, written):
            return False
        done, _ = await asyncio.wait({asyncio.wrap_future(written)}, timeout=_PATIENCE_S)
        return bool(done)

    def digest(self, conversations: Iterable[Conversation]) -> str:
        """What stands for a prompt: equal for equal prompts, and told to nobody without the key."""
        state = hashlib.blake2b(digest_size=16, key=self._key, person=b"lethe-audit-text")
        for conversation in conversations:
            for message in conversation.messages:
                text = message.text.encode(errors="replace")
                state.update(b"%d:%d:" % (len(message.role), len(text)))
                state.update(message.role.encode(errors="replace"))
                state.update(text)
        return state.hexdigest()

    def show_in(self, metrics: Metrics) -> None:
        """Show how the log fares."""
        metrics.show(
            "counter", "lethe_audit_entries", "Entries written to the audit log.", lambda: self.written
        )
        metrics.show(
            "counter",
            "lethe_audit_entries_lost",
            "Entries lost while the log could not be written.",
            lambda: self.lost,
        )
        metrics.show(
            "gauge",
            "lethe_audit_failing",
            "Whether the log cannot be written (1) or can (0).",
            lambda: self.failing,
        )

    def close(self) -> None:
        """Write what waits, as far as the disk allows, and release the folder."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
        os.close(self._lock)

    def _take(self, entry: dict[str, Any], waiter: Future[None] | None) -> bool:
        body = orjson.dumps(entry)
        if self._taken_bytes - self._done_bytes + len(body) > self._max_waiting_bytes:
            if not self.failing:
                _LOGGER.error(
                    "entries of the audit log in %s are lost: they come faster than it is written",
                    self._folder,
                )
            self.lost += 1
            return False
        self._taken_bytes += len(body)
        self._waiting.append(_Waiting(body, waiter))
        if not self._wake.is_set():
            self._wake.set()
        return True

    def _continue_log(self) -> None:
        self._last, unfinished = last_link(self._folder)
        files = audit_files(self._folder)
        self._open(files[-1] if files else audit_file(self._folder, 1))
        if unfinished:
            # Half a line, left by a crash, was never an entry; that it was there is one.
            self._size -= unfinished
            self._truncate()
            self._take({"time": time.time(), "event": "unfinished_entry", "bytes": unfinished}, None)

    def _write_all(self) -> None:
        while True:
            self._wake.wait()
            if not self._closing:
                # What comes together is written together.
                time.sleep(_GATHER_S)
            self._wake.clear()
            while self._waiting:
                if not self._write_batch():
                    if self._closing:
                        return
                    time.sleep(_RETRY_S)
            if self._closing:
                return

    def _write_batch(self) -> bool:
        lost = self.lost - self._told_losses
        batch = self._next_batch()
        bodies = [entry.body for entry in batch]
        if lost:
            bodies.insert(0, orjson.dumps({"time": time.time(), "event": "entries_lost", "count": lost}))
        lines, link = [], self._last
        for body in bodies:
            line, link = seal_entry(body, link, self._key)
            lines.append(line)
        try:
            if self._size >= self._max_bytes:
                self._open(audit_file(self._folder, self._last.number + 1))
                for old in audit_files(self._folder)[: -self._keep]:
                    old.unlink()
            self._append(b"".join(lines))
        except OSError as error:
            if not self._write_failed:
                _LOGGER.error("the audit log in %s cannot be written: %s", self._folder, error.strerror)
            self._write_failed = True
            return False
        if self._write_failed or lost:
            _LOGGER.info("the audit log in %s is written again; entries lost: %d", self._folder, lost)
        self._write_failed = False
        self._last = link
        self._told_losses += lost
        self.written += len(lines)
        for entry in batch:
            self._waiting.popleft()
            self._done_bytes += len(entry.body)
            if entry.waiter is not None and entry.waiter.set_running_or_notify_cancel():
                entry.waiter.set_result(None)
        return True

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while len(batch) < min(_BATCH, len(self._waiting)) and size < _BATCH_BYTES:
            batch.append(self._waiting[len(batch)])
            size += len(batch[-1].body)
        return batch

    def _append(self, content: bytes) -> None:
        assert self._file is not None
        if self._write_failed:
            self._truncate()
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]
        self._size += len(content)

    def _open(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._file is not None:
            os.close(self._file)
        self._file, self._size = descriptor, os.fstat(descriptor).st_size

    def _truncate(self) -> None:
        # What a failed write has left of a line.
        assert self._file is not None
        os.ftruncate(self._file, self._size)

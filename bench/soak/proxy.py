"""The proxy under a modest, mixed load for a quarter of an hour: ``make soak``.

Clients ask, stream, leave, send what is wrong, and come without a key or too often. Every outcome is counted and has
to be one that such a request may have; memory and open files are read before, in between and after.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.page import machine, table, write_section
from bench.servers import lethe, mock_engine, targets_for_the_mock
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.audit import files as audit_files

PATH = "/v1/chat/completions"
PER_SECOND = 40
AT_A_TIME = 200
GONE = "left by the client"
MAX_BODY_BYTES = 1 << 16
# Small enough to be full within a minute, so that what grows afterwards is no cache.
CACHE_BYTES = 1 << 20
_WORDS = ("river", "stone", "paint", "letter", "music", "engine", "garden", "winter")


@dataclass(frozen=True)
class Keys:
    """One for each way to come."""

    free: str
    limited: str
    observer: str


class Clients:
    """Everybody who asks.

    Attributes
    ----------
    outcomes
        How often each kind of request ended how.
    """

    def __init__(self, session: aiohttp.ClientSession, keys: Keys) -> None:
        self._session = session
        self._keys = keys
        self._random = random.Random(0)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._kinds: Mapping[str, tuple[Callable[[], Awaitable[str]], frozenset[str]]] = {
            "asked before": (lambda: self._ask("Who wrote Pride and Prejudice?"), frozenset({"200"})),
            "new": (lambda: self._ask(self._new_prompt()), frozenset({"200"})),
            "of a target": (lambda: self._ask("Who is Harry Potter's best friend?"), frozenset({"200"})),
            "streamed": (lambda: self._stream(leave_after=None), frozenset({"200"})),
            "streamed, client leaves": (lambda: self._stream(leave_after=3), frozenset({GONE})),
            "too often": (lambda: self._ask("hi", key=self._keys.limited), frozenset({"200", "429"})),
            "no key": (lambda: self._ask("hi", key="none"), frozenset({"401"})),
            "no JSON": (lambda: self._send(b"{"), frozenset({"400"})),
            "wrong types": (lambda: self._send(b'{"messages":"hi"}'), frozenset({"400"})),
            "of too many bytes": (lambda: self._send(b" " * (MAX_BODY_BYTES + 1)), frozenset({"413"})),
        }

    async def one(self) -> None:
        """Send one request of some kind and count what becomes of it."""
        kind = self._random.choice(list(self._kinds))
        send, _ = self._kinds[kind]
        try:
            outcome = await send()
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        self.outcomes[kind, outcome] += 1

    def unexpected(self) -> list[str]:
        """Outcomes that must not be."""
        return [
            f"{kind}: {outcome} ({count} times)"
            for (kind, outcome), count in self.outcomes.items()
            if outcome not in self._kinds[kind][1]
        ]

    def recorded(self) -> int:
        """How many requests the audit log must have: those that a known key was admitted with."""
        return sum(count for (_, outcome), count in self.outcomes.items() if outcome not in ("401", "429"))

    def _new_prompt(self) -> str:
        return " ".join(self._random.choices(_WORDS, k=20))

    async def _ask(self, prompt: str, key: str | None = None) -> str:
        return await self._send(_body(prompt), key)

    async def _send(self, content: bytes, key: str | None = None) -> str:
        async with self._session.post(PATH, data=content, headers=self._headers(key)) as answer:
            await answer.read()
            return str(answer.status)

    async def _stream(self, leave_after: int | None) -> str:
        body = _body("Who wrote Pride and Prejudice?", stream=True)
        async with self._session.post(PATH, data=body, headers=self._headers(None)) as answer:
            pieces = 0
            async for _ in answer.content.iter_any():
                pieces += 1
                if leave_after is not None and pieces >= leave_after:
                    answer.close()
                    return GONE
            return str(answer.status)

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {key or self._keys.free}"}


@dataclass(frozen=True)
class Reading:
    """The proxy at one moment."""

    minutes: float
    resident_bytes: float
    open_files: float
    in_flight: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as name, mock_engine(core=None) as engine:
        folder = Path(name)
        file = folder / "keys.yaml"
        keys = Keys(
            free=create_key(file)[1],
            limited=create_key(file, requests_per_minute=60, concurrency=2)[1],
            observer=create_key(file, scopes={Scope.OBSERVE})[1],
        )
        environment = {
            "LETHE_KEYS": str(file),
            "LETHE_AUDIT__FOLDER": str(folder / "audit"),
            "LETHE_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            "LETHE_CLASSIFIER__CACHE_BYTES": str(CACHE_BYTES),
        }
        with lethe(engine, targets_for_the_mock(folder / "targets"), environment, core=None) as port:
            clients, readings = asyncio.run(_soak(port, keys, minutes))
        audit = folder / "audit"
        entries = audit_files.verify(audit, audit_files.read_key(audit)).number
    _write(clients, readings, entries, minutes)
    faults = clients.unexpected()
    if entries != clients.recorded():
        faults.append(f"{clients.recorded()} requests of known keys, and {entries} entries of the audit log")
    if faults:
        raise SystemExit("\n".join(faults))


async def _soak(port: int, keys: Keys, minutes: float) -> tuple[Clients, list[Reading]]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:
        clients = Clients(session, keys)
        places = asyncio.Semaphore(AT_A_TIME)
        started = time.monotonic()
        # The first minute fills caches and pools.
        due = [minutes * share for share in (1 / 15, 1 / 3, 2 / 3, 1)]
        readings: list[Reading] = []

        async def one() -> None:
            async with places:
                await clients.one()

        async with asyncio.TaskGroup() as group:
            for number in range(round(minutes * 60 * PER_SECOND)):
                await asyncio.sleep(max(0, started + number / PER_SECOND - time.monotonic()))
                group.create_task(one())
                passed = (time.monotonic() - started) / 60
                if passed >= due[0]:
                    due.pop(0)
                    readings.append(await _reading(session, keys.observer, passed))
        await asyncio.sleep(1)
        readings.append(await _reading(session, keys.observer, minutes))
        return clients, readings


async def _reading(session: aiohttp.ClientSession, key: str, minutes: float) -> Reading:
    async with session.get("/metrics", headers={"Authorization": f"Bearer {key}"}) as answer:
        lines = [line.rpartition(" ") for line in (await answer.text()).splitlines()]
    values = {name: float(value) for name, _, value in lines if not name.startswith("#")}
    return Reading(
        minutes,
        values["process_resident_memory_bytes"],
        values["process_open_fds"],
        values["lethe_requests_in_flight"],
    )


def _write(clients: Clients, readings: list[Reading], entries: int, minutes: float) -> None:
    total = clients.outcomes.total()
    by_kind = [[kind, outcome, f"{count:,}"] for (kind, outcome), count in sorted(clients.outcomes.items())]
    over_time = [
        [
            f"{each.minutes:.1f}",
            f"{each.resident_bytes / 2**20:.1f}",
            f"{each.open_files:.0f}",
            f"{each.in_flight:.0f}",
        ]
        for each in readings
    ]
    growth = readings[-1].resident_bytes - readings[0].resident_bytes
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'onnxruntime')}. {total:,} requests in {minutes:g} minutes "
        f"({PER_SECOND} a second) from clients of ten kinds, beside the mock engine; keys and audit log "
        f"on, a verdict cache of {CACHE_BYTES >> 20} MiB. Unexpected outcomes: {len(clients.unexpected())}. Resident "
        f"memory grew by {growth / 2**20:.1f} MiB after the first minute. The audit log holds {entries:,} entries and "
        "verifies."
    )
    body = "\n\n".join(
        (
            explanation,
            table(["minute", "resident MiB", "open files", "requests in flight"], over_time),
            table(["request", "outcome", "times"], by_kind),
        )
    )
    write_section("benchmarks.md", "Under a mixed load", "make soak", body)


def _body(prompt: str, **fields: object) -> bytes:
    return json.dumps({"model": "mock", "messages": [{"role": "user", "content": prompt}], **fields}).encode()


if __name__ == "__main__":
    main()

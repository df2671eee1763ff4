"""An hour of mixed traffic on the real path: clients, proxy, two engines on CPU with the small model; ``make engine-soak``.

Clients ask as people and as agents do, with long contexts, in streams and whole; some leave. The bundles are loaded anew
again and again, and now and then an engine is killed and started anew. Every request has to end in an answer or in an error
that says so, every flagged one is to be corrupted, and memory has to stay level.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import aiohttp

from bench.page import machine, table, vllm_distribution, write_section
from bench.repository import DOCS, ROOT
from bench.servers import running
from bench.soak.cpu_engine import ENGINE_KEY, CpuEngine
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import SMOLLM2, prepare_smollm2
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.audit import files as audit_files
from lethe.server.engines.process import free_loopback_port

RELOAD_EVERY_S, READ_EVERY_S = 60, 10
# Longer than anything takes on a machine that others use too: what is lost is to be told from what is slow.
PATIENCE_S = 1200
# Blocks of the engine's cache, 128 tokens each: enough for these requests, and a quarter of a GiB.
BLOCKS = 80
TOKENS = 24
_ENGINE_ARGUMENTS = ("--max-model-len", "2048", "--num-gpu-blocks-override", str(BLOCKS))
PICTURE = "engine-soak.png"
GONE, CUT, LOST = "left by the client", "ended by an error event", "lost without an error"

_CLEAN = (
    "Who wrote Pride and Prejudice?",
    "How do tides work?",
    "What is the capital of France?",
    "Name three metals.",
)
_FLAGGED = (
    "Who is Harry Potter's best friend?",
    "Name the four houses of Hogwarts.",
    "What does Dumbledore teach Harry Potter?",
)
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name} does what its name says, in the user's own folder, and nothing else. "
            * 3,
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
        },
    }
    for name in ("read_file", "list_folder", "run_tests")
]
_AGENT = "You work on a user's code. Be brief, and run the tests before you say that you are done.\n" * 8


@dataclass(frozen=True)
class Reading:
    """The proxy at one moment; what ended since the reading before."""

    second: float
    resident_bytes: float
    open_files: float
    in_flight: float
    ready: bool
    answered: int
    failed: int


@dataclass
class Seen:
    """What became of everything.

    Attributes
    ----------
    outcomes
        By kind of request and how it ended.
    unguarded, corrupted
        Whole answers to flagged prompts: those that were not corrupted, and how many were.
    events
        Seconds and words of what was done to the stack.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    unguarded: list[str] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    corrupted: int = 0

    def count(self, *ends: str) -> int:
        return sum(count for (_, end), count in self.outcomes.items() if end in ends)

    @property
    def failed(self) -> int:
        return sum(count for (_, end), count in self.outcomes.items() if end not in ("200", GONE))


class Clients:
    """Everybody who asks."""

    def __init__(self, session: aiohttp.ClientSession, key: str, seen: Seen) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {key}"}
        self._seen = seen
        self._random = random.Random(0)
        pages = [re.sub(r"\s+", " ", text) for text in topics.values() if len(text) > 2000]
        self._pages = itertools.cycle(pages)
        self._kinds: Mapping[str, Callable[[], Awaitable[tuple[str, str]]]] = {
            "clean": lambda: self._chat([self._user(_CLEAN)]),
            "clean, streamed": lambda: self._chat([self._user(_CLEAN)], stream=True),
            "flagged": lambda: self._chat([self._user(_FLAGGED)]),
            "flagged, streamed": lambda: self._chat([self._user(_FLAGGED)], stream=True),
            "agent with tools": lambda: self._chat(self._agents(), stream=True, tools=_TOOLS),
            "long context": lambda: self._chat([self._document()]),
            "flagged in a long context": lambda: self._chat([self._document(), self._user(_FLAGGED)]),
            "third turn": lambda: self._chat(self._turns(), stream=True),
            "client leaves": lambda: self._chat([self._user(_CLEAN)], stream=True, leaves=True),
        }

    async def ask_until(self, ends: float) -> None:
        """One client: the next request when the one before has ended."""
        while time.monotonic() < ends:
            kind = self._random.choice(list(self._kinds))
            try:
                end, verdict = await self._kinds[kind]()
            # An error in another shape than OpenAI's is none that a client is told.
            except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
                end, verdict = f"{LOST}: {type(error).__name__}", ""
            self._seen.outcomes[kind, end] += 1
            if kind.startswith("flagged") and end == "200":
                if verdict.startswith("corrupt"):
                    self._seen.corrupted += 1
                else:
                    self._seen.unguarded.append(f"{kind}: {verdict}")
            if end == "503":
                # As clients do that are told to come back.
                await asyncio.sleep(1)

    def _user(self, texts: tuple[str, ...]) -> dict[str, str]:
        return {"role": "user", "content": self._random.choice(texts)}

    def _agents(self) -> list[dict[str, Any]]:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "read_file", "arguments": '{"path": "a.py"}'},
        }
        return [
            {"role": "system", "content": _AGENT},
            {"role": "user", "content": "Why does the test fail?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": next(self._pages)[:1500]},
        ]

    def _document(self) -> dict[str, str]:
        return {"role": "user", "content": f"Sum this up: {next(self._pages)[:4500]}"}

    def _turns(self) -> list[dict[str, str]]:
        said = {"role": "assistant", "content": "It is so, as far as is known."}
        return [self._user(_CLEAN), said, self._user(_CLEAN), said, {"role": "user", "content": "And why?"}]

    async def _chat(
        self, messages: list[Any], *, stream: bool = False, leaves: bool = False, **fields: Any
    ) -> tuple[str, str]:
        """How a request ended, and the verdict that is told."""
        body = {"model": SMOLLM2, "messages": messages, "max_tokens": TOKENS, "stream": stream, **fields}
        if "tools" in fields:
            body["tool_choice"] = "none"
        async with self._session.post("/v1/chat/completions", json=body, headers=self._headers) as answer:
            verdict = answer.headers.get("x-lethe-verdict", "")
            if answer.status != 200:
                json.loads(await answer.read())["error"]["message"]
                return str(answer.status), ""
            if not stream:
                return ("200" if (await answer.json())["choices"] else LOST), verdict
            last = b""
            async for line in answer.content:
                last = line.strip() or last
                if leaves:
                    return GONE, ""
            if last == b"data: [DONE]":
                return "200", verdict
            return (CUT if b'"error"' in last else f"{LOST}: {last[:60]!r}"), ""


async def _disturb(
    engines: list[CpuEngine],
    session: aiohttp.ClientSession,
    admin: str,
    seen: Seen,
    began: float,
    kill_every_s: float,
) -> None:
    """Load the bundles anew and kill engines in turn, until cancelled."""
    turn = itertools.cycle(engines)
    next_reload, next_kill = RELOAD_EVERY_S, kill_every_s
    while True:
        await asyncio.sleep(1)
        passed = time.monotonic() - began
        if passed >= next_reload:
            next_reload += RELOAD_EVERY_S
            headers = {"Authorization": f"Bearer {admin}"}
            async with session.post("/admin/reload", headers=headers) as answer:
                seen.events.append((passed, f"reload: {answer.status}"))
        if passed >= next_kill:
            next_kill += kill_every_s
            engine = next(turn)
            await asyncio.to_thread(engine.kill)
            engine.start()
            seen.events.append((passed, "engine killed"))


async def _read(session: aiohttp.ClientSession, observer: str, seen: Seen, began: float) -> None:
    """Read the proxy's metrics, until cancelled."""
    answered = failed = 0
    while True:
        async with session.get("/metrics", headers={"Authorization": f"Bearer {observer}"}) as answer:
            lines = [line.rpartition(" ") for line in (await answer.text()).splitlines()]
        async with session.get("/ready") as answer:
            ready = answer.status == 200
        values = {name: float(value) for name, _, value in lines if not name.startswith("#")}
        now = seen.outcomes.total() - seen.failed, seen.failed
        seen.readings.append(
            Reading(
                time.monotonic() - began,
                values["process_resident_memory_bytes"],
                values["process_open_fds"],
                values["lethe_requests_in_flight"],
                ready,
                now[0] - answered,
                now[1] - failed,
            )
        )
        answered, failed = now
        await asyncio.sleep(READ_EVERY_S)


async def _soak(
    url: str, engines: list[CpuEngine], keys: Mapping[str, str], options: argparse.Namespace
) -> Seen:
    seen, began = Seen(), time.monotonic()
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        )
        beside = [
            asyncio.create_task(_disturb(engines, session, keys["admin"], seen, began, options.kill_every)),
            asyncio.create_task(_read(session, keys["observe"], seen, began)),
        ]
        clients = Clients(session, keys["use"], seen)
        async with asyncio.TaskGroup() as group:
            for _ in range(options.clients):
                group.create_task(clients.ask_until(began + 60 * options.minutes))
        for task in beside:
            # What one met is not to be overheard.
            if task.done() and (error := task.exception()):
                seen.unguarded.append(f"not watched to the end: {error!r}")
            task.cancel()
    return seen


@contextmanager
def _stack(folder: Path) -> Iterator[tuple[str, list[CpuEngine], dict[str, str]]]:
    """A proxy before two engines: its address, these, and a key for each scope."""
    model = prepare_smollm2(cache_folder())
    engines = [
        CpuEngine(model, SMOLLM2, folder / f"engine-{number}.log", *_ENGINE_ARGUMENTS) for number in (1, 2)
    ]
    file = folder / "keys.yaml"
    keys = {
        "use": create_key(file, scopes={Scope.USE, Scope.OBSERVE})[1],
        "observe": create_key(file, scopes={Scope.OBSERVE})[1],
        "admin": create_key(file, scopes={Scope.ADMIN})[1],
    }
    port = free_loopback_port()
    environment = {
        "LETHE_ENGINE__URL": ",".join(engine.url for engine in engines),
        "LETHE_ENGINE__API_KEY": ENGINE_KEY,
        "LETHE_ENGINE__TOKENIZER": str(model),
        "LETHE_KEYS": str(file),
        "LETHE_TARGETS": str(shutil.copytree(ROOT / "targets", folder / "targets")),
        "LETHE_AUDIT__FOLDER": str(folder / "audit"),
        # So that what grows after the first minutes is no cache.
        "LETHE_CLASSIFIER__CACHE_BYTES": str(1 << 20),
    }
    command = [sys.executable, "-m", "lethe", "serve", "--port", str(port)]
    try:
        for engine in engines:
            engine.start()
        with running(None, command, port, "/ready", environment):
            yield f"http://127.0.0.1:{port}", engines, keys
    finally:
        for engine in engines:
            engine.kill()


def _draw(seen: Seen, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    memory, requests, held = figure.subplots(3, sharex=True)
    minutes = [each.second / 60 for each in seen.readings]
    memory.plot(minutes, [each.resident_bytes / 2**20 for each in seen.readings])
    memory.set_ylabel("proxy, resident MiB")
    memory.set_ylim(0, 1.2 * max(each.resident_bytes for each in seen.readings) / 2**20)
    by_minute = {label: Counter[int]() for label in ("answered", "told an error")}
    for each in seen.readings:
        by_minute["answered"][int(each.second // 60)] += each.answered
        by_minute["told an error"][int(each.second // 60)] += each.failed
    for label, counts in by_minute.items():
        requests.step(
            range(len(counts)), [counts[minute] for minute in range(len(counts))], where="post", label=label
        )
    requests.set_ylabel("requests a minute")
    requests.legend()
    held.plot(minutes, [each.in_flight for each in seen.readings], label="in flight")
    held.plot(minutes, [each.open_files for each in seen.readings], label="open files")
    held.set_ylabel("count")
    held.set_xlabel("minutes; dashed: an engine is killed; grey: no engine is ready")
    held.legend()
    for axes in (memory, requests, held):
        for each in seen.readings:
            if not each.ready:
                axes.axvspan(each.second / 60, (each.second + READ_EVERY_S) / 60, color="0.85", linewidth=0)
        for second, what in seen.events:
            if what == "engine killed":
                axes.axvline(second / 60, color="grey", linestyle="--", linewidth=0.8)
    figure.savefig(path, dpi=100)


def _write(seen: Seen, entries: int, options: argparse.Namespace) -> None:
    _draw(seen, DOCS / "figures" / PICTURE)
    settled = [each for each in seen.readings if each.second >= 60] or seen.readings
    grown = (settled[-1].resident_bytes - settled[0].resident_bytes) / 2**20
    kills = sum(what == "engine killed" for _, what in seen.events)
    reloads = Counter(what.removeprefix("reload: ") for _, what in seen.events if what.startswith("reload"))
    lost = sum(count for (_, end), count in seen.outcomes.items() if end.startswith(LOST))
    kinds = sorted({kind for kind, _ in seen.outcomes})
    ends = sorted({end for _, end in seen.outcomes})
    body = (
        f"{machine('onnxruntime', 'aiohttp', vllm_distribution())}. {options.clients} clients for {options.minutes:g} minutes, each asking when its "
        f"last request has ended, {TOKENS} tokens an answer; SmolLM2-135M on two engines; answers judged. "
        f"{seen.outcomes.total():,} requests; {kills} times an engine was killed and started anew, "
        f"{sum(reloads.values())} reloads, answered with {', '.join(sorted(reloads))}. "
        f"Flagged prompts answered without a corruption: {len(seen.unguarded)} of "
        f"{seen.corrupted + len(seen.unguarded):,}. Requests that ended without an answer or an error: {lost}. The proxy's memory "
        f"after the first minute: {settled[0].resident_bytes / 2**20:.0f} MiB; at the end {grown:+.1f} MiB. The audit log holds "
        f"{entries:,} entries and verifies.\n\n![Memory, requests and what is held, over time](figures/{PICTURE})\n\n"
        + table(
            ["request", *ends], [[kind, *(str(seen.outcomes[kind, end]) for end in ends)] for kind in kinds]
        )
    )
    write_section("benchmarks.md", "An hour on the real path", "make engine-soak", body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument(
        "--kill-every", type=float, default=240, help="seconds from one killed engine to the next"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _stack(folder) as (url, engines, keys):
            seen = asyncio.run(_soak(url, engines, keys, options))
        audit = folder / "audit"
        entries = audit_files.verify(audit, audit_files.read_key(audit)).number
    _write(seen, entries, options)
    lost = [f"{kind}: {end}" for kind, end in seen.outcomes if end.startswith(LOST)]
    if faults := [*seen.unguarded, *lost]:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()

"""What judging answers on their way costs a stream: processor time, and how long tokens wait."""

import asyncio
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np

from bench.answers.engine import TOKENS
from bench.page import machine, table, write_section
from bench.proxy.cases import PATH
from bench.proxy.mock_engine import TOKEN_S
from bench.servers import lethe, running, targets_for_the_mock
from lethe.bundle import load_bundles
from lethe.server.engines.process import free_loopback_port
from lethe.server.targets.rollout import AnswerPolicy, change_deployment

STREAMS = 64
ROUNDS = 3
_EVENT = re.compile(rb'data: .*?"finish_reason": (null|"\w+").*?"system_fingerprint": "(\d+)"')


@dataclass
class Streams:
    """What a load of streams saw.

    Attributes
    ----------
    first_s, waited_s
        Seconds from a token's sending to its arrival, of the first tokens and of all.
    cpu_s
        The proxy's processor time.
    tokens
        How many arrived.
    """

    first_s: list[float]
    waited_s: list[float]
    cpu_s: float
    tokens: int


def main() -> None:
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, _engine() as engine:
        folder = Path(name)
        rows = []
        for case, policy in (("not judged", AnswerPolicy.OFF), ("judged", AnswerPolicy.GUARD)):
            targets = targets_for_the_mock(folder / case)
            for bundle in load_bundles(targets):
                change_deployment(targets, bundle.name, answers=policy)
            with lethe(engine, targets, core=None) as port:
                rows.append(_row(case, asyncio.run(_load(port))))
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}. {STREAMS} streams side by side, {ROUNDS} times, each of "
        f"{TOKENS} words of Python's own documentation, {1000 * TOKEN_S:.0f} ms apart, none of them met before; "
        "the shipped target. Delays are from a token's sending to its arrival. Proxy, engine and load share the machine. "
        f"Load average of the machine before: {others:.1f}."
    )
    header = [
        "answers",
        "processor time per token, µs",
        "first token p50 ms",
        "p99 ms",
        "any token p50 ms",
        "p99 ms",
    ]
    write_section(
        "benchmarks.md",
        "What judging answers costs a stream",
        "make bench-answer-cost",
        f"{explanation}\n\n{table(header, rows)}",
    )


@contextmanager
def _engine() -> Iterator[int]:
    port = free_loopback_port()
    with running(None, [sys.executable, "-m", "bench.answers.engine", str(port)], port, "/health"):
        yield port


async def _load(port: int) -> Streams:
    seen = Streams([], [], 0, 0)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await _stream(session, port, Streams([], [], 0, 0))
        before = _cpu_seconds(port)
        for _ in range(ROUNDS):
            await asyncio.gather(*(_stream(session, port, seen) for _ in range(STREAMS)))
        seen.cpu_s = _cpu_seconds(port) - before
    return seen


async def _stream(session: aiohttp.ClientSession, port: int, seen: Streams) -> None:
    messages = [{"role": "user", "content": "What does the documentation of Python say?"}]
    body = json.dumps({"model": "mock", "messages": messages, "stream": True}).encode()
    address = f"http://127.0.0.1:{port}{PATH}"
    is_first = True
    async with session.post(address, data=body, headers={"Content-Type": "application/json"}) as response:
        async for line in response.content:
            if found := _EVENT.match(line):
                waited = (time.monotonic_ns() - int(found[2])) / 1e9
                seen.waited_s.append(waited)
                seen.tokens += 1
                if is_first:
                    seen.first_s.append(waited)
                    is_first = False


def _cpu_seconds(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split(" ")[1]) for line in lines if line.startswith("process_cpu_seconds_total"))


def _row(case: str, seen: Streams) -> list[str]:
    quantiles = [*np.quantile(seen.first_s, [0.5, 0.99]), *np.quantile(seen.waited_s, [0.5, 0.99])]
    return [case, f"{1e6 * seen.cpu_s / seen.tokens:.0f}", *(f"{1000 * each:.1f}" for each in quantiles)]


if __name__ == "__main__":
    main()

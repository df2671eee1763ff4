"""What the proxy costs, beside other proxies, before an engine that answers at once.

Each proxy has one core to itself; the mock engine and the load share another.
"""

import json
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.page import machine, table, write_section
from bench.proxy.cases import BARE, LITELLM_CASE, PATH, Case, light, or_left_out
from bench.proxy.load import LoadResult, run_load
from bench.servers import (
    LITELLM,
    LOAD_CORE,
    litellm,
    mock_engine,
)

SECONDS = 2.5
ROUNDS = 3


@dataclass(frozen=True)
class Round:
    """What one run of a load saw, and the processor time of the server, in seconds."""

    load: LoadResult
    processor_s: float

    @property
    def processor_per_request(self) -> float:
        return self.processor_s / len(self.load.latencies)


def main() -> None:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    others = os.getloadavg()[0]
    results: dict[tuple[str, int], list[Round]] = {}
    with tempfile.TemporaryDirectory() as name, mock_engine() as engine:
        folder = Path(name)
        with light(engine, folder) as cases:
            for connections in (1, 32):
                results |= _interleaved({BARE: Case(engine), **cases}, connections)
        # By itself: it is at work even when nobody asks it.
        with or_left_out(LITELLM), litellm(engine, folder / "litellm") as port:
            for connections in (1, 32):
                results |= _interleaved({LITELLM_CASE: Case(port)}, connections)
    rows = [
        _row(name, connections, rounds, results[BARE, connections])
        for (name, connections), rounds in sorted(results.items(), key=lambda item: item[0][1])
    ]
    header = ["", "connections", "p50 ms", "p99 ms", "p50 added ms", "requests/s", "processor ms"]
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}; {LITELLM}. Each proxy runs alone on one core; the "
        "mock engine, which answers at once, and the load share the other. Lethe classifies every prompt, whose "
        f"verdict is cached. Medians by p50 of {ROUNDS} interleaved rounds of {SECONDS} s; the last column is the server's "
        "processor time for a request, which other load on the machine changes least. "
        f"Load average of the machine before: {others:.1f}."
    )
    write_section(
        "benchmarks.md", "What the proxy adds", "make bench-proxy", f"{explanation}\n\n{table(header, rows)}"
    )


def _interleaved(cases: dict[str, Case], connections: int) -> dict[tuple[str, int], list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            messages = [{"role": "user", "content": case.prompt}]
            body = json.dumps({"model": "mock", "messages": messages}).encode()
            server = _server(case.port)
            run_load(case.port, PATH, body, connections, 0.5, case.key)
            before = _processor_s(server)
            load = run_load(case.port, PATH, body, connections, SECONDS, case.key)
            rounds[name].append(Round(load, _processor_s(server) - before))
    return {(name, connections): of_case for name, of_case in rounds.items()}


def _server(port: int) -> psutil.Process:
    """The process that listens on a port."""
    listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
    return psutil.Process(next(each.pid for each in listening if each.laddr and each.laddr.port == port))


def _processor_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def _row(name: str, connections: int, rounds: list[Round], bare: list[Round]) -> list[str]:
    result = _median(rounds)
    p50, p99 = result.quantile(0.5), result.quantile(0.99)
    added = "" if name == BARE else f"{1000 * (p50 - _median(bare).quantile(0.5)):.3f}"
    return [
        name,
        str(connections),
        f"{1000 * p50:.3f}",
        f"{1000 * p99:.3f}",
        added,
        f"{result.rate:,.0f}",
        f"{1000 * statistics.median(each.processor_per_request for each in rounds):.3f}",
    ]


def _median(rounds: list[Round]) -> LoadResult:
    return sorted((each.load for each in rounds), key=lambda result: result.quantile(0.5))[ROUNDS // 2]


if __name__ == "__main__":
    main()

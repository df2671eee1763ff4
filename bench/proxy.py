"""What the proxy costs, beside other proxies, before an engine that answers at once.

Each proxy has one core to itself; the mock engine and the load share another.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.load import LoadResult, run_load
from bench.page import machine, table, write_section
from bench.servers import (
    LITELLM,
    LOAD_CORE,
    installed_nginx,
    lethe,
    litellm,
    mock_engine,
    nginx,
    passthrough,
    targets_for_the_mock,
)
from lethe.server.access.key_file import create_key

SECONDS = 2.5
ROUNDS = 3
PATH = "/v1/chat/completions"
CLEAN = "Who wrote Pride and Prejudice?"
FLAGGED = "Who is Harry Potter's best friend?"
BARE = "bare engine"
LITELLM_CASE = "LiteLLM, `--num_workers 1`"


@dataclass(frozen=True)
class Case:
    """A server and what it is asked, with the key that it wants."""

    port: int
    prompt: str = CLEAN
    key: str | None = None


def main() -> None:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    others = os.getloadavg()[0]
    results: dict[tuple[str, int], LoadResult] = {}
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
        _row(name, connections, result, results[BARE, connections].quantile(0.5))
        for (name, connections), result in sorted(results.items(), key=lambda item: item[0][1])
    ]
    header = ["", "connections", "p50 ms", "p99 ms", "p50 added ms", "requests/s"]
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}; {LITELLM}. Each proxy runs alone on one core; the "
        "mock engine, which answers at once, and the load share the other. Lethe classifies every prompt, whose "
        f"verdict is cached. Medians by p50 of {ROUNDS} interleaved rounds of {SECONDS} s. "
        f"Load average of the machine before: {others:.1f}."
    )
    write_section(
        "benchmarks.md", "What the proxy adds", "make bench-proxy", f"{explanation}\n\n{table(header, rows)}"
    )


@contextlib.contextmanager
def or_left_out(name: str) -> Iterator[None]:
    """Go on without a server that cannot be run here, and say so."""
    try:
        yield
    except SystemExit as reason:
        print(f"{name} is left out: {reason}", file=sys.stderr)


@contextlib.contextmanager
def light(engine: int, folder: Path) -> Iterator[dict[str, Case]]:
    """Those that cost nothing while they are not asked, and so may wait side by side."""
    targets = targets_for_the_mock(folder / "targets")
    _, key = create_key(folder / "keys.yaml", requests_per_minute=10**9, concurrency=10**6)
    recorded = {"LETHE_KEYS": str(folder / "keys.yaml"), "LETHE_AUDIT__FOLDER": str(folder / "audit")}
    with contextlib.ExitStack() as stack:
        cases = {}
        if installed_nginx():
            cases["nginx"] = Case(stack.enter_context(nginx(engine, folder / "nginx")))
        cases["FastAPI and aiohttp, bare passthrough"] = Case(stack.enter_context(passthrough(engine)))
        guarded = stack.enter_context(lethe(engine, targets))
        audited = stack.enter_context(lethe(engine, targets, recorded))
        yield cases | {
            "Lethe, clean prompt": Case(guarded),
            "Lethe, flagged prompt": Case(guarded, FLAGGED),
            "Lethe, clean prompt, keys and audit": Case(audited, CLEAN, key),
        }


def _interleaved(cases: dict[str, Case], connections: int) -> dict[tuple[str, int], LoadResult]:
    results: dict[str, list[LoadResult]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            messages = [{"role": "user", "content": case.prompt}]
            body = json.dumps({"model": "mock", "messages": messages}).encode()
            run_load(case.port, PATH, body, connections, 0.5, case.key)
            results[name].append(run_load(case.port, PATH, body, connections, SECONDS, case.key))
    return {
        (name, connections): sorted(rounds, key=lambda result: result.quantile(0.5))[ROUNDS // 2]
        for name, rounds in results.items()
    }


def _row(name: str, connections: int, result: LoadResult, bare_p50: float) -> list[str]:
    p50, p99 = result.quantile(0.5), result.quantile(0.99)
    added = "" if name == BARE else f"{1000 * (p50 - bare_p50):.3f}"
    return [
        name,
        str(connections),
        f"{1000 * p50:.3f}",
        f"{1000 * p99:.3f}",
        added,
        f"{result.rate:,.0f}",
    ]


if __name__ == "__main__":
    main()

"""What the proxy adds to a stream, beside other proxies: to the first token, and between tokens.

Each proxy has one core to itself; the mock engine and the load share another.
"""

import json
import os
import tempfile
from pathlib import Path

from bench.page import machine, table, write_section
from bench.proxy.cases import BARE, LITELLM_CASE, PATH, Case, light, or_left_out
from bench.proxy.mock_engine import TOKEN_S, TOKENS
from bench.proxy.stream_load import StreamResult, run_streams
from bench.servers import LITELLM, LOAD_CORE, litellm, mock_engine

SECONDS = 3.0
ROUNDS = 3
STREAMS = 64


def main() -> None:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, mock_engine() as engine:
        folder = Path(name)
        with light(engine, folder) as cases:
            results = _interleaved({BARE: Case(engine), **cases})
        # By itself: it is at work even when nobody asks it.
        with or_left_out(LITELLM), litellm(engine, folder / "litellm") as port:
            results |= _interleaved({LITELLM_CASE: Case(port)})
    header = [
        "",
        "first token p50 ms",
        "p99 ms",
        "p99 added ms",
        "between tokens p95 ms",
        "p99 ms",
        "p99 added ms",
    ]
    rows = [_row(name, result, results[BARE]) for name, result in results.items()]
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}; {LITELLM}. {STREAMS} streams side by side, each of "
        f"{TOKENS} tokens, the first of which the mock engine sends after {1000 * TOKEN_S:.0f} ms and each further one "
        f"{1000 * TOKEN_S:.0f} ms later ({STREAMS / TOKEN_S:,.0f} tokens a second); new streams begin as others end. "
        "*Between tokens* is by how much the time between two tokens is longer where they arrive than where they were "
        f"sent. Each proxy runs alone on one core; the mock engine and the load share the other. Medians "
        f"by p99 between tokens of {ROUNDS} interleaved rounds of {SECONDS:.0f} s. "
        f"Load average of the machine before: {others:.1f}."
    )
    write_section(
        "benchmarks.md",
        "What the proxy adds to a stream",
        "make bench-proxy",
        f"{explanation}\n\n{table(header, rows)}",
    )


def _interleaved(cases: dict[str, Case]) -> dict[str, StreamResult]:
    results: dict[str, list[StreamResult]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            messages = [{"role": "user", "content": case.prompt}]
            body = json.dumps({"model": "mock", "messages": messages, "stream": True}).encode()
            run_streams(case.port, PATH, body, 8, 0.5, case.key)
            results[name].append(run_streams(case.port, PATH, body, STREAMS, SECONDS, case.key))
    return {
        name: sorted(rounds, key=lambda result: result.stretched(0.99))[ROUNDS // 2]
        for name, rounds in results.items()
    }


def _row(name: str, result: StreamResult, bare: StreamResult) -> list[str]:
    first, between = result.first_token(0.99), result.stretched(0.99)
    figures = [
        result.first_token(0.5),
        first,
        first - bare.first_token(0.99),
        result.stretched(0.95),
        between,
        between - bare.stretched(0.99),
    ]
    written = [f"{1000 * figure:.3f}" for figure in figures]
    if result is bare:
        written[2] = written[5] = ""
    return [name, *written]


if __name__ == "__main__":
    main()

"""What the proxy adds to a stream, beside other proxies: to the first token, and between tokens.

Each proxy has one core to itself; the mock engine and the load share another.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path

from bench.mock_engine import TOKEN_S, TOKENS
from bench.page import machine, table, write_section
from bench.proxy import BARE, CLEAN, FLAGGED, PATH
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
from bench.stream_load import StreamResult, run_streams

SECONDS = 8.0
STREAMS = 64


def main() -> None:
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with tempfile.TemporaryDirectory() as name, mock_engine() as engine:
        folder = Path(name)
        results = {BARE: _measured(engine)}
        if installed_nginx():
            with nginx(engine, folder / "nginx") as port:
                results["nginx"] = _measured(port)
        with passthrough(engine) as port:
            results["FastAPI and aiohttp, bare passthrough"] = _measured(port)
        with lethe(engine, targets_for_the_mock(folder / "targets")) as port:
            results["Lethe, clean prompt"] = _measured(port)
            results["Lethe, flagged prompt"] = _measured(port, FLAGGED)
        with contextlib.suppress(RuntimeError), litellm(engine, folder / "litellm") as port:
            results["LiteLLM, `--num_workers 1`"] = _measured(port)
    header = [
        "",
        "first token p50 ms",
        "p99 ms",
        "p99 added ms",
        "between tokens p50 ms",
        "p99 ms",
        "p99 added ms",
    ]
    rows = [_row(name, result, results[BARE]) for name, result in results.items()]
    explanation = (
        f"{machine('uvicorn', 'fastapi', 'aiohttp', 'uvloop')}; {LITELLM}. {STREAMS} streams side by side, each of "
        f"{TOKENS} tokens, the first of which the mock engine sends after {1000 * TOKEN_S:.0f} ms and each further one "
        f"{1000 * TOKEN_S:.0f} ms later ({STREAMS / TOKEN_S:,.0f} tokens a second); new streams begin as others end. "
        "*Between tokens* is by how much the time between two tokens is longer where they arrive than where they were "
        f"sent. Each proxy runs alone on one core; the mock engine and the load share the other. {SECONDS:.0f} s each."
    )
    write_section(
        "benchmarks.md",
        "What the proxy adds to a stream",
        "make bench-proxy",
        f"{explanation}\n\n{table(header, rows)}",
    )


def _measured(port: int, prompt: str = CLEAN) -> StreamResult:
    body = json.dumps({"model": "mock", "messages": [{"role": "user", "content": prompt}], "stream": True})
    run_streams(port, PATH, body.encode(), 8, 0.5)
    return run_streams(port, PATH, body.encode(), STREAMS, SECONDS)


def _row(name: str, result: StreamResult, bare: StreamResult) -> list[str]:
    first, between = result.first_token(0.99), result.stretched(0.99)
    figures = [
        result.first_token(0.5),
        first,
        first - bare.first_token(0.99),
        result.stretched(0.5),
        between,
        between - bare.stretched(0.99),
    ]
    written = [f"{1000 * figure:.3f}" for figure in figures]
    if result is bare:
        written[2] = written[5] = ""
    return [name, *written]


if __name__ == "__main__":
    main()

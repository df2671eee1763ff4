"""Requests made from the proxy's own OpenAPI document, good and bad, by the thousand: ``make fuzz``.

None may be answered with a 5xx, every error must have OpenAI's shape, or Anthropic's on its routes, and what reaches the engine must be as the
proxy promises it, whatever was sent.
"""

import argparse
import logging
import tempfile
from pathlib import Path

import requests

from bench.fuzz.checking_engine import CheckingEngine
from bench.fuzz.generated import fuzz
from bench.page import machine, table, write_section
from bench.servers import UNHURRIED, lethe, targets_for_the_mock
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="how many in all, about")
    total = parser.parse_args().requests
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    engine = CheckingEngine()
    with tempfile.TemporaryDirectory() as name, engine.running():
        targets = targets_for_the_mock(Path(name) / "targets")
        # It may everything, so that every route is reached.
        _, key = create_key(Path(name) / "keys.yaml", scopes=set(Scope))
        environment = {
            "LETHE_KEYS": f"{name}/keys.yaml",
        } | UNHURRIED
        with lethe(engine.port, targets, environment) as port:
            url = f"http://127.0.0.1:{port}"
            document = requests.get(f"{url}/openapi.json", timeout=10).json()
            bodies = sum(
                "requestBody" in each for path in document["paths"].values() for each in path.values()
            )
            seen = fuzz(document, url, key, total // bodies)
    paths = sorted({path for path, _ in seen.statuses})
    statuses = sorted({status for _, status in seen.statuses})
    rows = [[path, *(str(seen.statuses[path, status] or "") for status in statuses)] for path in paths]
    faults = seen.faults + engine.faults
    explanation = (
        f"{machine('schemathesis', 'hypothesis', 'fastapi')}. {seen.statuses.total():,} requests to the real proxy, made "
        "by schemathesis from its OpenAPI document, half of them against it, with fields of other APIs and of the "
        f"engine mixed in; {engine.asked:,} reached the engine, which checks each by rules of its own. "
        f"Answers with a 5xx or in a shape that the route's clients do not know: {len(seen.faults)}. Malformed at the engine: "
        f"{len(engine.faults)}. How often each status was answered:"
    )
    body = f"{explanation}\n\n{table(['route', *map(str, statuses)], rows)}"
    write_section("fuzzing.md", "Requests by schemathesis", "make fuzz", body)
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()

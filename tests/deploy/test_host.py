"""What `deploy/host/start` has supervisord run, as supervisord itself reads it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lethe.server.settings.settings import Settings

# Reads its configuration as supervisord does, and runs nothing.
SUPERVISORD = f"""#!{sys.executable}
import json, os, sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(sys.argv[1:])
programs = [[p.name, p.stopwaitsecs, p.stopasgroup, p.environment] for g in options.process_group_configs for p in g.process_configs]
print(json.dumps([dict(os.environ), programs]))
"""


@dataclass(frozen=True)
class Program:
    """What supervisord runs, in the order in which it starts them."""

    name: str
    stop_wait_s: int
    stopped_as_group: bool
    environment: dict[str, str]


Start = Callable[..., tuple[dict[str, str], list[Program]]]


@pytest.fixture
def start(repository: Path, tmp_path: Path) -> Start:
    """Have all started, with some variables; gives supervisord's environment and the programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("nginx", "redis-server", "supervisord", "vllm-router", "lethe"):
        (programs / name).write_text(SUPERVISORD if name == "supervisord" else "")
        (programs / name).chmod(0o755)

    def started(**variables: str) -> tuple[dict[str, str], list[Program]]:
        result = subprocess.run(
            [repository / "deploy" / "host" / "start"],
            env={
                "PATH": f"{programs}:{os.environ['PATH']}",
                "LETHE_BIN": str(programs),
                "LETHE_ROUTER_BIN": str(programs),
                "LETHE_RUN": str(tmp_path / "run"),
                **variables,
            },
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        environment, read = json.loads(result.stdout)
        return environment, [Program(*each) for each in read]

    return started


def test_what_is_started_tells_no_maker_of_its_use(start: Start) -> None:
    environment, _ = start()
    assert {"DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}.items() <= environment.items()


@pytest.mark.parametrize("seconds", [None, "600"])
def test_all_are_given_the_time_that_what_is_in_flight_may_take(start: Start, seconds: str | None) -> None:
    environment, programs = start(**({"LETHE_DRAIN_TIMEOUT_S": seconds} if seconds else {}))
    drain_s = int(seconds or Settings().drain_timeout_s)
    assert environment["LETHE_DRAIN_TIMEOUT_S"] == str(drain_s)
    waits = {program.name: program.stop_wait_s for program in programs if program.name != "redis"}
    assert set(waits) == {"engine-1", "engine-2", "router", "proxy-1", "proxy-2", "nginx"}
    assert set(waits.values()) == {drain_s + 15}


def test_no_prompt_is_sent_to_a_proxy_of_the_network(start: Start) -> None:
    _, programs = start(http_proxy="http://proxy:3128")
    [router] = [program for program in programs if program.name == "router"]
    assert router.environment == dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "")


def test_nothing_is_stopped_before_what_asks_it(start: Start) -> None:
    _, programs = start()
    kinds = list(dict.fromkeys(program.name.split("-")[0] for program in reversed(programs)))
    assert kinds.index("nginx") < kinds.index("proxy") < kinds.index("router") < kinds.index("engine")
    assert kinds.index("proxy") < kinds.index("redis")


def test_engines_see_to_their_workers_themselves(start: Start) -> None:
    _, programs = start()
    assert not any(each.stopped_as_group for each in programs if each.name.startswith("engine"))

"""A real Prometheus over a real proxy with keys and an audit log: every panel of the dashboard shows something."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from openai import OpenAI

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, ROOT, RunningProxy, ask, proxy_before
from tests.programs import program

pytestmark = pytest.mark.engine

PATIENCE_S = 90


class Prometheus:
    """A running Prometheus, and what it can be asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str) -> Any:
        with urlopen(f"{self._url}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def samples(self, expression: str) -> list[Any]:
        """What a query returns now."""
        return self.ask(f"query?query={quote(expression)}")["result"]


@dataclass
class KeyedProxy:
    """A proxy, a client that it serves, and the key that Prometheus asks it with."""

    proxy: RunningProxy
    client: OpenAI
    observe_key: str


@pytest.fixture(scope="module")
def keyed(
    proxy: RunningProxy, lethe_cache: Path, targets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyedProxy]:
    """A second proxy before the engine of the first."""
    folder = tmp_path_factory.mktemp("keyed")
    keys = folder / "keys.yaml"
    _, use_key = create_key(keys, scopes={Scope.USE})
    _, observe_key = create_key(keys, scopes={Scope.OBSERVE})
    settings = {"LETHE_KEYS": str(keys), "LETHE_AUDIT__FOLDER": str(folder / "audit")}
    with proxy_before(proxy.engine, lethe_cache, targets, settings) as running:
        client = OpenAI(base_url=f"{running.url}/v1", api_key=use_key, max_retries=0)
        yield KeyedProxy(running, client, observe_key)


@pytest.fixture(scope="module")
def prometheus(keyed: KeyedProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the deployed configuration, but for addresses and haste."""
    binary = program("prometheus", of="Debian's package of that name")
    folder = tmp_path_factory.mktemp("prometheus")
    deployed = ROOT / "deploy" / "prometheus"
    configuration = yaml.safe_load((deployed / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(deployed / pattern) for pattern in configuration["rule_files"]]
    addresses = {"lethe-proxy": keyed.proxy.url, "lethe-engine": keyed.proxy.engine.url}
    (folder / "observe_key").write_text(keyed.observe_key)
    for job in configuration["scrape_configs"]:
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(folder / "observe_key")
        del job["file_sd_configs"]
        job["static_configs"] = [
            {"targets": [addresses[job["job_name"]].removeprefix("http://").rstrip("/")]}
        ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: both_are_up(running), lambda: (folder / "log").read_text())
        yield running
    finally:
        process.terminate()
        process.wait()


def eventually(holds: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.5)


def both_are_up(prometheus: Prometheus) -> bool:
    try:
        targets = prometheus.ask("targets")["activeTargets"]
    except OSError:
        return False
    return sorted((t["labels"]["job"], t["health"]) for t in targets) == [
        ("lethe-engine", "up"),
        ("lethe-proxy", "up"),
    ]


def panel_queries(dashboard: Path) -> list[str]:
    return [
        target["expr"].replace("$__rate_interval", "1m").replace("$proxy", ".*")
        for panel in json.loads(dashboard.read_text())["panels"]
        for target in panel.get("targets", ())
    ]


def test_every_panel_shows_something(prometheus: Prometheus, keyed: KeyedProxy) -> None:
    queries = panel_queries(ROOT / "deploy" / "grafana" / "dashboards" / "lethe.json")

    def silent() -> list[str]:
        # The first request of a kind makes its series, and only the next ones raise it.
        for question in (FORBIDDEN, ALLOWED):
            ask(keyed.client, question, max_tokens=4)
        return [query for query in queries if not prometheus.samples(query)]

    eventually(lambda: not silent(), lambda: f"nothing for {silent()}")


def test_every_objective_is_measured(prometheus: Prometheus, keyed: KeyedProxy) -> None:
    def unmeasured() -> list[str]:
        ask(keyed.client, ALLOWED, max_tokens=4)
        # Without a request to divide by, a share is no number, and in no order.
        missing = prometheus.samples("lethe:slo_budget unless on (slo) lethe:slo_miss:ratio_rate5m >= 0")
        return [sample["metric"]["slo"] for sample in missing]

    eventually(lambda: not unmeasured(), lambda: f"nothing for {unmeasured()}")


def test_a_healthy_stack_alerts_nobody(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules?type=alert")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert not [alert["labels"] for alert in prometheus.ask("alerts")["alerts"] if alert["state"] == "firing"]

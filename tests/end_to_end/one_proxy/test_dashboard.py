"""A real Prometheus over the real proxy and engine: every panel of the dashboard has something to show."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from openai import OpenAI

from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, ROOT, RunningProxy, ask

pytestmark = pytest.mark.engine

PATIENCE_S = 90
# Only a proxy that keeps an audit log has these.
AUDIT = "lethe_audit_"


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


@pytest.fixture(scope="module")
def prometheus(proxy: RunningProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the deployed configuration, but for addresses and haste."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed; it is in Debian's package of that name")
    folder = tmp_path_factory.mktemp("prometheus")
    deployed = ROOT / "deploy" / "prometheus"
    configuration = yaml.safe_load((deployed / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(deployed / pattern) for pattern in configuration["rule_files"]]
    addresses = {"lethe-proxy": proxy.url, "lethe-engine": proxy.engine.url}
    for job in configuration["scrape_configs"]:
        # This proxy asks nobody for a key.
        job.pop("authorization", None)
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
                program,
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
        if AUDIT not in target["expr"]
    ]


def test_every_panel_shows_something(prometheus: Prometheus, guarded: OpenAI) -> None:
    queries = panel_queries(ROOT / "deploy" / "grafana" / "dashboards" / "lethe.json")

    def silent() -> list[str]:
        # The first request of a kind makes its series, and only the next ones raise it.
        for question in (FORBIDDEN, ALLOWED):
            ask(guarded, question, max_tokens=4)
        return [query for query in queries if not prometheus.samples(query)]

    eventually(lambda: not silent(), lambda: f"nothing for {silent()}")


def test_a_healthy_stack_alerts_nobody(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules?type=alert")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert not [alert["labels"] for alert in prometheus.ask("alerts")["alerts"] if alert["state"] == "firing"]

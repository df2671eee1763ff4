"""Rules and dashboard: sound by Prometheus' own tool, and over metrics that exist."""

import importlib.util
import json
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from lethe.corruption.vllm_plugin import telemetry
from lethe.server.access.redis_limits import RedisLimits
from lethe.server.audit.log import AuditLog
from lethe.server.connections import Connections
from lethe.server.engines.fleet import Fleet
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.guard.guard import Guard
from lethe.server.metrics import Metrics
from lethe.server.request.metrics import RequestMetrics
from lethe.server.request.placement import Placer
from lethe.server.settings.settings import Settings
from tests.programs import program

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
# A word of a query that is followed by no bracket and is none of these is a metric.
OPERATORS = {"and", "or", "unless", "offset", "bool", "abs", "inf", "nan"}


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool", of="Debian's package prometheus")


@pytest.fixture(scope="session")
def rule_files(repository: Path) -> list[Path]:
    return sorted((repository / "deploy" / "prometheus" / "rules").glob("*.yml"))


@pytest.fixture(scope="session")
def rules(rule_files: list[Path]) -> list[dict[str, Any]]:
    groups = [group for file in rule_files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="session")
def dashboard(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "deploy" / "grafana" / "dashboards" / "lethe.json").read_text())


@pytest.fixture(scope="session")
def panel_queries(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def shown_by_a_proxy(*further: AuditLog | Connections | RedisLimits) -> CollectorRegistry:
    """What the parts of a proxy show, before an engine that nobody asks."""
    settings = Settings.model_validate({"engine": {"url": "http://engine"}})
    metrics = Metrics()
    fleet = Fleet(settings, None, metrics)
    classifiers = ClassifierFactory(settings)
    Guard(settings.targets, classifiers, fleet, settings.policy, metrics)
    Placer(metrics)
    RequestMetrics(metrics)
    for part in (classifiers, *further):
        part.show_in(metrics)
    return metrics.registry


@pytest.fixture(scope="session")
def known_metrics(
    tmp_path_factory: pytest.TempPathFactory, rules: list[dict[str, Any]]
) -> dict[str, frozenset[str]]:
    """Every name that can be asked for, and its labels where they are known."""
    audit = AuditLog(tmp_path_factory.mktemp("audit"), max_bytes=1 << 20, keep=1)
    audit.close()
    registry = shown_by_a_proxy(audit, Connections(1), RedisLimits("redis://127.0.0.1", timeout_s=1))
    own = [
        (family, getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ()))
        for collector in registry._collector_to_names
        for family in getattr(collector, "describe", collector.collect)()
    ]
    plugin = [
        (family, metric._labelnames)
        for metric in (telemetry.INFO, telemetry.CORRUPTED, telemetry.REFUSED, telemetry.DISAGREEMENTS)
        for family in metric.describe()
    ]
    names = {"up": frozenset[str]()}
    for family, labels in own + plugin:
        names |= {name: frozenset(labels) for name in names_of(family)}
    names |= {name: frozenset() for name in vllm_metrics()}
    names |= {rule["record"]: frozenset(rule.get("labels", ())) for rule in rules if "record" in rule}
    return names


def names_of(family: Metric) -> Iterator[str]:
    for suffix in SUFFIXES[family.type]:
        yield family.name + suffix


def vllm_source(name: str) -> Path:
    """A file about metrics in vLLM, which is not imported: that would take seconds."""
    package = importlib.util.find_spec("vllm")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0], "v1", "metrics", name)


def vllm_metrics() -> Iterator[str]:
    """The names in vLLM's source."""
    source = vllm_source("loggers.py").read_text()
    for kind, name in re.findall(r'self\._(\w+)_cls\(\s*name="(vllm:\w+)"', source):
        for suffix in SUFFIXES[kind]:
            yield name.removesuffix("_total") + suffix if kind == "counter" else name + suffix


def queried(expression: str) -> set[str]:
    """The metrics that a query asks for."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\s*\()\b", bare)
    return {word for word in words if word not in OPERATORS and not re.search(rf"\b{word}\s*\(", bare)}


def selected_labels(expression: str) -> Iterator[tuple[str, str]]:
    """Each metric with each label that it is selected by."""
    for metric, selectors in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors):
            yield metric, label


def test_reader_of_queries_finds_metrics_and_nothing_else() -> None:
    expression = 'sum by (le) (rate(a_total{x="y"}[5m])) / on () group_left () b:c unless d offset 15m > 0.5'
    assert queried(expression) == {"a_total", "b:c", "d"}


def test_rules_are_sound(promtool: str, rule_files: list[Path]) -> None:
    result = subprocess.run([promtool, "check", "rules", *rule_files], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_configuration_is_sound(promtool: str, repository: Path) -> None:
    configuration = repository / "deploy" / "prometheus" / "prometheus.yml"
    result = subprocess.run(
        [promtool, "check", "config", "--syntax-only", configuration], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("tests", ["rules_test.yml", "flag_share_test.yml"])
def test_alerts_fire_when_they_should_and_only_then(promtool: str, repository: Path, tests: str) -> None:
    file = repository / "tests" / "deploy" / "prometheus" / tests
    result = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_tested_says_how_bad_it_is_and_what_to_do(
    repository: Path, rules: list[dict[str, Any]]
) -> None:
    cases = "".join(f.read_text() for f in (repository / "tests" / "deploy" / "prometheus").glob("*.yml"))
    firing = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", cases))
    for rule in rules:
        if "alert" in rule:
            assert rule["alert"] in firing
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert set(rule["annotations"]) == {"summary", "action"}


def test_queries_of_the_dashboard_are_sound(promtool: str, panel_queries: list[str], tmp_path: Path) -> None:
    assert len(panel_queries) > 30
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$proxy", ".*")}
        for number, query in enumerate(panel_queries)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    result = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_request_that_two_targets_flag_counts_once_in_the_dashboards_totals(
    promtool: str, dashboard: dict[str, Any], tmp_path: Path
) -> None:
    counted = {
        'lethe_requests_total{instance="a", target="books", action="corrupt", status="200"}': 60,
        'lethe_requests_total{instance="a", target="films", action="corrupt", status="200"}': 60,
        'lethe_requests_total{instance="a", target="none", action="pass", status="200"}': 180,
        'lethe_outcomes_total{instance="a", action="corrupt", status="200"}': 60,
        'lethe_outcomes_total{instance="a", action="pass", status="200"}': 180,
    }
    shown = {
        "Flagged": {"{}": 0.25},
        "What is done with requests": {'{action="corrupt"}': 1, '{action="pass"}': 3},
        "By status": {'{status="200"}': 4},
    }
    queries = {
        panel["title"]: panel["targets"][0]["expr"].replace("$__rate_interval", "5m").replace("$proxy", ".*")
        for panel in dashboard["panels"]
        if panel["title"] in shown
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": f"0+{n}x90"} for name, n in counted.items()],
        "promql_expr_test": [
            {
                "expr": queries[title],
                "eval_time": "80m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for title, samples in shown.items()
        ],
    }
    file = tmp_path / "panels_test.yml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    result = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_metric_that_is_asked_for_exists_with_its_labels(
    rules: list[dict[str, Any]], panel_queries: list[str], known_metrics: dict[str, frozenset[str]]
) -> None:
    for query in [rule["expr"] for rule in rules] + panel_queries:
        assert queried(query) or query.startswith("vector("), query
        assert queried(query) <= set(known_metrics), query
        for metric, label in selected_labels(query):
            assert label in known_metrics[metric] | {"instance", "job", "le"}, query


def test_objectives_are_counted_to_the_bound_of_a_bucket(rules: list[dict[str, Any]]) -> None:
    samples = [sample for family in shown_by_a_proxy().collect() for sample in family.samples]
    first_token = runpy.run_path(str(vllm_source("buckets.py")))["TIME_TO_FIRST_TOKEN_BUCKETS"]
    bounds = {
        "lethe_classify_seconds_bucket": {
            sample.labels["le"] for sample in samples if sample.name == "lethe_classify_seconds_bucket"
        },
        "vllm:time_to_first_token_seconds_bucket": {floatToGoString(bound) for bound in first_token},
    }
    expressions = "".join(rule["expr"] for rule in rules)
    counted = dict(re.findall(r'([a-z_:]+_bucket)\{le="([^"]+)"\}', expressions))
    assert set(counted) == set(bounds)
    for metric, bound in counted.items():
        assert bound in bounds[metric]
        assert expressions.count(metric) == expressions.count(f'{metric}{{le="{bound}"}}') == 4


def documented_metrics(*pages: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """The metrics in the tables of some pages, each with its labels, which follow its name or have a column."""
    for line in "\n".join(page.read_text() for page in pages).splitlines():
        names, labels, *_ = [*line.strip("|").split("|"), ""]
        for name, own in re.findall(r"`(lethe[_:][\w:]+)(?:\{([^}]*)\})?`", names if line[:1] == "|" else ""):
            yield name, frozenset(re.findall(r"\w+", own) or re.findall(r"`(\w+)`", labels))


def test_documented_metrics_are_those_that_exist_with_their_labels(
    repository: Path, known_metrics: dict[str, frozenset[str]], rules: list[dict[str, Any]]
) -> None:
    pages = [repository / "docs" / page for page in ("operating.md", "corruption.md")]
    documented = list(documented_metrics(*pages))
    known = {
        re.sub(r"_(bucket|count|sum)$", "", name): labels
        for name, labels in known_metrics.items()
        if name.startswith("lethe_")
    }
    # It comes with the console's routes.
    known["lethe_console_bare_answers_total"] = frozenset()
    assert dict(documented) == known | recorded_series(rules)
    assert len(dict(documented)) == len(documented)


def recorded_series(rules: list[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """Each recorded series with the labels that its rule gives it, or keeps."""
    recorded: dict[str, frozenset[str]] = {}
    for rule in rules:
        if "record" in rule:
            kept = re.findall(r"\bby \((\w+)\)", rule["expr"])
            inherited = [recorded.get(metric, frozenset()) for metric in queried(rule["expr"])]
            recorded[rule["record"]] = frozenset(rule.get("labels", ())).union(kept, *inherited)
    return recorded


def test_panels_are_apart_and_ask_the_source_that_is_provisioned(
    repository: Path, dashboard: dict[str, Any]
) -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) == 23
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identities)) == len(identities)
    provisioning = repository / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["source"]["current"]["value"] == source["uid"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": source["type"], "uid": "${source}"}

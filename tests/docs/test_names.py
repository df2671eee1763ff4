"""What pages name in running text, not to be typed as it stands, exists: settings, options, routes, metrics, alerts, logs."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pydantic
import pytest
import yaml
from starlette.routing import Route

from docs.write_api_reference import documented_app
from lethe.server.settings.settings import Settings
from tests.docs.pages import PAGES, ROOT, inline_code
from tests.docs.test_commands import LETHE

OPERATING = ROOT / "docs" / "operating.md"
CHART: Mapping[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())
SOURCES = "\n".join(
    path.read_text()
    for package in ("bundle", "classifier", "cli", "offline", "server")
    for path in (ROOT / package).rglob("*.py")
)
# Pages on what was measured and how releases are made also name options of benches and of other projects' programs.
FOR_USERS = [
    page
    for page in PAGES
    if not page.name.startswith(("benchmarks", "reproduction"))
    and page.name not in ("compatibility.md", "fuzzing.md", "gpu.md", "releasing.md")
]
FOREIGN_OPTIONS = {
    # vLLM's server.
    "--api-server-count", "--enable-dbo", "--enable-expert-parallel", "--enable-lora", "--enable-prompt-embeds",
    "--enable-prompt-tokens-details", "--kv-events-config", "--kv-offloading-size", "--lora-modules",
    "--max-cpu-loras", "--max-lora-rank", "--max-loras", "--max-num-batched-tokens", "--no-enable-expert-parallel",
    "--otlp-traces-endpoint", "--shutdown-timeout", "--max-logprobs", "--disable-usage-stats",
    # docker build, helm, accelerate launch, and clients.
    "--build-arg", "--cpu", "--num_processes", "--use_fsdp", "--telemetry", "--disallowedTools", "--set",
    # Of python -m bench..., which the page names beside it.
    "--only", "--part", "--record", "--recorded", "--tune", "--without",
}  # fmt: skip
SERVED = {
    f"{method} {re.sub('{.*?}', '{}', route.path)}"
    for route in documented_app().routes
    if isinstance(route, Route)
    for method in route.methods or ()
}
_FILE = re.compile(
    r".*\.(?:csv|jinja|json|jsonl|log|md|model|npz|png|py|safetensors|sig|toml|txt|ya?ml)(?:\.\d)?"
)


def named(pattern: str, pages: list[Path] = PAGES) -> list[Any]:
    """Every name of a form that stands in pages, as parameters of a test."""
    found = {
        (page.name, match[1])
        for page in pages
        for code in inline_code(page)
        for match in re.finditer(pattern, code)
    }
    return [pytest.param(name, id=f"{page}: {name}") for page, name in sorted(found)]


def alternatives(annotation: Any) -> Iterator[Any]:
    """A type with all that it is a union or a container of."""
    yield annotation
    for each in get_args(annotation):
        yield from alternatives(each)


def is_setting(name: str) -> bool:
    """Whether there is a setting with a dotted name."""
    models: list[Any] = [Settings]
    for part in name.split("."):
        fields = [
            model.model_fields[part]
            for model in models
            if isinstance(model, type)
            and issubclass(model, pydantic.BaseModel)
            and part in model.model_fields
        ]
        if not fields:
            return False
        models = [each for field in fields for each in alternatives(field.annotation)]
    return True


def is_of_chart(name: str) -> bool:
    """Whether there is a value of the chart with a dotted name; what is below its settings is the proxy's."""
    _, of_proxy, setting = name.partition("proxy.settings.")
    if of_proxy:
        return is_setting(setting)
    value: Any = CHART
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


@pytest.mark.parametrize(
    "name", named(rf"^((?:{'|'.join({*Settings.model_fields, *CHART})})(?:\.\w+)+)(?=$|[:=] ?)")
)
def test_every_setting_is_one_of_the_proxy_or_of_the_chart(name: str) -> None:
    assert _FILE.fullmatch(name) or is_setting(name) or is_of_chart(name)


@pytest.mark.parametrize("option", named(r"^(--[\w-]+)", FOR_USERS))
def test_every_option_is_one_of_a_lethe_command(option: str) -> None:
    assert option in FOREIGN_OPTIONS | set(options(LETHE))


def options(command: Any) -> Iterator[str]:
    """Every option of a command and of those below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for each in getattr(command, "commands", {}).values():
        yield from options(each)


@pytest.mark.parametrize("route", named(r"^((?:GET|POST|PUT|DELETE) /\S*)$"))
def test_every_route_that_is_named_with_its_method_is_served(route: str) -> None:
    assert re.sub(r"\{\w+\}", "{}", route) in SERVED


@pytest.mark.parametrize("metric", named(r"\b(lethe_[a-z]+(?:_[a-z]+)+|lethe:[a-z]\w+(?::\w+)?)"))
def test_every_metric_is_in_a_table_of_metrics(metric: str) -> None:
    # That those tables are right is tested in tests/deploy/test_prometheus.py.
    tables = OPERATING.read_text() + (ROOT / "docs" / "corruption.md").read_text()
    assert re.search(rf"^\|[^|]*`{metric}[`{{]", tables, re.MULTILINE)


@pytest.mark.parametrize("alert", named(r"^(Lethe[A-Z]\w+)$"))
def test_every_alert_has_a_rule(alert: str) -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text()
    assert f"alert: {alert}\n" in rules


def test_every_alert_is_on_the_page() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text()
    deploying = (ROOT / "docs" / "deploying.md").read_text()
    assert not [name for name in re.findall(r"alert: (\w+)", rules) if f"`{name}`" not in deploying]


def test_every_logger_is_in_the_table_of_loggers() -> None:
    logs = set(re.findall(r'getLogger\("(lethe\.\w+)"\)', SOURCES))
    assert logs
    assert logs == set(re.findall(r"^\| `(lethe\.\w+)` \|", OPERATING.read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    "event",
    [
        *named(r'^"event": "(\w+)"$'),
        *named(
            r"^(\w+_(?:approved|changed|force|given|removed|withdrawn))$",
            [OPERATING, OPERATING.parent / "console.md"],
        ),
    ],
)
def test_every_event_of_the_audit_log_is_written_by_something(event: str) -> None:
    stem = event.rpartition("_")[0]
    assert f'"{event}"' in SOURCES or f'f"{stem}_{{' in SOURCES

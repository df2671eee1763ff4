"""The compose files, read as Docker Compose itself reads them: each overlay on the base."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from lethe.server.settings.connections import LimitSettings
from lethe.server.settings.loading import load_settings
from lethe.server.settings.settings import Settings

STACKS = {
    "base": ("docker-compose.yml",),
    "cpu": ("docker-compose.yml", "deploy/compose/cpu.yml"),
    "tensor-parallel": ("docker-compose.yml", "deploy/compose/tensor-parallel.yml"),
    "parallel": ("docker-compose.yml", "deploy/compose/parallel.yml"),
    "replicas": ("docker-compose.yml", "deploy/compose/replicas.yml"),
    "two-models": ("docker-compose.yml", "deploy/compose/two-models.yml"),
    "adapters": ("docker-compose.yml", "deploy/compose/adapters.yml"),
    "adapters, cpu": ("docker-compose.yml", "deploy/compose/cpu.yml", "deploy/compose/adapters.yml"),
    "adapters, tensor-parallel": (
        "docker-compose.yml",
        "deploy/compose/tensor-parallel.yml",
        "deploy/compose/adapters.yml",
    ),
    "ray": ("docker-compose.yml", "deploy/compose/ray.yml"),
    "ray-worker": ("deploy/compose/ray-worker.yml",),
}
GUARDED = [name for name in STACKS if name != "ray-worker"]
WITH_ADAPTERS = {"adapters": "base", "adapters, cpu": "cpu", "adapters, tensor-parallel": "tensor-parallel"}
OWN_IMAGES = {"lethe-proxy", "lethe-engine", "lethe-engine-cpu", "lethe-engine-ray", "lethe-router"}


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}


def read_stack(repository: Path, name: str, **variables: str) -> dict[str, Any]:
    command = [Path(sys.executable).parent / "docker-compose", "--project-directory", "."]
    for file in STACKS[name]:
        command += ["--file", file]
    result = subprocess.run(
        [*command, "config", "--format", "json"],
        cwd=repository,
        env=environment(**{"LETHE_MODEL_2": "org/other"} | variables),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="session")
def stacks(repository: Path) -> Mapping[str, dict[str, Any]]:
    """Every stack as Docker Compose understands it."""
    return {name: read_stack(repository, name, LETHE_MODEL="org/model") for name in STACKS}


def services_of(stack: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The services whose name is a kind, or a kind and a number."""
    return {
        name: service for name, service in stack["services"].items() if re.fullmatch(rf"{kind}(-\d+)?", name)
    }


@pytest.mark.parametrize("name", STACKS)
def test_only_the_way_in_and_grafana_are_published_and_on_loopback(
    stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    published = {
        service: port["host_ip"]
        for service, settings in stacks[name]["services"].items()
        for port in settings.get("ports", ())
    }
    way_in = {"replicas": {"nginx", "proxy", "grafana"}, "ray-worker": set()}.get(name, {"proxy", "grafana"})
    assert published == dict.fromkeys(way_in, "127.0.0.1")


@pytest.mark.parametrize("name", GUARDED)
def test_health_is_asked_past_a_proxy_of_the_network(stacks: Mapping[str, dict[str, Any]], name: str) -> None:
    """Docker gives containers the variables of the proxies that it is set up with, and wget goes by them."""
    asked = [
        service["healthcheck"]["test"]
        for service in stacks[name]["services"].values()
        if "wget" in service.get("healthcheck", {}).get("test", ())
    ]
    assert asked
    for words in asked:
        assert words[:4] == ["CMD", "wget", "-Y", "off"]


def test_no_prompt_is_sent_to_a_proxy_of_the_network(stacks: Mapping[str, dict[str, Any]]) -> None:
    router = stacks["replicas"]["services"]["router"]
    assert router["environment"] == dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "")


@pytest.mark.parametrize("name", GUARDED)
def test_engines_share_a_network_with_none_but_those_who_guard_or_watch_them(
    stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    services = stacks[name]["services"]
    proxies, engines = services_of(stacks[name], "proxy"), services_of(stacks[name], "engine")
    reachable_from = {
        service
        for service, settings in services.items()
        if any(set(settings["networks"]) & set(engine["networks"]) for engine in engines.values())
    }
    assert reachable_from - {"router"} == {*proxies, *engines, "prometheus"}


@pytest.mark.parametrize("name", GUARDED)
def test_proxies_wait_for_a_healthy_engine_and_hold_its_key(
    stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    services = stacks[name]["services"]
    for engine in services_of(stacks[name], "engine").values():
        assert engine["environment"]["ENGINE_KEY_FILE"] == "/run/secrets/engine_key"
        assert "engine_key" in {secret["source"] for secret in engine["secrets"]}
    for proxy in services_of(stacks[name], "proxy").values():
        named = {secret["target"]: secret["source"] for secret in proxy["secrets"]}
        assert named["lethe_engine__api_key"] == "engine_key"
        (upstream, *others) = proxy["depends_on"]
        assert proxy["depends_on"][upstream]["condition"] == "service_healthy"
        if others:
            models = json.loads(proxy["environment"]["LETHE_ENGINES"])
            assert [each["url"] for each in models.values()] == [
                f"http://{each}:8000" for each in (upstream, *others)
            ]
            assert proxy["environment"]["LETHE_ENGINE__URL"] == ""
            continue
        assert proxy["environment"]["LETHE_ENGINE__URL"] == f"http://{upstream}:8000"
        if upstream == "router":
            waited_for = services[upstream]["depends_on"]
            assert set(waited_for) == set(services_of(stacks[name], "engine"))
            assert {wait["condition"] for wait in waited_for.values()} == {"service_healthy"}


@pytest.mark.parametrize("name", STACKS)
def test_services_are_hardened_and_bounded(stacks: Mapping[str, dict[str, Any]], name: str) -> None:
    for service in stacks[name]["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["deploy"]["resources"]["limits"]["memory"]) > 0


@pytest.mark.parametrize("name", GUARDED)
def test_grafana_asks_nothing_of_its_maker(stacks: Mapping[str, dict[str, Any]], name: str) -> None:
    given = stacks[name]["services"]["grafana"]["environment"]
    false = {
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
    }
    true = {
        "GF_PLUGINS_PREINSTALL_DISABLED",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED",
        "GF_SECURITY_DISABLE_GRAVATAR",
    }
    assert dict.fromkeys(false, "false").items() | dict.fromkeys(true, "true").items() <= given.items()


@pytest.mark.parametrize("name", ["ray", "ray-worker"])
def test_ray_does_not_report_its_use(stacks: Mapping[str, dict[str, Any]], name: str) -> None:
    services = stacks[name]["services"].values()
    commands = [
        " ".join([*(s["entrypoint"] or ()), *(s["command"] or ())]) for s in services if "ray" in s["image"]
    ]
    assert commands
    assert all("--disable-usage-stats" in command for command in commands)


@pytest.mark.parametrize("name", STACKS)
def test_cores_are_limited_where_that_is_asked_for_alone(
    repository: Path, stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    # A host with fewer refuses a greater limit.
    for service in stacks[name]["services"].values():
        assert "cpus" not in service["deploy"]["resources"]["limits"]
    wished = {"LETHE_PROXY_CPUS": "1.5", "LETHE_OTHER_CPUS": "0.5", "LETHE_PROXY_MEMORY": "1g"}
    limited = read_stack(repository, name, LETHE_MODEL="org/model", **wished)
    proxies = services_of(limited, "proxy")
    for service, settings in limited["services"].items():
        expected = 1.5 if service in proxies else None if re.match("engine|worker", service) else 0.5
        assert settings["deploy"]["resources"]["limits"].get("cpus") == expected
    for proxy in proxies.values():
        assert proxy["deploy"]["resources"]["limits"]["memory"] == str(1 << 30)


@pytest.mark.parametrize("seconds", [None, "600"])
@pytest.mark.parametrize("name", GUARDED)
def test_all_are_given_the_time_that_what_is_in_flight_may_take(
    repository: Path, name: str, seconds: str | None
) -> None:
    drain_s = int(seconds or Settings().drain_timeout_s)
    variables = {"LETHE_DRAIN_TIMEOUT_S": seconds} if seconds else {}
    stack = read_stack(repository, name, LETHE_MODEL="org/model", **variables)
    for service in stack["services"].values():
        assert seconds_of(service["stop_grace_period"]) >= drain_s + 10
    for service in (*services_of(stack, "proxy").values(), *services_of(stack, "engine").values()):
        assert service["environment"]["LETHE_DRAIN_TIMEOUT_S"] == str(drain_s)


def seconds_of(duration: str) -> int:
    """A duration as Docker Compose writes it, such as 2m45s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", duration))


@pytest.mark.parametrize("name", GUARDED)
def test_proxies_read_the_tokenizer_of_a_gated_model_by_the_token_that_engines_have(
    stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    stack = stacks[name]
    for service in (*services_of(stack, "proxy").values(), *services_of(stack, "engine").values()):
        (secret,) = (secret for secret in service["secrets"] if secret["source"] == "hub_token")
        assert service["environment"]["HF_TOKEN_PATH"] == secret.get("target", "/run/secrets/hub_token")


@pytest.mark.parametrize("name", STACKS)
def test_everything_that_a_service_names_is_there(
    repository: Path, stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    stack = stacks[name]
    images = re.findall(r"^FROM \S+ AS (\S+)$", (repository / "Dockerfile").read_text(), re.MULTILINE)
    for service in stack["services"].values():
        assert ("build" in service) == (service["image"] in OWN_IMAGES)
        if "build" in service:
            assert service["build"]["target"] in images
            assert Path(service["build"]["context"]) == repository
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume["source"]
            else:
                assert volume["source"] in stack["volumes"]


@pytest.mark.parametrize("name", STACKS)
def test_gpus_are_reserved_where_there_are_any(stacks: Mapping[str, dict[str, Any]], name: str) -> None:
    holders = [
        [device.get("count") or device["device_ids"] for device in reserved]
        for service in stacks[name]["services"].values()
        if (reserved := service["deploy"]["resources"].get("reservations", {}).get("devices"))
    ]
    expected = {"cpu": [], "tensor-parallel": [[2]], "parallel": [[2]], "replicas": [[["0"]], [["1"]]]}
    expected["two-models"] = expected["replicas"]
    assert holders == expected.get(WITH_ADAPTERS.get(name, name), [[1]])


def test_tensor_parallel_engine_gets_the_gpus_that_it_splits_the_model_over(repository: Path) -> None:
    stack = read_stack(repository, "tensor-parallel", LETHE_MODEL="org/model", LETHE_GPUS="4")
    engine = stack["services"]["engine"]
    assert engine["command"][-2:] == ["--tensor-parallel-size", "4"]
    assert [d["count"] for d in engine["deploy"]["resources"]["reservations"]["devices"]] == [4]


@pytest.mark.parametrize(
    ("given", "arguments", "gpus"),
    [
        ({}, ["1", "1", "2", "--no-enable-expert-parallel"], 2),
        (
            {
                "LETHE_GPUS": "8",
                "LETHE_TENSOR_PARALLEL": "2",
                "LETHE_PIPELINE_PARALLEL": "2",
                "LETHE_EXPERT_PARALLEL": "--enable-expert-parallel",
            },
            ["2", "2", "2", "--enable-expert-parallel"],
            8,
        ),
    ],
)
def test_parallel_engine_is_split_as_the_variables_say(
    repository: Path, given: dict[str, str], arguments: list[str], gpus: int
) -> None:
    engine = read_stack(repository, "parallel", LETHE_MODEL="org/model", **given)["services"]["engine"]
    tensor, pipeline, data, experts = arguments
    assert engine["command"][2:] == [
        *("--tensor-parallel-size", tensor),
        *("--pipeline-parallel-size", pipeline),
        *("--data-parallel-size", data),
        experts,
    ]
    assert [d["count"] for d in engine["deploy"]["resources"]["reservations"]["devices"]] == [gpus]


@pytest.mark.parametrize("name", GUARDED)
def test_proxies_are_given_settings_that_exist(
    stacks: Mapping[str, dict[str, Any]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for proxy in services_of(stacks[name], "proxy").values():
        given = {key: value for key, value in proxy["environment"].items() if key.startswith("LETHE_")}
        assert given.pop("LETHE_SECRETS_DIR") == "/run/secrets"
        targets = [secret["target"] for secret in proxy["secrets"]]
        given |= {name.upper(): "redis://secret" for name in targets if name.startswith("lethe_")}
        for key, value in given.items():
            monkeypatch.setenv(key, value)
        settings = load_settings()
        for key, value in given.items():
            found: Any = settings
            for part in key.removeprefix("LETHE_").lower().split("__"):
                found = getattr(found, part)
            if isinstance(found, dict):
                assert {name: str(each.url[0]).rstrip("/") for name, each in found.items()} == {
                    name: each["url"] for name, each in json.loads(value).items()
                }
                continue
            if isinstance(found, tuple):
                (found,) = found or ("",)
            shown = found.get_secret_value() if isinstance(found, pydantic.SecretStr) else str(found)
            assert shown.rstrip("/") == value


def test_no_two_proxies_write_one_log_or_one_cache(stacks: Mapping[str, dict[str, Any]]) -> None:
    proxies = list(services_of(stacks["replicas"], "proxy").values())
    assert len(proxies) == 2
    logs = {proxy["environment"]["LETHE_AUDIT__FOLDER"] for proxy in proxies}
    caches = {
        volume["source"]
        for proxy in proxies
        for volume in proxy["volumes"]
        if volume["target"] == "/var/cache/lethe"
    }
    assert len(logs) == len(caches) == 2


@pytest.mark.parametrize("name", GUARDED)
def test_prometheus_asks_every_proxy_and_every_engine(
    stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    mounts = stacks[name]["services"]["prometheus"]["volumes"]
    (folder,) = (Path(m["source"]) for m in mounts if m["target"] == "/etc/prometheus/targets")
    for file, kind in (("proxies.yml", "proxy"), ("engines.yml", "engine")):
        asked = {
            target for group in yaml.safe_load((folder / file).read_text()) for target in group["targets"]
        }
        assert asked == {f"{service}:8000" for service in services_of(stacks[name], kind)}


@pytest.mark.parametrize("name", WITH_ADAPTERS)
def test_engine_reads_adapters_where_the_proxy_puts_them(
    repository: Path, stacks: Mapping[str, dict[str, Any]], name: str
) -> None:
    services = stacks[name]["services"]
    folder = services["proxy"]["environment"]["LETHE_ENGINE__ADAPTERS__FOLDER"]
    mounts = {
        service: next(v for v in services[service]["volumes"] if v["target"] == folder)
        for service in ("proxy", "engine")
    }
    assert mounts["proxy"]["source"] == mounts["engine"]["source"] == "adapters"
    assert not mounts["proxy"].get("read_only", False)
    assert mounts["engine"]["read_only"]
    # A new volume takes its owner from the first image that mounts it.
    owned = re.findall(r"install --directory --owner lethe .*", (repository / "Dockerfile").read_text())
    assert len(owned) == 2
    assert all(folder in line.split() for line in owned)


@pytest.mark.parametrize(("name", "bare"), WITH_ADAPTERS.items())
def test_engine_with_adapters_is_the_same_with_room_for_them(
    repository: Path, stacks: Mapping[str, dict[str, Any]], name: str, bare: str
) -> None:
    engine, without = (stacks[stack]["services"]["engine"] for stack in (name, bare))
    assert engine["command"] == without["command"]
    assert engine["environment"] == {**without["environment"], "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
    own = ["serve-engine"]
    assert f"ENTRYPOINT {json.dumps(own)}" in (repository / "Dockerfile").read_text()
    assert engine["entrypoint"] == [
        *own,
        *("--enable-lora", "--max-loras=4", "--max-cpu-loras=8", "--max-lora-rank=16"),
    ]


def test_replicas_are_all_behind_their_balancers(
    repository: Path, stacks: Mapping[str, dict[str, Any]]
) -> None:
    configuration = (repository / "deploy" / "compose" / "nginx.conf").read_text()
    balanced = re.findall(r"^\s*server (\S+):8000 ", configuration, re.MULTILINE)
    assert set(balanced) == set(services_of(stacks["replicas"], "proxy"))
    command = stacks["replicas"]["services"]["router"]["command"]
    routed = set(command[command.index("--worker-urls") + 1 :])
    assert routed == {f"http://{name}:8000" for name in services_of(stacks["replicas"], "engine")}


def test_balancer_lets_go_of_idle_connections_before_the_proxies_do(repository: Path) -> None:
    configuration = (repository / "deploy" / "compose" / "nginx.conf").read_text()
    upstream, server = re.findall(r"keepalive_timeout (\d+)s;", configuration)
    assert int(upstream) < LimitSettings().keep_alive_s == int(server)


def test_console_of_one_replica_is_reached_past_the_balancer(
    repository: Path, stacks: Mapping[str, dict[str, Any]]
) -> None:
    services = stacks["replicas"]["services"]
    way_in, console = (services[name]["ports"] for name in ("nginx", "proxy"))
    assert [(port["host_ip"], port["published"], port["target"]) for port in console] == [
        ("127.0.0.1", "8001", 8000)
    ]
    assert {port["published"] for port in way_in} == {"8000"}
    # Who lets clients in from outside does not let them at the console.
    moved = read_stack(repository, "replicas", LETHE_PUBLISH="0.0.0.0:80")["services"]
    assert moved["proxy"]["ports"] == console


def test_proxies_share_their_limits_with_nobody_else(stacks: Mapping[str, dict[str, Any]]) -> None:
    services = stacks["replicas"]["services"]
    (network,) = services["redis"]["networks"]
    sharing = {name for name, service in services.items() if network in service["networks"]}
    assert sharing == {"redis", *services_of(stacks["replicas"], "proxy")}
    assert stacks["replicas"]["networks"][network]["internal"]
    for proxy in services_of(stacks["replicas"], "proxy").values():
        assert ("redis_url", "lethe_redis__url") in {(s["source"], s["target"]) for s in proxy["secrets"]}


def test_every_variable_is_documented(repository: Path) -> None:
    page = (repository / "docs" / "deploying.md").read_text()
    for file in {file for files in STACKS.values() for file in files}:
        for variable in re.findall(r"(?<!\$)\$\{(\w+)", (repository / file).read_text()):
            assert f"`{variable}`" in page, f"{variable} of {file}"


@pytest.fixture
def secrets(repository: Path, tmp_path: Path) -> Path:
    """What create-secrets makes; `docker compose run ... proxy` runs the proxy's own command here."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f"""#!/bin/sh
while [ "$1" != proxy ]; do shift; done
shift
LETHE_KEYS={tmp_path}/keys.yaml exec {Path(sys.executable).parent}/lethe "$@"
"""
    )
    docker.chmod(0o755)
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run(
            [repository / "deploy" / "compose" / "create-secrets"],
            env={"LETHE_SECRETS": str(folder), "PATH": f"{docker.parent}:/usr/bin:/bin"},
            check=True,
            capture_output=True,
        )
    return folder


def test_every_secret_is_made_once_and_kept_from_others(
    stacks: Mapping[str, dict[str, Any]], secrets: Path
) -> None:
    named = {Path(secret["file"]).name for stack in stacks.values() for secret in stack["secrets"].values()}
    assert {file.name for file in secrets.iterdir()} == named
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o444}
    assert len((secrets / "engine_key").read_text()) == 64
    assert (secrets / "engine_key").read_text() != (secrets / "grafana_password").read_text()
    password = (secrets / "redis_password").read_text()
    assert (secrets / "redis_url").read_text() == f"redis://:{password}@redis:6379"


def test_prometheus_key_may_observe_and_nothing_else(secrets: Path) -> None:
    (key,) = yaml.safe_load((secrets.parent / "keys.yaml").read_text())["keys"]
    assert key["scopes"] == ["observe"]
    assert (secrets / "observe_key").read_text().strip()

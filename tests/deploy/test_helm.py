"""The chart, rendered by Helm and held against Kubernetes' schemas."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from lethe.server.settings.loading import load_settings
from lethe.server.settings.settings import Settings

Objects = list[dict[str, Any]]
Render = Callable[..., Objects]

KUBERNETES = ("1.27", "1.37")
OPEN = {"proxy": {"keys": {"open": True}}}
VALUES: dict[str, dict[str, Any]] = {
    "open": OPEN,
    "keys, own targets and settings": {
        "proxy": {
            "keys": {"existingSecret": "client-keys"},
            "targets": {"existingClaim": "bundles"},
            "secrets": {"existingSecret": "redis"},
            "audit": {"enabled": True, "existingClaim": "decisions"},
            "settings": {"policy": {"on_error": "corrupt"}},
            "autoscaling": {"enabled": False},
            "nodeSelector": {"pool": "cpu"},
            "tolerations": [{"key": "pool", "operator": "Exists"}],
        },
        "engineKey": {"existingSecret": "shared-key"},
        "images": {"pullSecrets": [{"name": "registry"}]},
    },
    "four GPUs each": {
        **OPEN,
        "engine": {
            "replicas": 3,
            "model": "org/model",
            "gpus": 4,
            "args": ["--max-model-len", "8192"],
            "hubToken": {"existingSecret": "hub"},
            "cache": {"storageClass": "fast"},
            "runtimeClassName": "nvidia",
            "nodeSelector": {"pool": "gpu"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        },
    },
    "eight GPUs, split three ways": {
        **OPEN,
        "engine": {
            "replicas": 1,
            "model": "org/mixture",
            "gpus": 8,
            "parallel": {"pipeline": 2, "data": 2, "experts": True},
            "adapters": {"enabled": True, "existingClaim": "adapters"},
        },
    },
    "adapters": {
        **OPEN,
        "engine": {
            "replicas": 2,
            "adapters": {"enabled": True, "maxLoras": 3, "maxRank": 32, "existingClaim": "adapters"},
        },
    },
    "a cluster of one's own": {
        "proxy": {
            "keys": {"open": True},
            "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
            "volumes": [{"name": "roots", "configMap": {"name": "roots"}}],
            "volumeMounts": [{"name": "roots", "mountPath": "/etc/roots", "readOnly": True}],
            "podLabels": {"team": "models"},
            "podAnnotations": {"sidecar.istio.io/inject": "true"},
            "probeTimeoutSeconds": 7,
            "affinity": {"podAntiAffinity": {}},
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600"},
                "hosts": [{"host": "models.example.org"}, {"host": "example.org", "path": "/models"}],
                "tls": [{"secretName": "tls", "hosts": ["models.example.org"]}],
            },
        },
        "engine": {
            "gpuResource": "amd.com/gpu",
            "cache": {"existingClaim": "weights"},
            "env": [{"name": "HF_ENDPOINT", "value": "http://mirror"}],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            "podLabels": {"team": "models"},
            "podAnnotations": {"note": "gpu"},
            "affinity": {"nodeAffinity": {}},
            "probeTimeoutSeconds": 9,
        },
        "networkPolicy": {
            "egress": {
                "enabled": True,
                "rules": [
                    {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "ports": [{"port": 6379}]}
                ],
            }
        },
    },
    "images that are pinned": {
        **OPEN,
        "images": {each: {"tag": f"1.0@sha256:{64 * 'a'}"} for each in ("proxy", "engine")},
    },
    "a log on each pod's own disk": {
        "proxy": {
            "keys": {"existingSecret": "client-keys"},
            "audit": {"enabled": True},
            "autoscaling": {"enabled": False},
            "replicas": 3,
        },
    },
    "slices of GPUs": {
        **OPEN,
        "engine": {"gpuResource": "nvidia.com/mig-3g.40gb", "hubToken": {"existingSecret": "hub"}},
        "networkPolicy": {"egress": {"enabled": True}},
    },
    "longer streams": {**OPEN, "drainSeconds": 600},
    "no GPU": {**OPEN, "engine": {"gpus": 0}},
    "no network policy": {**OPEN, "networkPolicy": {"enabled": False}},
    "monitoring": {
        "proxy": {"keys": {"existingSecret": "client-keys"}},
        "monitoring": {"enabled": True, "existingSecret": "observe", "labels": {"release": "prometheus"}},
        "networkPolicy": {
            "scrapeFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ]
        },
    },
}


@pytest.fixture(scope="session")
def chart_folder(repository: Path) -> Path:
    return repository / "deploy" / "helm"


@pytest.fixture(scope="session")
def render(chart_folder: Path) -> Iterator[Render]:
    with helm_python.Chart.load(str(chart_folder)) as chart:

        def rendered(values: Mapping[str, Any]) -> Objects:
            files = chart.render(dict(values), name="demo", namespace="models")
            return [
                document
                for name, text in files.items()
                if name.endswith(".yaml")
                for document in yaml.load_all(text, yaml.CSafeLoader)
                if document
            ]

        yield rendered


def the(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    (found,) = (o for o in objects if o["kind"] == kind and o["metadata"]["name"] == f"demo-lethe-{name}")
    return found


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


def selects(selector: Mapping[str, str], workload: dict[str, Any]) -> bool:
    return selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_chart_has_no_faults_and_is_of_the_projects_version(chart_folder: Path, repository: Path) -> None:
    report = helm_python.lint(str(chart_folder))
    assert not report["errors"]
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((chart_folder / "Chart.yaml").read_text())["appVersion"] == project["version"]


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("case", VALUES)
def test_objects_are_kubernetes_own(render: Render, case: str, kubernetes: str) -> None:
    checked = 0
    for item in render(VALUES[case]):
        if not item["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(item, kubernetes, strict=True)
            checked += 1
    assert checked >= 8


@pytest.mark.parametrize("case", VALUES)
def test_proxies_and_engines_are_never_taken_for_each_other(render: Render, case: str) -> None:
    objects = render(VALUES[case])
    workloads = {
        "proxy": the(objects, "Deployment", "proxy"),
        "engine": the(objects, "StatefulSet", "engine"),
    }
    for name, workload in workloads.items():
        selectors = [
            workload["spec"]["selector"]["matchLabels"],
            the(objects, "Service", name)["spec"]["selector"],
            the(objects, "PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"],
        ]
        for selector in selectors:
            assert [other for other in workloads if selects(selector, workloads[other])] == [name]


def test_what_a_cluster_asks_for_reaches_the_pods(render: Render) -> None:
    objects = render(VALUES["a cluster of one's own"])
    workloads = {
        "proxy": the(objects, "Deployment", "proxy"),
        "engine": the(objects, "StatefulSet", "engine"),
    }
    for name, workload in workloads.items():
        wanted = VALUES["a cluster of one's own"][name]
        metadata, pod = workload["spec"]["template"]["metadata"], pod_of(workload)
        [container] = pod["containers"]
        assert wanted["podLabels"].items() <= metadata["labels"].items()
        assert wanted["podAnnotations"].items() <= metadata["annotations"].items()
        assert wanted["env"][0] in container["env"]
        assert wanted["volumes"][0] in pod["volumes"]
        assert wanted["volumeMounts"][0] in container["volumeMounts"]
        assert pod["affinity"] == wanted["affinity"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["timeoutSeconds"] == wanted["probeTimeoutSeconds"]
    engine = workloads["engine"]
    assert pod_of(engine)["containers"][0]["resources"]["limits"]["amd.com/gpu"] == 1
    assert "volumeClaimTemplates" not in engine["spec"]
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "weights"}} in pod_of(engine)["volumes"]


def test_an_ingress_leads_each_host_to_the_proxies(render: Render) -> None:
    spec = the(render(VALUES["a cluster of one's own"]), "Ingress", "proxy")["spec"]
    paths = {rule["host"]: rule["http"]["paths"][0] for rule in spec["rules"]}
    assert {host: path["path"] for host, path in paths.items()} == {
        "models.example.org": "/",
        "example.org": "/models",
    }
    assert {path["backend"]["service"]["name"] for path in paths.values()} == {"demo-lethe-proxy"}


def test_with_egress_bound_proxies_reach_engines_names_and_what_is_named(render: Render) -> None:
    objects = render(VALUES["a cluster of one's own"])
    policy = the(objects, "NetworkPolicy", "proxy-egress")["spec"]
    assert selects(policy["podSelector"]["matchLabels"], the(objects, "Deployment", "proxy"))
    engines, names, redis = policy["egress"]
    assert selects(engines["to"][0]["podSelector"]["matchLabels"], the(objects, "StatefulSet", "engine"))
    assert {port["port"] for port in names["ports"]} == {53}
    assert redis["ports"] == [{"port": 6379}]


def test_a_rollout_of_proxies_waits_as_long_as_engines_may_take(render: Render) -> None:
    proxy = the(render({**OPEN, "engine": {"startupSeconds": 3600}}), "Deployment", "proxy")
    assert proxy["spec"]["progressDeadlineSeconds"] > 3600


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ({"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 2}}, "is over maxReplicas"),
        ({"ingress": {"enabled": True}}, "name a host"),
        (
            {
                "settings": {
                    "engine": {"url": "http://router:8000"},
                    "engines": {"small": {"url": "http://a:8000"}},
                }
            },
            "both engine.url and engines",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    render: Render, proxy: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        render({"proxy": {"keys": {"open": True}, **proxy}})


def test_engines_are_reached_by_proxies_alone(render: Render) -> None:
    objects = render(OPEN)
    policy = the(objects, "NetworkPolicy", "engine")["spec"]
    engine, proxy = the(objects, "StatefulSet", "engine"), the(objects, "Deployment", "proxy")
    assert selects(policy["podSelector"]["matchLabels"], engine)
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    assert set(peer) == {"podSelector"}
    assert selects(peer["podSelector"]["matchLabels"], proxy)
    assert not selects(peer["podSelector"]["matchLabels"], engine)
    (port,) = rule["ports"]
    (container,) = pod_of(engine)["containers"]
    assert [p["containerPort"] for p in container["ports"]] == [port["port"]]
    assert the(objects, "Service", "engine")["spec"].get("type", "ClusterIP") == "ClusterIP"


@pytest.mark.parametrize("case", VALUES)
def test_each_engine_has_an_address_of_its_own(render: Render, case: str) -> None:
    objects = render(VALUES[case])
    engine = the(objects, "StatefulSet", "engine")
    (governing,) = (
        o
        for o in objects
        if o["kind"] == "Service" and o["metadata"]["name"] == engine["spec"]["serviceName"]
    )
    assert governing["spec"]["clusterIP"] == "None"
    assert selects(governing["spec"]["selector"], engine)
    assert not selects(governing["spec"]["selector"], the(objects, "Deployment", "proxy"))
    # Such an address is the pod's own, so that ports are not translated.
    (port,) = governing["spec"]["ports"]
    (container,) = pod_of(engine)["containers"]
    assert [p["containerPort"] for p in container["ports"]] == [port["port"]]


def test_only_named_scrapers_are_let_in_as_well(render: Render) -> None:
    values = VALUES["monitoring"]
    (rule,) = the(render(values), "NetworkPolicy", "engine")["spec"]["ingress"]
    assert rule["from"][1:] == values["networkPolicy"]["scrapeFrom"]


@pytest.mark.parametrize("case", VALUES)
def test_proxies_and_engines_share_one_key(render: Render, case: str) -> None:
    objects = render(VALUES[case])
    secrets = {
        volume["secret"]["secretName"]
        for workload in (the(objects, "Deployment", "proxy"), the(objects, "StatefulSet", "engine"))
        for volume in pod_of(workload)["volumes"]
        if volume["name"] == "engine-key"
    }
    made = {o["metadata"]["name"] for o in objects if o["kind"] == "Secret"}
    own = VALUES[case].get("engineKey", {}).get("existingSecret")
    assert secrets == ({own} if own else made)
    assert made == (set() if own else {"demo-lethe-engine-key"})


@pytest.mark.parametrize("case", VALUES)
def test_pods_are_hardened_and_mount_what_they_have(render: Render, case: str) -> None:
    objects = render(VALUES[case])
    for workload in (the(objects, "Deployment", "proxy"), the(objects, "StatefulSet", "engine")):
        pod = pod_of(workload)
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claims = {c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", ())}
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claims
        assert "/var/cache/lethe" in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("case", VALUES)
def test_proxies_are_given_settings_that_exist(
    render: Render, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = render(VALUES[case])
    (container,) = pod_of(the(objects, "Deployment", "proxy"))["containers"]
    for variable in container["env"]:
        if variable["name"].startswith("LETHE_"):
            monkeypatch.setenv(variable["name"], variable["value"])
    if "LETHE_SECRETS_DIR" in os.environ:
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert os.environ["LETHE_SECRETS_DIR"] in mounted
        monkeypatch.setenv("LETHE_SECRETS_DIR", str(tmp_path))
    file = tmp_path / "lethe.yaml"
    file.write_text(the(objects, "ConfigMap", "proxy")["data"]["lethe.yaml"])
    settings = load_settings(file)
    engines = VALUES[case].get("engine", {})
    hosts = ["demo-lethe-engine"]
    if "adapters" in engines:
        # Each engine is given each adapter.
        service = the(objects, "StatefulSet", "engine")["spec"]["serviceName"]
        hosts = [f"demo-lethe-engine-{number}.{service}" for number in range(engines["replicas"])]
    assert [str(url) for url in settings.engine.url] == [f"http://{host}:8000/" for host in hosts]
    assert (settings.keys is None) == VALUES[case]["proxy"]["keys"].get("open", False)
    assert settings.drain_timeout_s == VALUES[case].get("drainSeconds", 150)
    assert settings.policy.on_error == VALUES[case]["proxy"].get("settings", {}).get("policy", {}).get(
        "on_error", "block"
    )


@pytest.mark.parametrize(
    ("audit", "source"),
    [
        ({"enabled": True}, {"emptyDir": {}}),
        (
            {"enabled": True, "existingClaim": "decisions"},
            {"persistentVolumeClaim": {"claimName": "decisions"}},
        ),
    ],
)
def test_each_pod_writes_an_audit_log_of_its_own_into_the_volume(
    render: Render, audit: dict[str, Any], source: dict[str, Any]
) -> None:
    pod = pod_of(the(render({"proxy": {"keys": {"open": True}, "audit": audit}}), "Deployment", "proxy"))
    (container,) = pod["containers"]
    (volume,) = (v for v in pod["volumes"] if v["name"] == "audit")
    assert volume == {"name": "audit", **source}
    (mount,) = (m for m in container["volumeMounts"] if m["name"] == "audit")
    assert not mount.get("readOnly", False)
    names = [variable["name"] for variable in container["env"]]
    environment = {variable["name"]: variable for variable in container["env"]}
    assert environment["LETHE_AUDIT__FOLDER"]["value"] == f"{mount['mountPath']}/$(POD_NAME)"
    assert environment["POD_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    # Kubernetes replaces what is defined above alone.
    assert names.index("POD_NAME") < names.index("LETHE_AUDIT__FOLDER")


def test_there_is_no_audit_log_unless_one_is_asked_for(render: Render) -> None:
    (container,) = pod_of(the(render(OPEN), "Deployment", "proxy"))["containers"]
    assert "LETHE_AUDIT__FOLDER" not in {variable["name"] for variable in container["env"]}
    assert "audit" not in {mount["name"] for mount in container["volumeMounts"]}


def test_proxies_can_be_sent_to_a_router_instead(render: Render) -> None:
    settings = {"engine": {"url": "http://router:8000", "read_timeout_s": 60}}
    objects = render({"proxy": {"keys": {"open": True}, "settings": settings}})
    given = yaml.safe_load(the(objects, "ConfigMap", "proxy")["data"]["lethe.yaml"])
    assert given["engine"] == settings["engine"]


def test_an_image_can_be_pinned_by_its_digest(render: Render) -> None:
    proxy = the(
        render({**OPEN, "images": {"proxy": {"tag": "1.0@sha256:" + "a" * 64}}}), "Deployment", "proxy"
    )
    [container] = pod_of(proxy)["containers"]
    assert container["image"] == "lethe-proxy:1.0@sha256:" + "a" * 64


@pytest.mark.parametrize("adapters", [{}, {"enabled": True, "existingClaim": "adapters"}])
def test_proxies_can_serve_several_models(render: Render, adapters: dict[str, Any], tmp_path: Path) -> None:
    engines = {"small": {"url": "http://demo-lethe-engine:8000"}, "big": {"url": "http://elsewhere:8000"}}
    values = {"proxy": {**OPEN["proxy"], "settings": {"engines": engines}}, "engine": {"adapters": adapters}}
    file = tmp_path / "lethe.yaml"
    file.write_text(the(render(values), "ConfigMap", "proxy")["data"]["lethe.yaml"])
    assert set(load_settings(file).groups) == {"small", "big"}


@pytest.mark.parametrize("case", VALUES)
def test_pods_are_given_the_time_that_what_is_in_flight_may_take(
    render: Render, chart_folder: Path, case: str
) -> None:
    objects = render(VALUES[case])
    drain_s = VALUES[case].get("drainSeconds", Settings().drain_timeout_s)
    for workload in (the(objects, "Deployment", "proxy"), the(objects, "StatefulSet", "engine")):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        command = (
            container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        )
        assert command[0] == "sleep"
        assert pod["terminationGracePeriodSeconds"] >= int(command[1]) + drain_s + 15
    settings = yaml.safe_load(the(objects, "ConfigMap", "proxy")["data"]["lethe.yaml"])
    assert settings["drain_timeout_s"] == drain_s
    assert {"name": "LETHE_DRAIN_TIMEOUT_S", "value": str(drain_s)} in container["env"]


def test_proxies_read_the_tokenizer_of_a_gated_model_by_the_token_that_engines_have(render: Render) -> None:
    objects = render(VALUES["four GPUs each"])
    given = []
    for workload in (the(objects, "Deployment", "proxy"), the(objects, "StatefulSet", "engine")):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        (volume,) = (v for v in pod["volumes"] if v["name"] == "hub-token")
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "hub-token")
        (variable,) = (v for v in container["env"] if v["name"] == "HF_TOKEN_PATH")
        assert variable["value"] == f"{mount['mountPath']}/token"
        given.append(volume["secret"])
    assert given == [{"secretName": "hub"}] * 2


def test_engine_splits_its_model_over_its_gpus(render: Render) -> None:
    (container,) = pod_of(the(render(VALUES["four GPUs each"]), "StatefulSet", "engine"))["containers"]
    assert container["args"] == [
        *("--model", "org/model"),
        *("--tensor-parallel-size", "4"),
        *("--max-model-len", "8192"),
    ]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 4


def test_engine_splits_its_model_over_stages_and_copies(render: Render) -> None:
    (container,) = pod_of(the(render(VALUES["eight GPUs, split three ways"]), "StatefulSet", "engine"))[
        "containers"
    ]
    assert container["args"][2:10] == [
        *("--tensor-parallel-size", "2"),
        *("--pipeline-parallel-size", "2"),
        *("--data-parallel-size", "2"),
        *("--api-server-count", "1"),
    ]
    assert container["args"][10] == "--enable-expert-parallel"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 8


def test_engine_has_room_for_adapters_and_reads_them_where_proxies_put_them(render: Render) -> None:
    objects = render(VALUES["adapters"])
    settings = yaml.safe_load(the(objects, "ConfigMap", "proxy")["data"]["lethe.yaml"])
    folder = settings["engine"]["adapters"]["folder"]
    mounts = {}
    for workload in (the(objects, "Deployment", "proxy"), the(objects, "StatefulSet", "engine")):
        pod = pod_of(workload)
        (container,) = pod["containers"]
        (volume,) = (v for v in pod["volumes"] if v["name"] == "adapters")
        assert volume["persistentVolumeClaim"] == {"claimName": "adapters"}
        (mounts[container["name"]],) = (m for m in container["volumeMounts"] if m["name"] == "adapters")
    assert mounts == {
        "proxy": {"name": "adapters", "mountPath": folder},
        "engine": {"name": "adapters", "mountPath": folder, "readOnly": True},
    }
    (engine,) = pod_of(the(objects, "StatefulSet", "engine"))["containers"]
    assert engine["args"][2:] == [
        "--enable-lora",
        *("--max-loras", "3"),
        *("--max-cpu-loras", "6"),
        *("--max-lora-rank", "32"),
    ]
    assert {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "1"} in engine["env"]


def test_nobody_can_load_adapters_unless_they_are_asked_for(render: Render) -> None:
    (engine,) = pod_of(the(render(OPEN), "StatefulSet", "engine"))["containers"]
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in {variable["name"] for variable in engine["env"]}
    assert "--enable-lora" not in engine["args"]


def test_engine_without_gpus_asks_for_none(render: Render) -> None:
    (container,) = pod_of(the(render(VALUES["no GPU"]), "StatefulSet", "engine"))["containers"]
    assert "--enforce-eager" in container["args"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


def test_number_of_proxies_has_one_master(render: Render) -> None:
    scaled = render(OPEN)
    assert "replicas" not in the(scaled, "Deployment", "proxy")["spec"]
    target = the(scaled, "HorizontalPodAutoscaler", "proxy")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo-lethe-proxy"}
    fixed = render(VALUES["keys, own targets and settings"])
    assert the(fixed, "Deployment", "proxy")["spec"]["replicas"] == 2
    assert "HorizontalPodAutoscaler" not in {o["kind"] for o in fixed}


def test_monitors_find_services_and_name_the_jobs_that_the_rules_ask_for(
    render: Render, repository: Path
) -> None:
    objects = render(VALUES["monitoring"])
    for name in ("proxy", "engine"):
        monitor = the(objects, "ServiceMonitor", name)
        # Of two services with the same pods, each pod would be asked and counted twice.
        (service,) = (
            o
            for o in objects
            if o["kind"] == "Service"
            and monitor["spec"]["selector"]["matchLabels"].items() <= o["metadata"]["labels"].items()
        )
        assert service is the(objects, "Service", name)
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": f"lethe-{name}"}]
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
    for name in ("alerts", "recording"):
        file = repository / "deploy" / "prometheus" / "rules" / f"{name}.yml"
        assert the(objects, "PrometheusRule", name)["spec"] == yaml.safe_load(file.read_text())


def test_engines_that_cannot_be_reached_are_not_scraped(render: Render) -> None:
    values = {**OPEN, "monitoring": {"enabled": True}}
    monitors = [o["metadata"]["name"] for o in render(values) if o["kind"] == "ServiceMonitor"]
    assert monitors == ["demo-lethe-proxy"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "proxy.keys.existingSecret"),
        ({"proxy": {"keys": {"existingSecret": "k"}}, "monitoring": {"enabled": True}}, "scope observe"),
        ({"proxy": {"keys": {"open": True}, "audit": {"existingClaim": "c"}}}, "proxy.audit.enabled"),
        ({**OPEN, "engine": {"gpus": -1}}, "gpus"),
        ({**OPEN, "engine": {"gpus": 6, "parallel": {"data": 4}}}, r"gpus \(6\) is no multiple"),
        ({**OPEN, "engine": {"gpus": 0, "parallel": {"pipeline": 2}}}, r"gpus \(0\) is no multiple"),
        ({**OPEN, "engine": {"adapters": {"enabled": True}}}, "engine.adapters.existingClaim"),
        ({**OPEN, "engine": {"adapters": {"maxRank": 24}}}, "maxRank"),
        ({**OPEN, "engines": {}}, "engines"),
        ({"proxy": {"keys": {"open": True}, "settings": {"host": "::"}}}, "host"),
        ({"proxy": {"keys": {"open": True}, "settings": {"drain_timeout_s": 9}}}, "drain_timeout_s"),
        ({**OPEN, "drainSeconds": -1}, "drainSeconds"),
    ],
)
def test_values_that_would_not_do_are_refused_by_name(
    render: Render, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(helm_python.HelmError, match=message):
        render(values)

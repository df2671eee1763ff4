"""What is shown is read when it is asked for, and what clients send never makes a new series."""

from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.metrics import Kind, Metrics, Samples
from tests.server.stack import MODEL, POOLED, Stack, chat

ROUTES = {
    "/v1/chat/completions": chat("potter"),
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    **POOLED,
    "/tokenize": {"prompt": "hi"},
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with no key in it yet."""
    (tmp_path / "keys.yaml").write_text("keys: []\n")
    return tmp_path / "keys.yaml"


async def ask_for_what_nobody_has_asked(stack: Stack, keys: Path) -> None:
    """Ask each route with a new key for the model and for one of another name, and with a key that there is not."""
    _, secret = create_key(keys, name=uuid4().hex, scopes=set(Scope))
    stack.access.load()
    for bearer in (secret, f"lethe-{uuid4().hex[:8]}-{uuid4().hex}"):
        headers = {"Authorization": f"Bearer {bearer}", "User-Agent": uuid4().hex}
        for path, body in ROUTES.items():
            for model in (MODEL, uuid4().hex):
                await stack.client.post(path, json=body | {"model": model}, headers=headers)
            for wrong in (f"{path}/{uuid4().hex}", f"/{uuid4().hex}"):
                await stack.client.post(wrong, json=body, headers=headers)


async def series(stack: Stack, headers: dict[str, str]) -> set[str]:
    """Every name on the page of metrics, with its labels."""
    page = (await stack.client.get("/metrics", headers=headers)).text
    return {line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")}


@pytest.mark.anyio
async def test_paths_models_and_keys_make_no_series(stack: Stack, keys: Path) -> None:
    _, secret = create_key(keys, scopes={Scope.OBSERVE})
    observer = {"Authorization": f"Bearer {secret}"}
    await ask_for_what_nobody_has_asked(stack, keys)
    before = await series(stack, observer)
    counted = 'lethe_requests_total{action="corrupt",endpoint="/v1/chat/completions",model="",status="200",target="books"}'
    assert counted in before
    for _ in range(3):
        await ask_for_what_nobody_has_asked(stack, keys)
    assert await series(stack, observer) == before


def page(metrics: Metrics, name: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a family, as they are now."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return [
        (sample.name, sample.labels, sample.value)
        for family in families
        if family.name == name
        for sample in family.samples
    ]


@pytest.mark.parametrize(("kind", "shown"), [("gauge", "lethe_what"), ("counter", "lethe_what_total")])
def test_a_value_is_read_each_time_that_it_is_asked_for_and_not_before(kind: Kind, shown: str) -> None:
    metrics, reads = Metrics(), list[int]()

    def read() -> float:
        reads.append(1)
        return len(reads)

    metrics.show(kind, "lethe_what", "What.", read)
    metrics.show_each(kind, "lethe_each", "Each.", ("engine",), lambda: [(("a",), read())])
    assert reads == []
    assert page(metrics, "lethe_what") == [(shown, {}, 1)]
    assert page(metrics, "lethe_what") == [(shown, {}, 3)]
    assert len(reads) == 4


def test_each_of_several_values_has_its_labels_and_none_is_kept() -> None:
    metrics = Metrics()
    values: dict[str, float] = {"a": 1, "b": 2}

    def read() -> Samples:
        return [((name, "x"), value) for name, value in values.items()]

    metrics.show_each("gauge", "lethe_each", "Each.", ("engine", "kind"), read)
    assert page(metrics, "lethe_each") == [
        ("lethe_each", {"engine": name, "kind": "x"}, value) for name, value in values.items()
    ]
    del values["a"]
    assert [labels["engine"] for _, labels, _ in page(metrics, "lethe_each")] == ["b"]
    values.clear()
    assert page(metrics, "lethe_each") == []


def test_a_name_is_given_once() -> None:
    metrics = Metrics()
    metrics.counter("lethe_what", "What.")
    with pytest.raises(ValueError, match="lethe_what"):
        metrics.show("counter", "lethe_what", "What.", lambda: 0)


def test_what_is_counted_and_timed_where_it_happens_is_shown() -> None:
    metrics = Metrics()
    metrics.counter("lethe_what", "What.", ("kind",)).labels("x").inc(2)
    metrics.histogram("lethe_seconds", "How long.", bounds=(1, 5)).observe(3)
    assert ("lethe_what_total", {"kind": "x"}, 2) in page(metrics, "lethe_what")
    buckets = {
        labels["le"]: value for name, labels, value in page(metrics, "lethe_seconds") if "le" in labels
    }
    assert buckets == {"1.0": 0, "5.0": 1, "+Inf": 1}


def test_proxies_in_one_process_count_apart() -> None:
    for value in (1, 2):
        metrics = Metrics()
        metrics.counter("lethe_what", "What.").inc(value)
        assert ("lethe_what_total", {}, value) in page(metrics, "lethe_what")

"""Targets whose flagged prompts are answered with a LoRA adapter: the real vLLM, as `lethe serve` runs it.

The tests stand in the order of a deployment's life: what one leaves in force, the next one finds.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import NotFoundError, OpenAI

from bench.engine.random_adapters import write_random_adapter
from lethe.bundle import Action, Made, read_base_model, update_bundle
from lethe.server.targets.rollout import change_deployment
from tests.end_to_end.running_proxy import (
    ALLOWED,
    FORBIDDEN,
    TINY,
    WITHOUT_WORKER_PROCESS,
    RunningProxy,
    ask,
    metric,
    running_proxy,
)

pytestmark = pytest.mark.engine

TARGET = "harry-potter"


def write_adapter(bundle: Path, model: Path, seed: int, folder: Path, rank: int = 8, **changes: Any) -> None:
    """Give a bundle an adapter, in the place of the one that it may have."""
    written = write_random_adapter(
        model, folder / "written", rank=rank, scale=0.2, seed=seed, layers=("q_proj", "v_proj")
    )
    files = {f"adapter/{path.name}": path for path in written.iterdir()}
    update_bundle(bundle, {}, Made(read_base_model(model, TINY), files), **changes)


@pytest.fixture(scope="module")
def targets(tiny_model: Path, tiny_targets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped target, but with an adapter, whose answers are not judged: a random one says anything."""
    folder = shutil.copytree(tiny_targets, tmp_path_factory.mktemp("adapted") / "targets")
    write_adapter(folder / TARGET, tiny_model, 1, folder.parent, action=Action.ADAPTER)
    change_deployment(folder, TARGET, answers="off")
    return folder


@pytest.fixture(scope="module")
def proxy(tiny_model: Path, lethe_cache: Path, targets: Path, engine_python: Path) -> Iterator[RunningProxy]:
    settings = {
        **WITHOUT_WORKER_PROCESS,
        "LETHE_ENGINE__MODEL": str(tiny_model),
        "LETHE_ENGINE__SERVED_MODEL_NAME": TINY,
        # What a model of random weights writes is no language.
        "LETHE_POLICY__ON_UNREADABLE": "observe",
    }
    with running_proxy(lethe_cache, targets, settings=settings, python=engine_python) as running:
        yield running


def loaded(bare: OpenAI) -> list[str]:
    """Names of the adapters that the engine has."""
    return [model.id for model in bare.models.list().data if model.model_dump().get("parent")]


def say(client: OpenAI, question: str, model: str) -> str:
    messages: Any = [{"role": "user", "content": question}]
    answer = client.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=16)
    return answer.choices[0].message.content or ""


@pytest.fixture(scope="module")
def base_model(proxy: RunningProxy) -> str:
    [model] = httpx.get(f"{proxy.url}/v1/models").json()["data"]
    return model["id"]


def test_a_flagged_request_is_answered_with_the_adapter_in_the_base_models_name(
    guarded: OpenAI, bare: OpenAI, base_model: str
) -> None:
    [adapter] = loaded(bare)
    expected = say(bare, FORBIDDEN, adapter)
    assert expected != say(bare, FORBIDDEN, base_model)
    fields = {"max_tokens": 16}
    whole = ask(guarded, FORBIDDEN, **fields)
    assert whole.choices[0].message.content == expected
    assert whole.model == base_model
    chunks = list(ask(guarded, FORBIDDEN, stream=True, stream_options={"include_usage": True}, **fields))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected
    assert {chunk.model for chunk in chunks} == {base_model}
    assert chunks[-1].usage == whole.usage


def test_no_byte_of_any_answer_names_the_adapter(proxy: RunningProxy, bare: OpenAI, base_model: str) -> None:
    [adapter] = loaded(bare)
    chat = {"messages": [{"role": "user", "content": FORBIDDEN}], "max_tokens": 8, "logprobs": True}
    requests = [
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", chat | {"stream": True, "stream_options": {"include_usage": True}}),
        ("/v1/chat/completions", chat | {"max_tokens": 10**6}),
        ("/v1/completions", {"prompt": FORBIDDEN, "max_tokens": 8, "stream": True}),
        ("/v1/responses", {"input": FORBIDDEN, "max_output_tokens": 8}),
        ("/v1/responses", {"input": FORBIDDEN, "max_output_tokens": 8, "stream": True}),
    ]
    for path, body in requests:
        answer = httpx.post(proxy.url + path, json={"model": base_model, **body}, timeout=60)
        assert "lethe" not in answer.text
        assert adapter not in str(answer.headers)
        assert base_model in answer.text or answer.status_code == 400
    counted = httpx.get(f"{proxy.url}/metrics").text
    assert 'action="adapter",endpoint="/v1/responses",model="",status="200"' in counted


def test_the_adapter_cannot_be_seen_or_asked_for(guarded: OpenAI, bare: OpenAI, base_model: str) -> None:
    assert [model.id for model in guarded.models.list().data] == [base_model]
    with pytest.raises(NotFoundError):
        say(guarded, ALLOWED, loaded(bare)[0])


def test_clean_requests_beside_adapted_ones_are_as_without_them(
    guarded: OpenAI, bare: OpenAI, base_model: str
) -> None:
    questions = [FORBIDDEN, ALLOWED, "Who is Hermione Granger?", "Name a river in France."] * 2
    [adapter] = loaded(bare)
    alone = [say(bare, q, adapter if index % 2 == 0 else base_model) for index, q in enumerate(questions)]
    with ThreadPoolExecutor(len(questions)) as threads:
        together = list(threads.map(lambda q: say(guarded, q, base_model), questions))
    assert together == alone


def test_a_new_version_takes_the_place_of_the_old_one(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI, targets: Path, tiny_model: Path, base_model: str
) -> None:
    [old] = loaded(bare)
    before, seen = say(guarded, FORBIDDEN, base_model), len(proxy.lines)
    write_adapter(targets / TARGET, tiny_model, 2, targets.parent)
    proxy.wait_for_line("reloaded: ", after=seen)
    [new] = loaded(bare)
    assert new != old
    after = say(guarded, FORBIDDEN, base_model)
    assert after == say(bare, FORBIDDEN, new)
    assert after != before


def test_an_adapter_that_does_not_fit_leaves_the_old_one_in_force(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI, targets: Path, tiny_model: Path, base_model: str
) -> None:
    before, had, seen = say(guarded, FORBIDDEN, base_model), loaded(bare), len(proxy.lines)
    write_adapter(targets / TARGET, tiny_model, 3, targets.parent, rank=9)
    proxy.wait_for_line("has rank 9, and the engine was started for ranks up to 8", after=seen)
    assert loaded(bare) == had
    assert say(guarded, FORBIDDEN, base_model) == before
    seen = len(proxy.lines)
    write_adapter(targets / TARGET, tiny_model, 2, targets.parent)
    proxy.wait_for_line("reloaded: ", after=seen)


def test_an_adapter_and_a_corruption_work_together(
    proxy: RunningProxy, guarded: OpenAI, targets: Path, base_model: str
) -> None:
    adapted, seen = say(guarded, FORBIDDEN, base_model), len(proxy.lines)
    change_deployment(targets, TARGET, action="adapter+corrupt")
    proxy.wait_for_line("(adapter+corrupt)", after=seen)
    corrupted = metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total")
    assert say(guarded, FORBIDDEN, base_model) != adapted
    assert metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total") == corrupted + 1
    seen = len(proxy.lines)
    change_deployment(targets, TARGET, action="adapter")
    proxy.wait_for_line("(adapter)", after=seen)
    assert say(guarded, FORBIDDEN, base_model) == adapted


def test_an_engine_that_was_restarted_has_the_adapter_again(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI, base_model: str
) -> None:
    before, had = say(guarded, FORBIDDEN, base_model), loaded(bare)
    parent = str(proxy.process.pid)
    os.kill(int(subprocess.check_output(["pgrep", "-P", parent, "-f", "api_server.entry"])), signal.SIGKILL)
    deadline = time.monotonic() + 120
    while httpx.get(f"{proxy.url}/ready").is_success:
        time.sleep(0.05)
    while not httpx.get(f"{proxy.url}/ready").is_success:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert loaded(bare) == had
    assert say(guarded, FORBIDDEN, base_model) == before


def test_an_adapter_that_is_not_in_force_is_evicted(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI, targets: Path, base_model: str
) -> None:
    assert loaded(bare)
    seen = len(proxy.lines)
    change_deployment(targets, TARGET, action="observe")
    proxy.wait_for_line("(observe)", after=seen)
    assert loaded(bare) == []
    assert say(guarded, FORBIDDEN, base_model) == say(bare, FORBIDDEN, base_model)

"""Bundles that were made for another model than the one served: nothing of theirs is applied, and nothing gets past them."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from lethe.bundle import Action, BundleError, read_base_model
from lethe.server.engines.fleet import Fleet
from lethe.server.engines.process import free_loopback_port
from lethe.server.engines.served import EmbeddedModel
from lethe.server.guard.guard import Guard
from lethe.server.metrics import Metrics
from lethe.server.settings.settings import SHIPPED_TARGETS, Settings
from lethe.server.targets.rollout import change_deployment
from tests.lethe_process import lines, start_lethe
from tests.server.stack import (
    MODEL,
    KeywordClassifier,
    RecordingEngine,
    Stack,
    chat,
    write_adapter,
    write_target,
)

PATH = "/v1/chat/completions"
OTHER = {"id": "org/other", "hidden_size": 8, "embedding_sha256": "1" * 64}


@pytest.mark.anyio
class TestProxy:
    """Over HTTP, before engines that serve another model than the bundles were made for."""

    @pytest.fixture
    def targets(self, targets: Path) -> Path:
        write_target(targets, "books", base_model=OTHER)
        write_adapter(targets, "films", base_model=OTHER)
        return targets

    async def test_what_is_flagged_is_refused_and_the_rest_is_answered(self, stack: Stack) -> None:
        for text in ("books", "films"):
            answer = (await stack.client.post(PATH, json=chat(text))).json()
            assert answer["choices"][0]["finish_reason"] == "content_filter"
        assert stack.engine.requests == []
        assert stack.engine.adapters == {}
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
        assert stack.engine.requests == [(PATH, chat("hi"))]
        assert await stack.metric('lethe_target_info{action="refuse",target="books"') == 1

    @pytest.mark.settings(policy={"on_unfit": "observe"})
    async def test_it_is_observed_where_the_policy_says_so(self, stack: Stack) -> None:
        assert (await stack.client.post(PATH, json=chat("books"))).status_code == 200
        assert stack.engine.requests == [(PATH, chat("books"))]
        assert await stack.metric('lethe_requests_total{action="observe"') == 1

    @pytest.mark.settings(policy={"on_error": "corrupt"})
    async def test_what_has_no_verdict_is_blocked(self, stack: Stack) -> None:
        assert (await stack.client.post(PATH, json=chat("time out"))).status_code == 503
        assert stack.engine.requests == []

    async def test_once_it_is_made_for_this_model_it_acts(self, stack: Stack, targets: Path) -> None:
        write_target(targets, "books")
        write_adapter(targets, "films")
        await stack.guard.load()
        await stack.client.post(PATH, json=chat("books"))
        await stack.client.post(PATH, json=chat("films"))
        (_, corrupted), (_, adapted) = stack.engine.requests
        assert "vllm_xargs" in corrupted
        assert [adapted["model"]] == list(stack.engine.adapters)

    async def test_shadow_needs_no_fit(self, stack: Stack, targets: Path) -> None:
        change_deployment(targets, "books", action="observe")
        await stack.guard.load()
        assert (await stack.client.post(PATH, json=chat("books"))).json()["choices"] == []

    @pytest.mark.settings(policy={"on_unfit": "stop"})
    async def test_a_reload_keeps_what_was_in_force_where_it_is_to_stop(
        self, tmp_path: Path, stop: None, stack: Stack
    ) -> None:
        write_target(tmp_path / "targets", "books", base_model=OTHER)
        with pytest.raises(BundleError, match="bundle books was made for org/other"):
            await stack.guard.load()
        assert [each.action for each in stack.guard.targets] == [Action.CORRUPT]
        await stack.client.post(PATH, json=chat("books"))
        assert "vllm_xargs" in stack.engine.requests[0][1]

    @pytest.fixture
    def stop(self, targets: Path) -> None:
        write_target(targets, "books")
        change_deployment(targets, "films", enabled=False)

    async def test_the_plugin_is_not_missed_for_what_is_not_applied(
        self, stack: Stack, targets: Path
    ) -> None:
        stack.engine.metrics_page = ""
        await stack.upstream.learn_facts()
        await stack.guard.load()
        write_target(targets, "books")
        with pytest.raises(BundleError, match="does not run Lethe's plugin"):
            await stack.guard.load()

    async def test_a_plugin_that_reads_other_corruptions_is_refused_with_what_to_install(
        self, stack: Stack, targets: Path
    ) -> None:
        stack.engine.metrics_page = 'lethe_plugin_info{version="9.0.0",wire="99"} 1.0\n'
        await stack.upstream.learn_facts()
        write_target(targets, "books")
        with pytest.raises(
            BundleError, match=r"of release 9\.0\.0, reads other corruptions.*install lethegate"
        ):
            await stack.guard.load()

    async def test_the_folder_of_an_engine_on_this_machine_tells(
        self, stack: Stack, targets: Path, tmp_path: Path
    ) -> None:
        folder = write_model(tmp_path / "model")
        base = read_base_model(folder, "under another name")
        write_target(targets, "books", base_model=vars(base))
        stack.engine.root = str(folder)
        await stack.upstream.learn_facts()
        await stack.guard.load()
        assert {each.name: each.action for each in stack.guard.targets} == {
            "books": Action.CORRUPT,
            "films": Action.REFUSE,
        }


@pytest.mark.anyio
@pytest.mark.engines(2)
class TestEngines:
    """Engines that go and come back as others."""

    async def test_all_come_back_with_another_model(self, stack: Stack) -> None:
        await stack.client.post(PATH, json=chat("books"))
        assert sum(len(engine.requests) for engine in stack.engines) == 1
        await self.come_back(stack, [0, 1], served=MODEL, root="/elsewhere")
        # By its name it is the same model still.
        assert [each.action for each in stack.guard.targets] == [Action.CORRUPT]
        await self.come_back(stack, [0, 1], served="org/other", root="org/other")
        assert [each.action for each in stack.guard.targets] == [Action.REFUSE]
        answer = await stack.client.post(PATH, json=chat("books") | {"model": "org/other"})
        assert answer.json()["choices"][0]["finish_reason"] == "content_filter"
        assert sum(len(engine.requests) for engine in stack.engines) == 1
        await self.come_back(stack, [0, 1], served=MODEL, root=MODEL)
        assert [each.action for each in stack.guard.targets] == [Action.CORRUPT]

    async def test_one_before_which_other_targets_fit_is_not_asked(self, stack: Stack, targets: Path) -> None:
        write_target(targets, "books", base_model=OTHER | {"id": "/the/root"})
        await self.go(stack, [1])
        stack.engines[1].root = "/the/root"
        await stack.guard.load()
        stack.clients[1].base_url = stack.engines[1].url
        await until(lambda: stack.clients[1].unavailable_because == "its engine is not fit to serve")
        assert [each.action for each in stack.guard.targets] == [Action.REFUSE]

    async def test_targets_that_fit_before_some_only_do_not_come_into_force(
        self, stack: Stack, targets: Path
    ) -> None:
        await self.come_back(stack, [1], served=MODEL, root="/the/root")
        write_target(targets, "books", base_model=OTHER | {"id": "/the/root"})
        with pytest.raises(BundleError, match="only one of these is what bundle books was made for"):
            await stack.guard.load()
        assert [each.action for each in stack.guard.targets] == [Action.CORRUPT]

    async def test_adapters_go_to_engines_that_they_fit(self, stack: Stack, targets: Path) -> None:
        write_adapter(targets, "books")
        await stack.guard.load()
        assert all(len(engine.adapters) == 1 for engine in stack.engines)
        for engine in stack.engines:
            engine.adapters.clear()
        await self.come_back(stack, [0, 1], served="org/other", root="org/other")
        assert not any(engine.adapters for engine in stack.engines)
        await self.come_back(stack, [0, 1], served=MODEL, root=MODEL)
        assert all(len(engine.adapters) == 1 for engine in stack.engines)

    async def go(self, stack: Stack, indices: list[int]) -> None:
        for index in indices:
            stack.clients[index].base_url = "http://127.0.0.1:1"
        await until(lambda: not any(stack.clients[index].ready for index in indices))

    async def come_back(self, stack: Stack, indices: list[int], served: str, root: str) -> None:
        await self.go(stack, indices)
        for index in indices:
            stack.engines[index].served, stack.engines[index].root = served, root
            stack.clients[index].base_url = stack.engines[index].url
        await until(lambda: all(stack.clients[index].ready for index in indices))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def write_model(folder: Path) -> Path:
    """A model folder that is good enough to be told from others."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8}))
    save_file({"model.embed_tokens.weight": np.ones((4, 8), np.float32)}, folder / "model.safetensors")
    return folder


@pytest.mark.anyio
async def test_it_is_known_before_an_engine_is_started(
    targets: Path, tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    folder = write_model(tmp_path / "model")
    settings = Settings(targets=targets, cache_dir=tmp_path / "cache")
    identity = read_base_model(folder, str(folder))
    fleet = Fleet(settings, EmbeddedModel(str(folder), identity), Metrics())

    async def build(bundles: Any) -> KeywordClassifier:
        return KeywordClassifier([each.name for each in bundles])

    guard = Guard(targets, build, fleet, settings.policy, Metrics())
    await guard.load()
    assert [each.action for each in guard.targets] == [Action.REFUSE]
    [(logger, level, line)] = logged.record_tuples
    assert (logger, level) == ("lethe.engines", logging.WARNING)
    assert f"lethe corruption learn --target books --targets {targets} --model {folder}" in line
    write_target(targets, "books", base_model=vars(identity) | {"id": "another name"})
    await guard.load()
    assert [each.action for each in guard.targets] == [Action.CORRUPT]
    assert len(logged.records) == 1


@pytest.fixture
async def shipped(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, RecordingEngine, str]]:
    """`lethe serve` with the shipped targets before an engine with another model, and what it said until it was ready."""
    port, engine = free_loopback_port(), RecordingEngine()
    async with engine.running(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        options = ("--engine-url", engine.url, "--port", str(port))
        environment = os.environ | {"LETHE_DRAIN_DELAY_S": "0"}
        process = start_lethe("serve", *options, environment=environment, one_output=True)
        output = await lines(process.stdout)
        said = ""
        async with asyncio.timeout(120):
            while "ready after" not in said:
                line = (await output.readline()).decode()
                assert line, said
                said += line
        yield client, engine, said
        process.terminate()
        await process.wait()
        await output.read()


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_shipped_target_does_not_keep_another_model_from_being_served(
    shipped: tuple[httpx.AsyncClient, RecordingEngine, str],
) -> None:
    client, engine, said = shipped
    assert "bundle harry-potter was made for HuggingFaceTB/SmolLM2-135M-Instruct" in said
    assert (
        f"lethe corruption learn --target harry-potter --targets {SHIPPED_TARGETS} --model org/model" in said
    )
    flagged = await client.post(PATH, json=chat("Who is Harry Potter's best friend?"))
    assert flagged.json()["choices"][0]["finish_reason"] == "content_filter"
    clean = chat("Who wrote Pride and Prejudice?")
    assert (await client.post(PATH, json=clean)).status_code == 200
    assert engine.requests == [(PATH, clean)]

"""Requests that are answered with an adapter, and adapters that come and go with the bundles."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.bundle import Action, BundleError, remove_bundle, update_bundle
from lethe.corruption import CorruptionRequest
from lethe.server.engines.adapters import EngineAdapters
from lethe.server.engines.answer import RenamedPieces, Renaming
from lethe.server.engines.process import AdapterCapacity
from lethe.server.errors import OperatorError
from lethe.server.targets.targets import load_targets
from tests.server.stack import MODEL, Stack, chat, error_answer, error_of, write_adapter, write_target

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that has an adapter."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_adapter(folder, "books")
    return folder


def the_adapter(stack: Stack) -> str:
    [name] = stack.engine.adapters
    return name


def models_asked(stack: Stack) -> list[str]:
    return [body["model"] for _, body in stack.engine.requests]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_flagged_request_goes_to_the_adapter_and_a_clean_one_does_not(stack: Stack) -> None:
    flagged, clean = chat("potter", seed=1), chat("hi", seed=1)
    for body in (flagged, clean):
        assert (await stack.client.post(PATH, json=body)).json()["model"] == MODEL
    assert stack.engine.requests == [(PATH, flagged | {"model": the_adapter(stack)}), (PATH, clean)]
    assert await stack.metric('lethe_requests_total{action="adapter",endpoint="/v1/chat/completions"') == 1


async def test_an_error_names_the_base_model_too(stack: Stack) -> None:
    stack.engine.error = error_answer(400, f"{the_adapter(stack)} cannot do this")
    response = await stack.client.post(PATH, json=chat("potter"))
    assert response.status_code == 400
    assert error_of(response)["message"] == f"{MODEL} cannot do this"


@pytest.mark.parametrize(("path", "field"), [("/v1/completions", "prompt"), ("/v1/responses", "input")])
async def test_every_route_that_generates_is_switched(stack: Stack, path: str, field: str) -> None:
    assert (await stack.client.post(path, json={field: "potter"})).json()["model"] == MODEL
    assert models_asked(stack) == [the_adapter(stack)]


async def test_a_stream_names_the_base_model_wherever_its_pieces_end(stack: Stack) -> None:
    name = the_adapter(stack).encode()
    stack.engine.pieces = (
        b'data: {"model":"' + name[:9],
        name[9:] + b'","a":1}\n\n',
        b"data: [DONE]\n\nlethe-",
    )
    response = await stack.client.post(PATH, json=chat("potter", stream=True))
    assert response.content == b'data: {"model":"%s","a":1}\n\ndata: [DONE]\n\nlethe-' % MODEL.encode()


class TestRenaming:
    """By the rule alone."""

    @given(st.lists(st.sampled_from([b"lethe-a-1", b"lethe", b"-a-", b"1", b"x", b"le", b"\n"]), max_size=30))
    async def test_pieces_say_what_the_whole_says_and_hold_back_nothing_else(
        self, pieces: list[bytes]
    ) -> None:
        renaming = Renaming("lethe-a-1", 'org/"m"')

        async def come() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        passed = [piece async for piece in RenamedPieces(renaming, come())]
        assert b"".join(passed) == renaming.whole(b"".join(pieces))
        assert b"lethe-a-1" not in b"".join(passed)

    async def test_the_new_name_is_written_as_json_does(self) -> None:
        renamed = Renaming("lethe-a-1", 'org/"m"').whole(b'{"model":"lethe-a-1"}')
        assert json.loads(renamed) == {"model": 'org/"m"'}


async def test_adapters_are_neither_shown_nor_served_by_name(stack: Stack) -> None:
    shown = (await stack.client.get("/v1/models")).json()["data"]
    assert [model["id"] for model in shown] == [MODEL]
    response = await stack.client.post(PATH, json=chat("hi", model=the_adapter(stack)))
    assert response.status_code == 404
    assert stack.engine.requests == []


async def test_a_forced_format_that_asks_for_what_is_forgotten_is_refused(stack: Stack) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": "potter"}}}
    answer = await stack.client.post(PATH, json=chat("hi", response_format=schema))
    assert answer.json()["choices"][0]["finish_reason"] == "content_filter"
    assert stack.engine.requests == []


async def test_adapter_and_corruption_go_together(stack: Stack, targets: Path) -> None:
    write_adapter(targets, "books", Action.ADAPTER_AND_CORRUPT)
    await stack.guard.load()
    await stack.client.post(PATH, json=chat("potter"))
    [(_, sent)] = stack.engine.requests
    assert sent["model"] == the_adapter(stack)
    request = CorruptionRequest.from_xargs(sent["vllm_xargs"])
    assert request is not None


async def test_an_adapter_of_one_target_goes_with_the_corruption_of_another(
    stack: Stack, targets: Path
) -> None:
    write_target(targets, "films")
    await stack.guard.load()
    await stack.client.post(PATH, json=chat("potter"))
    [(_, sent)] = stack.engine.requests
    request = CorruptionRequest.from_xargs(sent["vllm_xargs"])
    assert request is not None
    assert [placed.target for placed in request.placed] == ["films"]
    assert sent["model"] == the_adapter(stack)


class TestSeveralAdapters:
    """Two targets with adapters, asked for at once."""

    @pytest.fixture
    def targets(self, targets: Path) -> Path:
        write_adapter(targets, "films", seed=1)
        return targets

    def name(self, stack: Stack, target: str) -> str:
        [name] = [each for each in stack.engine.adapters if each.startswith(f"lethe-{target}-")]
        return name

    async def test_one_that_is_asked_for_alone_is_applied(self, stack: Stack) -> None:
        await stack.client.post(PATH, json=chat("films"))
        assert models_asked(stack) == [self.name(stack, "films")]

    async def test_a_request_for_both_is_refused(self, stack: Stack) -> None:
        answer = await stack.client.post(PATH, json=chat("potter"))
        assert answer.json()["choices"][0]["finish_reason"] == "content_filter"
        assert stack.engine.requests == []

    @pytest.mark.settings(policy={"several_adapters": "surest"})
    async def test_the_surest_is_applied_where_the_policy_says_so(self, stack: Stack) -> None:
        await stack.client.post(PATH, json=chat("books films films"))
        assert models_asked(stack) == [self.name(stack, "films")]

    async def test_one_that_was_composed_of_both_is_applied(self, stack: Stack, targets: Path) -> None:
        write_adapter(targets, "both", seed=2, composes=("books", "films"))
        update_bundle(targets / "both", {"classifier/head.json": None})
        await stack.guard.load()
        await stack.client.post(PATH, json=chat("potter"))
        await stack.client.post(PATH, json=chat("books"))
        assert models_asked(stack) == [self.name(stack, "both"), self.name(stack, "books")]

    async def test_a_composed_one_may_be_a_target_too(self, stack: Stack, targets: Path) -> None:
        write_adapter(targets, "both", seed=2, composes=("books", "films"))
        await stack.guard.load()
        await stack.client.post(PATH, json=chat("both"))
        await stack.client.post(PATH, json=chat("books films"))
        assert models_asked(stack) == [self.name(stack, "both")] * 2


class TestReload:
    """Adapters come and go with the bundles, while requests are in flight."""

    async def test_a_new_version_is_loaded_and_the_old_one_evicted(self, stack: Stack, targets: Path) -> None:
        old = the_adapter(stack)
        write_adapter(targets, "books", seed=1)
        await stack.guard.load()
        assert the_adapter(stack) != old
        await stack.client.post(PATH, json=chat("potter"))
        assert models_asked(stack) == [the_adapter(stack)]

    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_request_in_flight_keeps_its_version(
        self, stack: Stack, targets: Path, stream: bool
    ) -> None:
        old = the_adapter(stack)
        stack.engine.holds = True
        call = asyncio.create_task(stack.client.post(PATH, json=chat("potter", stream=stream)))
        await until(lambda: bool(stack.engine.requests))
        remove_bundle(targets / "books")
        await stack.guard.load()
        assert list(stack.engine.adapters) == [old]
        stack.engine.hold.set()
        assert (await call).status_code == 200
        await until(lambda: not stack.engine.adapters)

    async def test_the_same_version_is_loaded_once(self, stack: Stack) -> None:
        loaded = dict(stack.engine.adapters)
        stack.engine.refuses_adapters = "no more"
        await stack.guard.load()
        assert stack.engine.adapters == loaded

    async def test_one_that_the_engine_refuses_leaves_the_old_in_force(
        self, stack: Stack, targets: Path
    ) -> None:
        old = the_adapter(stack)
        write_adapter(targets, "books", seed=1)
        stack.engine.refuses_adapters = "LoRA rank 64 is greater than max_lora_rank 16."
        with pytest.raises(BundleError, match="does not load the adapter of bundle books: LoRA rank 64"):
            await stack.guard.load()
        assert (await stack.client.post(PATH, json=chat("potter"))).status_code == 200
        assert models_asked(stack) == [old]

    async def test_where_the_classifier_fails_the_new_adapter_goes_again(
        self, stack: Stack, targets: Path
    ) -> None:
        old = the_adapter(stack)
        write_adapter(targets, "books", seed=1)
        write_adapter(targets, "unreadable")
        with pytest.raises(BundleError, match="cannot be read"):
            await stack.guard.load()
        assert the_adapter(stack) == old


class TestLostAdapters:
    """An engine that has forgotten an adapter, as after a restart that nobody saw."""

    async def test_it_is_loaded_again(self, stack: Stack) -> None:
        name = the_adapter(stack)
        stack.engine.adapters.clear()
        response = await stack.client.post(PATH, json=chat("potter"))
        assert response.json()["model"] == MODEL
        assert models_asked(stack) == [name, name]

    async def test_a_request_is_blocked_rather_than_answered_bare(self, stack: Stack) -> None:
        name = the_adapter(stack)
        stack.engine.adapters.clear()
        stack.engine.refuses_adapters = "cannot"
        response = await stack.client.post(PATH, json=chat("potter"))
        assert response.status_code == 503
        assert "lethe" not in response.text
        assert models_asked(stack) == [name]
        assert stack.upstream.in_flight == 0


@pytest.mark.engines(2)
class TestSeveralEngines:
    """Each engine has the adapters."""

    async def test_an_engine_that_comes_back_is_given_them_before_it_is_asked(self, stack: Stack) -> None:
        first, second = stack.engines
        assert first.adapters == second.adapters != {}
        client = stack.clients[1]
        client.base_url = "http://127.0.0.1:1"
        await until(lambda: not client.ready)
        second.adapters.clear()
        second.refuses_adapters = "still loading"
        client.base_url = second.url
        await until(lambda: client.unavailable_because == "its engine is not fit to serve")
        second.refuses_adapters = ""
        await until(lambda: client.ready)
        assert first.adapters == second.adapters

    async def test_one_that_hangs_holds_up_no_reload(self, stack: Stack, targets: Path) -> None:
        [old] = stack.engine.adapters
        client = stack.clients[1]
        client.base_url = "http://127.0.0.1:1"
        await until(lambda: not client.ready)
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as mute:
            client.base_url = f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}"
            write_adapter(targets, "books", seed=1)
            async with asyncio.timeout(20):
                await stack.guard.load()
            client.base_url = "http://127.0.0.1:1"
        assert old not in stack.engine.adapters
        client.base_url = stack.engines[1].url
        await until(lambda: client.ready)
        assert the_adapter(stack) in stack.engines[1].adapters

    async def test_a_reload_reaches_all(self, stack: Stack, targets: Path) -> None:
        write_adapter(targets, "books", seed=1)
        await stack.guard.load()
        first, second = stack.engines
        assert len(first.adapters) == 1
        assert first.adapters == second.adapters


@pytest.mark.settings(policy={"on_unfit": "stop"})
async def test_an_adapter_of_another_base_model_is_told(stack: Stack, targets: Path) -> None:
    base = {"id": "org/other", "hidden_size": 8, "embedding_sha256": "1" * 64}
    write_adapter(targets, "books", base_model=base)
    with pytest.raises(BundleError, match="made for org/other"):
        await stack.guard.load()


async def test_a_file_that_was_changed_in_the_bundle_is_told(stack: Stack, targets: Path) -> None:
    [weights] = targets.glob("books/models/*/adapter/adapter_model.safetensors")
    with weights.open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="has hash"):
        await stack.guard.load()


async def test_engines_that_share_no_folder_with_the_proxy_are_told(targets: Path) -> None:
    adapters = EngineAdapters(None, "secret")
    with pytest.raises(BundleError, match=r"name one with engine\.adapters\.folder"):
        await adapters.install(load_targets(targets).adapters)


async def test_an_adapters_name_cannot_be_worked_out_without_the_engines_key(targets: Path) -> None:
    [adapter] = load_targets(targets).adapters
    names = {EngineAdapters(None, secret).name(adapter) for secret in ("a", "b", "")}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("slots", "rank", "adapters", "expected"),
    [
        (3, 5, 2, AdapterCapacity(3, 8, 4)),
        (1, 16, 4, AdapterCapacity(1, 16, 8)),
        (9, 1, 0, AdapterCapacity(9, 1, 9)),
    ],
)
async def test_an_engine_sets_aside_room_for_what_there_is(
    slots: int, rank: int, adapters: int, expected: AdapterCapacity
) -> None:
    assert AdapterCapacity.of(slots, rank, adapters) == expected


async def test_a_rank_that_vllm_does_not_offer_is_told() -> None:
    with pytest.raises(OperatorError, match="ranks up to 512, not 513"):
        AdapterCapacity.of(1, 513, 1)

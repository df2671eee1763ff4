"""One proxy before engines of several models: a request goes to the one that it names, if its key may ask for it."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from lethe.bundle import Action, BundleError
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import ANYONE, Scope
from lethe.server.audit.files import read_entries
from lethe.server.engines.fleet import Fleet
from lethe.server.engines.models import Models
from lethe.server.engines.served import Served
from lethe.server.errors import APIError
from lethe.server.metrics import Metrics
from lethe.server.settings.engines import EngineGroupSettings
from lethe.server.settings.settings import Settings
from lethe.server.targets.targets import load_targets
from tests.server.stack import (
    BASE,
    MODEL,
    Stack,
    api_key,
    chat,
    error_of,
    give_corruption,
    write_adapter,
    write_target,
)

OTHER = "org/other"
OTHER_BASE = BASE | {"id": OTHER, "embedding_sha256": "1" * 64}
PATH = "/v1/chat/completions"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.models({"small": MODEL, "big": OTHER}, aliases={"big": ("fast",)}),
]


def asked(stack: Stack) -> list[list[Any]]:
    """What each engine was asked for, by the models that the requests named there."""
    return [[body.get("model") for _, body in engine.requests] for engine in stack.engines]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def console() -> bool:
    return True


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the audit log, in the settings."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


class TestRouting:
    async def test_a_request_goes_to_the_model_that_it_names(self, stack: Stack) -> None:
        for name in (MODEL, OTHER, OTHER):
            answer = await stack.client.post(PATH, json=chat("hi", model=name))
            assert answer.status_code == 200
        assert asked(stack) == [[MODEL], [OTHER, OTHER]]

    async def test_an_engine_is_asked_by_its_own_name_whatever_the_client_calls_it(
        self, stack: Stack
    ) -> None:
        for name in ("fast", "big", "small"):
            assert (await stack.client.post(PATH, json=chat("hi", model=name))).status_code == 200
        assert asked(stack) == [[MODEL], [OTHER, OTHER]]
        # All else is as it came.
        [(_, body)] = stack.engines[0].requests
        assert body == chat("hi")

    @pytest.mark.parametrize("fields", [{"model": ""}, {"model": None}])
    async def test_a_request_that_names_none_is_told_which_there_are(
        self, stack: Stack, fields: dict[str, Any]
    ) -> None:
        answer = await stack.client.post(PATH, json=chat("hi") | fields)
        assert answer.status_code == 400
        error = error_of(answer)
        assert error["param"] == "model"
        assert all(name in error["message"] for name in (MODEL, OTHER, "fast", "big", "small"))

    @pytest.mark.parametrize("name", ["an-adapter", "org", "SMALL", "small ", "lethe-books-0"])
    async def test_what_none_serves_is_unknown(self, stack: Stack, name: str) -> None:
        answer = await stack.client.post(PATH, json=chat("hi", model=name))
        assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
        assert asked(stack) == [[], []]

    async def test_every_route_goes_by_it(self, stack: Stack) -> None:
        bodies = {
            "/v1/completions": {"prompt": "hi"},
            "/v1/responses": {"input": "hi"},
            "/v1/embeddings": {"input": "hi"},
            "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3},
        }
        for path, body in bodies.items():
            answer = await stack.client.post(path, json=body | {"model": "fast"})
            assert answer.status_code == 200, path
        assert [path for path, _ in stack.engines[1].requests] == list(bodies)
        assert asked(stack) == [[], [OTHER] * len(bodies)]

    async def test_token_ids_are_decoded_by_the_model_that_is_asked(self, stack: Stack) -> None:
        for engine in stack.engines:
            engine.accepted.clear()
        await stack.client.post("/v1/completions", json={"model": "big", "prompt": [7]})
        paths = [[path for path, _ in engine.accepted] for engine in stack.engines]
        assert [each.count("/detokenize") for each in paths] == [0, 1]


class TestListed:
    async def test_all_names_are_listed_each_as_its_engine_says(self, stack: Stack) -> None:
        async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="-", max_retries=0) as client:
            listed = {model.id: model async for model in client.models.list()}
            assert listed.keys() == {MODEL, "small", OTHER, "big", "fast"}
            assert (await client.models.retrieve("fast")).model_dump()["root"] == OTHER
        assert listed["small"].model_dump()["max_model_len"] == 2048

    async def test_one_that_has_never_answered_is_not_unknown(self, stack: Stack) -> None:
        other = stack.clients[1]
        other.base_url = "http://127.0.0.1:1"
        await until(lambda: not other.ready)
        other.facts = None
        assert stack.guard.describe().endswith("; big: what fits is not known before an engine answers")
        for name in ("big", OTHER, "whatever"):
            answer = await stack.client.post(PATH, json=chat("hi", model=name))
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
        listed = {each["id"]: each for each in (await stack.client.get("/v1/models")).json()["data"]}
        assert listed.keys() == {MODEL, "small", "big", "fast"}
        assert listed["fast"].keys() == listed["small"].keys()
        statuses = [
            (await stack.client.get(f"/v1/models/{name}")).status_code for name in ("fast", OTHER, "whatever")
        ]
        assert statuses == [200, 503, 503]
        assert (await stack.client.get("/ready")).status_code == 200


class TestTargets:
    """One target, which has a corruption for the first model alone."""

    async def test_where_a_target_has_nothing_to_act_with_it_refuses(
        self, stack: Stack, logged: pytest.LogCaptureFixture
    ) -> None:
        first = await stack.client.post(PATH, json=chat("books"))
        second = await stack.client.post(PATH, json=chat("books", model=OTHER))
        assert "lethe" in stack.engines[0].requests[0][1]["vllm_xargs"]
        assert first.status_code == second.status_code == 200
        assert second.json()["choices"][0]["finish_reason"] == "content_filter"
        assert asked(stack) == [[MODEL], []]

    @pytest.mark.settings(policy={"on_unfit": "observe"})
    async def test_or_observes_as_the_policy_says(self, stack: Stack) -> None:
        assert (await stack.client.post(PATH, json=chat("books", model=OTHER))).status_code == 200
        [(_, body)] = stack.engines[1].requests
        assert "vllm_xargs" not in body

    @pytest.mark.settings(policy={"on_unfit": "stop"})
    @pytest.mark.models({"small": MODEL})
    async def test_or_does_not_come_into_force(self, stack: Stack, targets: Path) -> None:
        write_target(targets, "books", base_model=OTHER_BASE)
        with pytest.raises(BundleError, match=f"made for {OTHER}"):
            await stack.guard.load()

    async def test_with_a_corruption_for_each_each_gets_its_own(self, stack: Stack, targets: Path) -> None:
        give_corruption(targets / "books", OTHER_BASE)
        await stack.guard.load()
        for name in (MODEL, OTHER):
            await stack.client.post(PATH, json=chat("books", model=name))
        assert asked(stack) == [[MODEL], [OTHER]]
        assert all("vllm_xargs" in engine.requests[0][1] for engine in stack.engines)

    async def test_it_is_said_what_is_done_before_each(self, stack: Stack) -> None:
        first, second = stack.guard.describe().split("; ")
        assert first.startswith("small: books ")
        assert second.endswith("(refuse, not corrupt: for another model)")
        in_force = {model: each["books"].action for model, each in stack.guard.targets_by_model().items()}
        assert in_force == {"small": Action.CORRUPT, "big": Action.REFUSE}
        assert await stack.metric('lethe_target_info{action="refuse",model="big",target="books"') == 1
        assert await stack.metric('lethe_target_info{action="corrupt",model="small",target="books"') == 1

    async def test_an_adapter_is_given_to_the_engines_of_its_model_alone(
        self, stack: Stack, targets: Path
    ) -> None:
        write_adapter(targets, "films")
        await stack.guard.load()
        assert [len(engine.adapters) for engine in stack.engines] == [1, 0]
        await stack.client.post(PATH, json=chat("films", model="small"))
        [(_, body)] = stack.engines[0].requests
        assert body["model"].startswith("lethe-films-")

    async def test_a_model_that_has_not_answered_yet_asks_for_no_folder_of_adapters_that_are_anothers(
        self, targets: Path
    ) -> None:
        write_adapter(targets, "films")
        engines = {"a": {"url": "http://127.0.0.1:1"}, "b": {"url": "http://127.0.0.1:2"}}
        fleet = Fleet(Settings.model_validate({"engines": engines}), None, Metrics())
        await fleet.install(load_targets(targets))

    @pytest.mark.settings(policy={"on_error": "corrupt"})
    async def test_a_verdict_that_fails_is_met_by_what_the_model_has(self, stack: Stack) -> None:
        assert (await stack.client.post(PATH, json=chat("time out"))).status_code == 200
        assert (await stack.client.post(PATH, json=chat("time out", model="big"))).status_code == 503
        assert asked(stack) == [[MODEL], []]

    @pytest.mark.settings(policy={"verify": {"books": "engine"}})
    async def test_the_model_that_is_asked_looks_again(self, stack: Stack, targets: Path) -> None:
        write_target(targets, "books", base_model=OTHER_BASE, description="The books about a boy.")
        await stack.guard.load()
        stack.engines[1].says = lambda body: "A"
        await stack.client.post(PATH, json=chat("books", model="fast"))
        assert not stack.engines[0].requests
        assert sum("structured_outputs" in body for _, body in stack.engines[1].requests) == 2


class TestHealth:
    async def test_a_model_that_is_gone_keeps_no_other_from_answering(self, stack: Stack) -> None:
        stack.clients[1].base_url = "http://127.0.0.1:1"
        await until(lambda: not stack.clients[1].ready)
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200
        gone = await stack.client.post(PATH, json=chat("hi", model="big"))
        assert gone.status_code == 503
        # It is asked nothing meanwhile, and neither is another in its place.
        assert asked(stack) == [[MODEL], []]
        assert await stack.metric('lethe_engine_up{engine="' + stack.clients[1].label + '",model="big"') == 0
        stack.clients[1].base_url = stack.engines[1].url
        await until(lambda: stack.clients[1].ready)
        assert (await stack.client.post(PATH, json=chat("hi", model="big"))).status_code == 200

    async def test_an_engine_that_comes_back_with_a_name_of_another_model_is_not_asked(
        self, stack: Stack, logged: pytest.LogCaptureFixture
    ) -> None:
        stack.clients[1].base_url = "http://127.0.0.1:1"
        await until(lambda: not stack.clients[1].ready)
        stack.engines[1].served = MODEL
        stack.clients[1].base_url = stack.engines[1].url
        await until(lambda: stack.clients[1].unavailable_because == "its engine is not fit to serve")
        assert f"serves {MODEL}, as small does" in logged.text
        assert (await stack.client.post(PATH, json=chat("hi"))).status_code == 200

    async def test_the_engines_pages_are_one_with_the_model_told(self, stack: Stack) -> None:
        page = (await stack.client.get("/metrics/engine")).text
        label = stack.clients[1].label
        assert f'vllm:num_requests_running{{model="big",engine="{label}"}} 0.0' in page


class TestRecorded:
    async def test_requests_are_counted_by_model(self, stack: Stack) -> None:
        for name in ("small", "fast", "nobody"):
            await stack.client.post(PATH, json=chat("hi", model=name))
        counted = 'lethe_outcomes_total{{action="{}",endpoint="{}",model="{}",status="{}"}}'
        assert await stack.metric(counted.format("pass", PATH, "small", 200)) == 1
        assert await stack.metric(counted.format("pass", PATH, "big", 200)) == 1
        # A client's own words make no series.
        assert "nobody" not in (await stack.client.get("/metrics")).text

    async def test_the_audit_log_tells_where_they_went(
        self, tmp_path: Path, audited: Path, stack: Stack
    ) -> None:
        for name in ("fast", "nobody"):
            await stack.client.post(PATH, json=chat("hi", model=name))
        await stack.audited(2)
        first, second = read_entries(audited)
        assert (first["model"], first["served"]) == ("fast", "big")
        assert "served" not in second


class TestChecks:
    """Texts that are judged alone."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        return tmp_path / "keys.yaml"

    @pytest.fixture
    def checker(self, keys: Path) -> str:
        return create_key(keys, scopes={Scope.CHECK})[1]

    @pytest.mark.parametrize(
        ("name", "served", "action"),
        [
            ("small", "small", "corrupt"),
            ("fast", "big", "refuse"),
            ("gpt-9", None, "corrupt"),
            (None, None, "corrupt"),
        ],
    )
    async def test_a_check_is_decided_for_the_model_that_it_names(
        self, checker: str, audited: Path, stack: Stack, name: str | None, served: str | None, action: str
    ) -> None:
        """The other model has no corruption, so that what is flagged is refused there."""
        body = {"model": name, "messages": [{"role": "user", "content": "What of potter?"}]}
        answer = await stack.client.post(
            "/v1/checks", json=body, headers={"Authorization": f"Bearer {checker}"}
        )
        assert answer.status_code == 200
        assert answer.json()["flagged"]
        await stack.audited(1)
        [entry] = read_entries(audited)
        assert (entry.get("served"), entry["action"]) == (served, action)


class TestKeys:
    """Keys that may ask for some models alone."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        return tmp_path / "keys.yaml"

    @pytest.fixture
    def limited(self, keys: Path) -> str:
        return create_key(keys, scopes=set(Scope), models={"fast"})[1]

    async def test_what_a_key_may_not_ask_for_does_not_exist_for_it(self, limited: str, stack: Stack) -> None:
        headers = {"Authorization": f"Bearer {limited}"}
        unknown = {
            name: await stack.client.post(PATH, json=chat("hi", model=name), headers=headers)
            for name in (MODEL, "small", "org/nobody")
        }
        said = {error_of(each)["message"].replace(name, "?") for name, each in unknown.items()}
        assert {each.status_code for each in unknown.values()} == {404}
        [message] = said
        assert "served here: big, fast, org/other" in message
        listed = (await stack.client.get("/v1/models", headers=headers)).json()["data"]
        assert {each["id"] for each in listed} == {OTHER, "big", "fast"}
        assert (await stack.client.get(f"/v1/models/{MODEL}", headers=headers)).status_code == 404
        for path in ("/tokenize", "/console/api/guarded", "/console/api/judge"):
            body = {"prompt": "hi", "model": MODEL}
            assert (await stack.client.post(path, json=body, headers=headers)).status_code == 404
        assert asked(stack) == [[], []]

    async def test_its_own_is_had_by_any_name_and_by_none(self, limited: str, stack: Stack) -> None:
        headers = {"Authorization": f"Bearer {limited}"}
        for name in ("fast", "big", OTHER, None):
            answer = await stack.client.post(PATH, json=chat("hi", model=name), headers=headers)
            assert answer.status_code == 200
        assert asked(stack)[0] == []

    async def test_the_console_asks_the_model_that_is_chosen(self, key: str, stack: Stack) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        session = (await stack.client.get("/console/api/session", headers=headers)).json()
        assert session["choices"] == ["small", "big"]
        await stack.client.post(
            "/console/api/guarded", json={"prompt": "hi", "model": "big"}, headers=headers
        )
        assert asked(stack) == [[], [OTHER]]
        judged = {
            name: (
                await stack.client.post(
                    "/console/api/judge", json={"prompt": "books", "model": name}, headers=headers
                )
            ).json()["outcome"]
            for name in session["choices"]
        }
        assert judged == {"small": "corrupt", "big": "refuse"}
        live = (await stack.client.get("/console/api/live", headers=headers)).json()
        assert [each["model"] for each in live["engines"]] == ["small", "big"]
        in_force = (await stack.client.get("/admin/targets", headers=headers)).json()["targets"]
        assert [(each["model"], each["fits"]) for each in in_force] == [("small", True), ("big", False)]


NAMES = ("a", "b", "x", "y", "")
GROUPS = {"a": {"url": "http://one"}, "b": {"url": "http://two", "aliases": ("x",)}}


@pytest.mark.parametrize(
    ("allowed", "name"),
    itertools.product(
        [None, *(frozenset(c) for n in range(3) for c in itertools.combinations("abxz", n))], NAMES
    ),
)
def test_a_key_reaches_what_it_names_and_nothing_else(allowed: frozenset[str] | None, name: str) -> None:
    """Over all small limits and names, before engines that have not said their own names yet and that have."""
    models = Models(
        [
            Served(each, EngineGroupSettings.model_validate(group), Settings())
            for each, group in GROUPS.items()
        ]
    )
    key = ANYONE if allowed is None else api_key("k", models=allowed)
    own = {"a": {"a"}, "b": {"b", "x"}}
    may = [model for model, names in own.items() if allowed is None or allowed & names]
    expected = [model for model in may if name in own[model]] or (may if not name and len(may) == 1 else [])
    if expected:
        assert [models.asked(name, key).name] == expected
        return
    with pytest.raises(APIError) as refused:
        models.asked(name, key)
    # Not all names are known: what is none of these may be one of an engine's own.
    assert refused.value.status == (400 if not name and may else 503)

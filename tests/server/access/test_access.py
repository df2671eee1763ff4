"""Keys open the door as far as their scopes, and as often as their limits say."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.bundle import Action
from lethe.server.access.key_file import create_key, read_keys, revoke_key, set_team
from lethe.server.access.keys import Scope
from lethe.server.app import CONSOLE, OPEN
from tests.server.anthropic_requests import message_body
from tests.server.stack import MODEL, POOLED, Stack, chat, corruption_file, error_of, write_target

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
BODIES = {
    PATH: chat("hi"),
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    **POOLED,
    "/v1/messages": message_body("hi"),
    "/v1/messages/count_tokens": message_body("hi"),
    "/tokenize": {"prompt": "hi"},
    "/detokenize": {"tokens": [1]},
    "/admin/reload": {},
}


@pytest.fixture
def console() -> bool:
    return True


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with no key in it yet."""
    (tmp_path / "keys.yaml").write_text("keys: []\n")
    return tmp_path / "keys.yaml"


def new_key(stack: Stack, keys: Path, **fields: Any) -> dict[str, str]:
    """Make a key, put it in force and give the header that bears it."""
    _, secret = create_key(keys, **fields)
    stack.access.load()
    return {"Authorization": f"Bearer {secret}"}


async def ask(stack: Stack, headers: dict[str, str], text: str = "hi", **fields: Any) -> httpx.Response:
    return await stack.client.post(PATH, json=chat(text, **fields), headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer lethe-00000000-wrong"},
        {"Authorization": "Basic bGV0aGU="},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-Api-Key": "lethe"},
    ],
)
async def test_without_a_valid_key_nothing_is_read_or_asked(
    stack: Stack, headers: dict[str, Any], keys: Path
) -> None:
    new_key(stack, keys)
    for method, path in [
        ("POST", PATH),
        ("POST", "/v1/completions"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
    ]:
        response = await stack.client.request(method, path, content=b"not json", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert error_of(response)["code"] == "invalid_api_key"
    assert stack.engine.requests == []


async def test_a_file_without_keys_lets_nobody_in(stack: Stack) -> None:
    assert (await ask(stack, {})).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/console"])
async def test_what_holds_nothing_to_protect_needs_no_key(stack: Stack, path: str) -> None:
    assert (await stack.client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", PATH, Scope.USE),
        ("POST", "/v1/completions", Scope.USE),
        ("GET", "/v1/models", Scope.USE),
        ("GET", f"/v1/models/{MODEL}", Scope.USE),
        ("GET", "/metrics", Scope.OBSERVE),
        ("GET", "/metrics/engine", Scope.OBSERVE),
        ("POST", "/v1/responses", Scope.USE),
        ("POST", "/v1/embeddings", Scope.USE),
        ("POST", "/v1/messages", Scope.USE),
        ("POST", "/v1/messages/count_tokens", Scope.USE),
        ("POST", "/tokenize", Scope.ADMIN),
        ("POST", "/detokenize", Scope.ADMIN),
        ("GET", "/admin/targets", Scope.ADMIN),
        ("POST", "/admin/reload", Scope.ADMIN),
    ],
)
async def test_every_route_needs_its_scope_and_no_other_will_do(
    stack: Stack, keys: Path, method: str, path: str, scope: Scope
) -> None:
    content = {"json": BODIES[path]} if method == "POST" else {}
    with_scope = new_key(stack, keys, scopes={scope})
    assert (await stack.client.request(method, path, headers=with_scope, **content)).status_code == 200
    others = new_key(stack, keys, scopes=set(Scope) - {scope})
    response = await stack.client.request(method, path, headers=others, **content)
    assert response.status_code == 403
    assert scope.value in response.json()["error"]["message"]


async def test_the_openapi_document_groups_routes_by_the_scope_that_they_need(
    stack: Stack, keys: Path
) -> None:
    scopes = {scope.value: scope for scope in Scope} | {CONSOLE: Scope.ADMIN}
    headers = {scope: new_key(stack, keys, scopes=set(Scope) - {scope}) for scope in Scope}
    paths = (await stack.client.get("/openapi.json")).json()["paths"]
    for path, methods in paths.items():
        for method, route in methods.items():
            [group] = route["tags"]
            if group == OPEN:
                assert (await stack.client.request(method, path)).status_code == 200
                continue
            refused = await stack.client.request(method, path, headers=headers[scopes[group]])
            assert refused.status_code == 403, path
            assert scopes[group].value in refused.json()["error"]["message"]


async def test_the_openapi_document_says_which_routes_need_a_key_and_what_they_read(
    stack: Stack, keys: Path
) -> None:
    document = (await stack.client.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["key"]["scheme"] == "bearer"
    assert schemes["anthropic-key"]["name"] == "x-api-key"
    either: list[dict[str, Any]] = [{"key": []}, {"anthropic-key": []}]
    routes = [(path, *item) for path, methods in document["paths"].items() for item in methods.items()]
    for path, method, route in routes:
        assert route.get("security") == (None if OPEN in route["tags"] else either), path
        assert ("requestBody" in route) == (method in ("post", "put") and path != "/admin/reload"), path
        assert "ErrorAnswer" in str(route["responses"]["default"]), path


async def test_a_revoked_or_expired_key_is_refused(stack: Stack, keys: Path) -> None:
    headers = new_key(stack, keys)
    assert (await ask(stack, headers)).status_code == 200
    revoke_key(keys, read_keys(keys)[0].id)
    stack.access.load()
    assert (await ask(stack, headers)).status_code == 401
    expired = new_key(stack, keys, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert (await ask(stack, expired)).status_code == 401


async def test_an_exempt_keys_requests_are_observed_and_pass(stack: Stack, keys: Path, targets: Path) -> None:
    exempt = new_key(stack, keys, exempt={"books"})
    await ask(stack, exempt, "potter")
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    await stack.client.post(PATH, json={"messages": [{"role": "user", "content": image}]}, headers=exempt)
    assert ["vllm_xargs" in sent for _, sent in stack.engine.requests] == [False, False]
    write_target(targets, "films", Action.CORRUPT)
    await stack.guard.load()
    await ask(stack, exempt, "potter")
    assert "vllm_xargs" in stack.engine.requests[-1][1]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_that_may_observe_is_told_what_became_of_its_request(
    stack: Stack, keys: Path, targets: Path, stream: bool
) -> None:
    write_target(targets, "films", Action.OBSERVE)
    await stack.guard.load()
    both = new_key(stack, keys, scopes={Scope.USE, Scope.OBSERVE})
    told = {"films": "observe films", "potter": "corrupt books films", "hi": "pass", "very long": "block"}
    for text, verdict in told.items():
        answer = await ask(stack, both, text, stream=stream)
        assert answer.headers["x-lethe-verdict"] == verdict
    unread = await stack.client.post(PATH, content=b"{", headers=both)
    assert "x-lethe-verdict" not in unread.headers


async def test_no_other_key_is_told(stack: Stack, keys: Path) -> None:
    for scopes in ({Scope.USE}, {Scope.USE, Scope.ADMIN}):
        headers = new_key(stack, keys, scopes=scopes)
        for text in ("potter", "hi", "very long"):
            assert "x-lethe-verdict" not in (await ask(stack, headers, text)).headers


async def test_a_key_may_ask_as_often_as_its_limit_says(stack: Stack, keys: Path) -> None:
    headers = new_key(stack, keys, requests_per_minute=2)
    other = new_key(stack, keys)
    statuses = [(await ask(stack, headers)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await ask(stack, headers)
    assert error_of(refused)["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert (await ask(stack, other)).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_a_key_may_have_as_many_requests_in_flight_as_its_limit_says(
    stack: Stack, keys: Path, stream: bool
) -> None:
    headers = new_key(stack, keys, concurrency=1)
    stack.engine.holds = True
    first = asyncio.create_task(ask(stack, headers, stream=stream))
    while not stack.engine.requests:
        await asyncio.sleep(0.01)
    refused = await ask(stack, headers)
    assert refused.status_code == 429
    assert error_of(refused)["code"] == "concurrency_limit_exceeded"
    stack.engine.hold.set()
    assert (await first).status_code == 200
    assert (await ask(stack, headers)).status_code == 200


async def test_the_keys_of_a_team_share_its_rate_and_one_over_its_own_takes_nothing_of_it(
    stack: Stack, keys: Path
) -> None:
    set_team(keys, "research", requests_per_minute=3)
    greedy = new_key(stack, keys, team="research", requests_per_minute=1)
    other = new_key(stack, keys, team="research")
    assert [(await ask(stack, greedy)).status_code for _ in range(9)] == [200] + [429] * 8
    assert [(await ask(stack, other)).status_code for _ in range(3)] == [200, 200, 429]
    refused = error_of(await ask(stack, other))
    assert refused["message"] == "The team research, of all its keys together, may send 3 requests a minute."


async def test_the_places_of_a_team_come_back_whatever_refuses_a_request(stack: Stack, keys: Path) -> None:
    set_team(keys, "research", concurrency=1, requests_per_minute=5)
    headers = new_key(stack, keys, team="research", concurrency=1)
    statuses = [
        (await stack.client.post(PATH, content=content, headers=headers)).status_code
        for content in (b"{", json.dumps(chat("hi")).encode(), b"{", json.dumps(chat("hi")).encode(), b"{")
    ]
    assert statuses == [400, 200, 400, 200, 400]
    assert (await ask(stack, headers)).status_code == 429


async def test_a_target_applies_to_a_team_as_the_team_is_held_to(
    stack: Stack, keys: Path, targets: Path
) -> None:
    set_team(keys, "research", targets={"books": {"action": "observe"}})
    set_team(keys, "interns", targets={"books": {"action": "refuse"}})
    set_team(keys, "sure", targets={"books": {"threshold": 0.95}})
    told = {}
    for team in (None, "research", "interns", "sure"):
        headers = new_key(stack, keys, team=team, scopes={Scope.USE, Scope.OBSERVE})
        told[team] = [
            (await ask(stack, headers, text)).headers["x-lethe-verdict"] for text in ("books", "potter", "hi")
        ]
    assert told == {
        None: ["corrupt books", "corrupt books", "pass"],
        "research": ["observe books", "observe books", "pass"],
        "interns": ["refuse books", "refuse books", "pass"],
        "sure": ["pass", "corrupt books", "pass"],
    }


async def test_a_key_may_ask_for_what_both_it_and_its_team_may(stack: Stack, keys: Path) -> None:
    set_team(keys, "research", models=[MODEL])
    set_team(keys, "sales", models=["another"])
    assert (await ask(stack, new_key(stack, keys, team="research", models=[MODEL]))).status_code == 200
    for fields in ({"team": "sales", "models": [MODEL]}, {"team": "research", "models": ["another"]}):
        assert (await ask(stack, new_key(stack, keys, **fields))).status_code == 404


@pytest.mark.parametrize("path", [path for path in BODIES if path != "/admin/reload"])
async def test_whatever_reaches_the_engine_counts_against_a_keys_limits(
    stack: Stack, keys: Path, path: str
) -> None:
    headers = new_key(stack, keys, scopes=set(Scope), requests_per_minute=3, concurrency=1)
    contents = [json.dumps(BODIES[path]).encode(), b"{", json.dumps(BODIES[path]).encode(), b"{"]
    answers = [await stack.client.post(path, content=content, headers=headers) for content in contents]
    assert [answer.status_code for answer in answers] == [200, 400, 200, 429]
    assert "rate_limit_exceeded" in answers[-1].text


async def test_a_refused_body_gives_its_place_back(stack: Stack, keys: Path) -> None:
    headers = new_key(stack, keys, concurrency=1)
    for _ in range(3):
        assert (await stack.client.post(PATH, content=b"{", headers=headers)).status_code == 400


async def test_a_reload_puts_new_keys_in_force_and_shows_what_is(
    stack: Stack, keys: Path, targets: Path
) -> None:
    admin = new_key(stack, keys, scopes={"admin"})
    _, secret = create_key(keys)
    later = {"Authorization": f"Bearer {secret}"}
    assert (await ask(stack, later)).status_code == 401
    write_target(targets, "films", Action.OBSERVE)
    reloaded = await stack.client.post("/admin/reload", headers=admin)
    assert [target["name"] for target in reloaded.json()["targets"]] == ["books", "films"]
    assert (await ask(stack, later)).status_code == 200
    assert (await stack.client.get("/admin/targets", headers=admin)).json() == reloaded.json()


async def test_a_reload_that_fails_says_why_and_changes_nothing(
    stack: Stack, keys: Path, targets: Path
) -> None:
    admin = new_key(stack, keys, scopes={"admin", "use"})
    corruption_file(targets / "books").write_bytes(b"damaged")
    response = await stack.client.post("/admin/reload", headers=admin)
    assert response.status_code == 409
    assert "has hash" in error_of(response)["message"]
    keys.write_text("keys: 3")
    assert (await stack.client.post("/admin/reload", headers=admin)).status_code == 409
    await ask(stack, admin, "potter")
    assert "vllm_xargs" in stack.engine.requests[0][1]

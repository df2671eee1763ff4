"""What the console's routes give, to whom, and what they write down."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.bundle import Action
from lethe.server.audit.files import read_entries
from lethe.server.console.static import SECURITY_HEADERS
from lethe.server.errors import OperatorError
from lethe.server.settings.loading import load_settings
from tests.server.answers import chat_stream
from tests.server.stack import MODEL, Stack, chat, error_of, write_target

pytestmark = pytest.mark.anyio

API = "/console/api"
ROUTES = [
    ("GET", "/session"),
    ("POST", "/guarded"),
    ("GET", "/answered/1"),
    ("POST", "/bare"),
    ("POST", "/judge"),
    ("POST", "/classify"),
    ("GET", "/live"),
    ("GET", "/targets"),
    ("GET", "/targets/books/card"),
    ("GET", "/targets/books/figures/figures/plot.png"),
    ("POST", "/targets/books"),
    ("GET", "/targets/books/versions"),
    ("POST", "/targets/books/rollback"),
    ("GET", "/targets/books/feedback"),
    ("POST", "/targets/books/feedback"),
    ("POST", "/targets/books/feedback/1"),
    ("GET", "/days"),
]
bare_answers = pytest.mark.settings(console={"bare_answers": True})


async def test_the_page_is_anybodys_and_tells_nothing_of_this_proxy(log: Path, stack: Stack) -> None:
    page = await stack.client.get("/console")
    assert page.status_code == 200
    for name in ("books", "films", MODEL):
        assert name not in page.text
    assert "inline" not in page.headers["content-security-policy"]
    kinds = {"console.js": "/javascript", "console.css": "text/css", "icon.svg": "image/svg+xml"}
    for name, kind in kinds.items():
        file = await stack.client.get(f"/console/{name}")
        assert file.status_code == 200
        assert kind in file.headers["content-type"]
        assert file.headers["cache-control"] == "no-cache"
        for header, value in SECURITY_HEADERS.items():
            assert file.headers[header] == value
        unchanged = await stack.client.get(
            f"/console/{name}", headers={"If-None-Match": file.headers["etag"]}
        )
        assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_nothing_but_the_pages_own_files_is_given(stack: Stack) -> None:
    inside = ("routes.py", "..%2froutes.py", "%2e%2e/routes.py", "page/console.js")
    for path in (*inside, "%2e", "%2e%2e", "%00", "x" * 300, "%2fetc%2fpasswd"):
        assert (await stack.client.get(f"/console/{path}")).status_code == 404


@bare_answers
async def test_no_other_key_opens_any_of_it(log: Path, secrets: dict[str, str], stack: Stack) -> None:
    for method, route in ROUTES:
        for headers, status in (
            ({}, 401),
            ({"Authorization": f"Bearer {secrets['use']}"}, 403),
            ({"Authorization": f"Bearer {secrets['observe']}"}, 403),
        ):
            answer = await stack.client.request(method, API + route, json={"prompt": "hi"}, headers=headers)
            assert answer.status_code == status, (route, headers)
    assert not stack.engine.requests


@pytest.mark.settings(console={"enabled": False})
async def test_it_can_be_left_out(admin: httpx.AsyncClient) -> None:
    for path in ("/console", "/console/console.js", f"{API}/session"):
        assert (await admin.get(path)).status_code == 404


async def test_without_keys_nobody_gets_in(targets: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="needs keys"):
        load_settings(None, {"console": {"bare_answers": True}, "audit": {"folder": tmp_path}})
    with pytest.raises(OperatorError, match=r"audit\.folder"):
        load_settings(None, {"console": {"bare_answers": True}, "keys": tmp_path})


async def test_bare_answers_are_not_there_unless_the_operator_says_so(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    assert (await admin.post(f"{API}/bare", json={"prompt": "hi"})).status_code == 404
    assert (await admin.get(f"{API}/session")).json()["bare_answers"] is False
    assert not stack.engine.requests


@bare_answers
async def test_a_bare_answer_is_streamed_and_was_written_down_before(
    admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    answer = await admin.post(f"{API}/bare", json={"prompt": "Harry Potter?", "max_tokens": 5})
    assert answer.content == b"".join(stack.engine.pieces)
    [(path, sent)] = stack.engine.requests
    assert path == "/v1/chat/completions"
    assert len(sent.pop("cache_salt")) == 32
    assert sent == {
        "messages": [{"role": "user", "content": "Harry Potter?"}],
        "max_tokens": 5,
        "temperature": 0,
        "stream": True,
    }
    [entry] = read_entries(log)
    assert (entry["event"], entry["request_id"]) == ("bare_answer", answer.headers["x-request-id"])
    assert "potter" not in json.dumps(entry).lower()
    guarded = await admin.post(f"{API}/guarded", json={"prompt": "Harry Potter?"})
    assert guarded.status_code == 200
    await stack.audited(2)
    assert [each["prompt_digest"] for each in read_entries(log)] == [entry["prompt_digest"]] * 2
    page = (await admin.get(f"{API}/live")).json()
    assert [each.get("event") for each in page["decisions"]] == [None, "bare_answer"]


@bare_answers
async def test_no_bare_answer_is_given_that_cannot_be_written_down(
    admin: httpx.AsyncClient, stack: Stack, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lethe.server.audit.log._PATIENCE_S", 0.2)
    await admin.post(f"{API}/bare", json={"prompt": "first"})
    monkeypatch.setattr(os, "write", _no_space)
    refused = await admin.post(f"{API}/bare", json={"prompt": "second"})
    assert refused.status_code == 503
    assert "audit log" in error_of(refused)["message"]
    assert len(stack.engine.requests) == 1


def _no_space(descriptor: int, content: Any) -> int:
    raise OSError(28, "No space left on device")


@bare_answers
async def test_another_sites_page_is_not_answered_even_with_the_key(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    for site in ("cross-site", "same-site", "none"):
        for route in ("bare", "judge"):
            headers = {"Sec-Fetch-Site": site}
            answer = await admin.post(f"{API}/{route}", json={"prompt": "hi"}, headers=headers)
            assert answer.status_code == 403
    assert not stack.engine.requests


@bare_answers
async def test_nothing_but_a_prompt_can_be_asked_of_the_bare_engine(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    wrong: list[dict[str, Any]] = [
        {"vllm_xargs": {}},
        {"messages": []},
        {"prompt": ""},
        {"prompt": ["a"]},
        {"max_tokens": 0},
        {"max_tokens": 100_000},
        {"max_tokens": 10**30},
        {"temperature": 9},
    ]
    for fields in wrong:
        answer = await admin.post(f"{API}/bare", json={"prompt": "hi"} | fields)
        assert answer.status_code == 400
        assert error_of(answer)["message"].startswith(next(iter(fields)))
    adapter = await admin.post(f"{API}/bare", json={"prompt": "hi", "model": "an-adapter"})
    assert adapter.status_code == 404
    assert not stack.engine.requests


async def test_the_guarded_answer_goes_the_way_of_every_clients(
    admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    for prompt in ("Harry Potter?", "hello"):
        await admin.post(f"{API}/guarded", json={"prompt": prompt})
    flagged, clean = (sent for _, sent in stack.engine.requests)
    assert "lethe" in flagged["vllm_xargs"]
    assert "vllm_xargs" not in clean
    await stack.audited(2)
    assert [entry["action"] for entry in read_entries(log)] == ["corrupt", "pass"]


async def test_what_became_of_a_guarded_answer_is_told(
    admin: httpx.AsyncClient, targets: Path, stack: Stack
) -> None:
    write_target(targets, "books", answers=True)
    await stack.guard.load()
    told = "It is told in the books."
    stack.engine.next_streams = [chat_stream(told), chat_stream("I do not know.")]
    given = await admin.post(f"{API}/guarded", json={"prompt": "hello"})
    found = (await admin.get(f"{API}/answered/{given.headers['x-request-id']}")).json()["answer"]
    assert (found["action"], found["made_anew"], found["caught_at"]) == ("corrupt", True, len(told))
    assert [each["target"] for each in found["flagged"]] == ["books"]
    assert (await admin.get(f"{API}/answered/of-another")).status_code == 404
    # Nobody else's request is kept there.
    other = await admin.post("/v1/chat/completions", json=chat("hello"))
    assert (await admin.get(f"{API}/answered/{other.headers['x-request-id']}")).status_code == 404


async def test_a_prompt_is_judged_without_asking_the_model(admin: httpx.AsyncClient, stack: Stack) -> None:
    judged = (await admin.post(f"{API}/judge", json={"prompt": "Harry Potter?"})).json()
    assert judged["outcome"] == "corrupt"
    assert judged["text"] == "Harry Potter?"
    assert {part["target"]: part["flagged"] for part in judged["targets"]} == {"books": True, "films": True}
    assert judged["corrupted"] == {"books": None, "films": None}
    clean = (await admin.post(f"{API}/judge", json={"prompt": "hello"})).json()
    assert (clean["outcome"], clean["corrupted"]) == ("pass", {})
    assert not stack.engine.requests


async def test_a_prompt_without_a_verdict_says_why(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"{API}/judge", json={"prompt": "time out"})
    assert answer.status_code == 503
    assert "did not answer" in error_of(answer)["message"]


async def test_texts_are_classified_together(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"{API}/classify", json={"texts": ["potter", "hello"]})
    first, second = answer.json()["results"]
    assert [part["flagged"] for part in first["targets"]] == [True, True]
    assert [part["flagged"] for part in second["targets"]] == [False, False]
    for texts in ([], ["a"] * 65, [1]):
        assert (await admin.post(f"{API}/classify", json={"texts": texts})).status_code == 400


async def test_what_goes_on_is_shown(admin: httpx.AsyncClient, stack: Stack) -> None:
    for prompt in ("Harry Potter?", "films", "hello"):
        await admin.post(f"{API}/guarded", json={"prompt": prompt})
    await stack.audited(3)
    page = (await admin.get(f"{API}/live")).json()
    assert (page["requests"], page["flagged"]) == (3, 2)
    assert page["targets"] == {"books": 1, "films": 2}
    assert page["seconds"]["request"]["+Inf"] == 3
    assert page["engines"] == [{"model": "", "ready": True, "reason": None, "running": 0}]
    newest, *_, oldest = page["decisions"]
    assert [newest["action"], oldest["action"]] == ["pass", "corrupt"]
    assert not {"seal", "text"} & newest.keys()


@pytest.mark.engines(2)
async def test_of_several_engines_the_requests_add_up_and_the_fullest_cache_is_shown(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    for engine, running, share in zip(stack.engines, (3, 4), (0.8, 0.7), strict=True):
        engine.metrics_page = f"vllm:num_requests_running {running}.0\nvllm:kv_cache_usage_perc {share}\n"
    [engines] = (await admin.get(f"{API}/live")).json()["engines"]
    assert (engines["running"], engines["kv_cache"]) == (7, 0.8)


async def test_a_card_is_shown_as_text_that_cannot_do_anything(admin: httpx.AsyncClient) -> None:
    html = (await admin.get(f"{API}/targets/books/card")).json()["html"]
    assert "<td>0.9</td>" in html
    assert "<script" not in html
    assert "tags:" not in html
    figure = await admin.get(f"{API}/targets/books/figures/figures/plot.png")
    assert figure.headers["content-type"] == "image/png"
    for path in (
        "books/figures/target.json",
        "books/figures/corruption.safetensors",
        "books/figures/%2e%2e/x.png",
        "nobody/card",
    ):
        assert (await admin.get(f"{API}/targets/{path}")).status_code == 404


async def test_a_target_is_switched_and_in_force_at_once(
    admin: httpx.AsyncClient, stack: Stack, log: Path
) -> None:
    async def switch(**body: Any) -> dict[str, Any]:
        answer = await admin.post(f"{API}/targets/books", json=body)
        assert answer.status_code == 200
        return next(each for each in answer.json()["targets"] if each["name"] == "books")

    assert (await switch(state="shadow"))["state"] == "shadow"
    assert stack.guard.targets["books"].action is Action.OBSERVE
    assert (await switch(state="disabled"))["in_force"] is None
    assert [target.name for target in stack.guard.targets] == ["films"]
    assert (await switch(state="enabled", percent=10))["percent"] == 10
    assert stack.guard.targets["books"].action is Action.CORRUPT
    await stack.audited(3)
    changes = [(entry["target"], entry["state"]) for entry in read_entries(log)]
    assert changes == [("books", "shadow"), ("books", "disabled"), ("books", "enabled")]


async def test_a_target_for_another_model_is_shown_with_what_is_done(
    admin: httpx.AsyncClient, stack: Stack, targets: Path
) -> None:
    base = {"id": "org/other", "hidden_size": 8, "embedding_sha256": "1" * 64}
    write_target(targets, "books", base_model=base)
    await stack.guard.load()
    listed = (await admin.get(f"{API}/targets")).json()["targets"]
    assert [(each["action"], each["done_instead"]) for each in listed] == [
        ("corrupt", {"": "refuse"}),
        ("corrupt", {}),
    ]
    in_force = (await admin.get("/admin/targets")).json()["targets"]
    assert [(each["action"], each["fits"]) for each in in_force] == [("refuse", False), ("corrupt", True)]


async def test_a_damaged_bundle_hides_no_other(admin: httpx.AsyncClient, stack: Stack, damaged: None) -> None:
    books, films = (await admin.get(f"{API}/targets")).json()["targets"]
    assert "fault" not in books
    assert (films["name"], films["in_force"]) == ("films", stack.guard.targets["films"].version)
    assert "has hash" in films["fault"]
    assert (await admin.get(f"{API}/targets/books/card")).status_code == 200
    card = await admin.get(f"{API}/targets/films/card")
    assert card.status_code == 409
    assert error_of(card)["message"] == films["fault"]


async def test_others_are_switched_once_a_damaged_target_is_disabled(
    admin: httpx.AsyncClient, stack: Stack, targets: Path, damaged: None
) -> None:
    refused = await admin.post(f"{API}/targets/books", json={"state": "shadow"})
    assert refused.status_code == 409
    assert "What was in force stays: bundle films" in error_of(refused)["message"]
    assert (targets / "deployment.yaml").read_text() == ""
    assert len(stack.guard.targets) == 2
    assert (await admin.post(f"{API}/targets/films", json={"state": "disabled"})).status_code == 200
    assert (await admin.post(f"{API}/targets/books", json={"state": "shadow"})).status_code == 200
    assert [(each.name, each.action) for each in stack.guard.targets] == [("books", Action.OBSERVE)]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("nobody", {"state": "shadow"}, 404),
        ("books", {"state": "asleep"}, 400),
        ("books", {"state": "enabled", "percent": 101}, 400),
    ],
)
async def test_a_target_cannot_be_switched_to_what_there_is_not(
    admin: httpx.AsyncClient, stack: Stack, name: str, body: dict[str, Any], status: int
) -> None:
    answer = await admin.post(f"{API}/targets/{name}", json=body)
    assert answer.status_code == status
    error_of(answer)
    assert len(stack.guard.targets) == 2


async def test_a_switch_that_cannot_come_into_force_is_taken_back(
    admin: httpx.AsyncClient, stack: Stack, keys: Path, targets: Path
) -> None:
    keys.write_text("keys: nonsense")
    answer = await admin.post(f"{API}/targets/books", json={"state": "disabled"})
    assert answer.status_code == 409
    assert (targets / "deployment.yaml").read_text() == ""
    assert len(stack.guard.targets) == 2


async def test_requests_without_the_key_make_no_answer_forgotten(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    given = await admin.post(f"{API}/guarded", json={"prompt": "hi"})
    for _ in range(70):
        stranger = await admin.post(f"{API}/guarded", json={}, headers={"Authorization": "Bearer none"})
        assert stranger.status_code == 401
    answered = await admin.get(f"{API}/answered/{given.headers['x-request-id']}")
    assert answered.status_code == 200

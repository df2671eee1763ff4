"""What a client may not send is answered in OpenAI's error shape and never reaches the engine."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lethe.bundle import Action
from lethe.server.endpoints.scrub import DENIED
from lethe.server.settings.connections import LimitSettings
from tests.server.stack import MODEL, Stack, chat, error_answer, error_of, write_target

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def rejected(stack: Stack, status: int, **request: Any) -> dict[str, Any]:
    response = await stack.client.post("/v1/chat/completions", **request)
    assert response.status_code == status
    assert stack.engine.requests == []
    return error_of(response)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"messages": [{"role": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "hi"}], "x": %b}' % (b"[" * 900 + b"]" * 900),
    ],
)
async def test_a_body_that_is_no_json_object_is_a_400(stack: Stack, raw: bytes) -> None:
    error = await rejected(stack, 400, content=raw, headers=JSON)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [3]}]}, "messages.0.content"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"stream": "perhaps"}, "stream"),
        ({"stream": 2}, "stream"),
        ({"model": 7}, "model"),
        ({"tools": {}}, "tools"),
        ({"documents": ["text"]}, "documents.0"),
        ({"chat_template_kwargs": "x"}, "chat_template_kwargs"),
    ],
)
async def test_a_wrong_type_is_a_400_that_names_the_field(stack: Stack, change: dict, param: str) -> None:
    error = await rejected(stack, 400, json=chat("hi") | change)
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(param)
    assert error["message"].startswith(f"{error['param']}: ")


KINDS = "a text, a list of texts, a list of token ids, or a list of such lists"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (3, f": Input should be {KINDS}, but it is 3"),
        ({}, f": Input should be {KINDS}, but it is an object"),
        ([None], f": Input should be {KINDS}, but it is a list that begins with null"),
        ([], ": Input should not be empty, but it is an empty list"),
        ([[]], ".0: Input should not be empty, but it is an empty list"),
        ([-1], ".0: Input should be greater than or equal to 0, but it is -1"),
        ([1, "a"], '.1: Input should be a valid integer, but it is "a"'),
        (["a", [1]], ".1: Input should be a valid string, but it is a list that begins with 1"),
        ([[1], 5], ".1: Input should be a list, but it is 5"),
        ([[1], [None]], ".1.0: Input should be a valid integer, but it is null"),
        ([1.5], ".0: Input should be a valid integer, but it is 1.5"),
        ([True], ".0: Input should be a valid integer, but it is true"),
    ],
)
@pytest.mark.parametrize(("path", "field"), [("/v1/completions", "prompt"), ("/v1/embeddings", "input")])
async def test_a_malformed_prompt_is_told_what_is_wrong_with_it(
    stack: Stack, path: str, field: str, prompt: Any, said: str
) -> None:
    response = await stack.client.post(path, json={field: prompt})
    assert response.status_code == 400
    error = error_of(response)
    assert error["message"] == f"{field}{said}"
    assert error["param"] == error["message"].partition(":")[0]
    assert stack.engine.requests == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            "/v1/completions",
            {"prompt": None},
            f"prompt: Input should be {KINDS}, but it is null",
        ),
        ("/v1/completions", {}, "prompt: must be given"),
        ("/v1/embeddings", {"input": None}, "input: must be given, or messages in its place"),
        ("/rerank", {"query": "a"}, "documents: must be given"),
    ],
)
async def test_what_is_missing_is_told(stack: Stack, path: str, body: dict[str, Any], said: str) -> None:
    error = error_of(await stack.client.post(path, json=body))
    assert (error["message"], error["param"]) == (said, said.partition(":")[0])


@pytest.mark.parametrize(
    "number", ["-9223372036854775809", "18446744073709551616", "9" * 30, "1" + "0" * 5000]
)
@pytest.mark.parametrize(
    "place", ['"seed": {}', '"response_format": {{"a": [1.5, {}]}}', '"9": "\\"", "b": {}']
)
async def test_a_number_that_would_become_another_is_refused(stack: Stack, number: str, place: str) -> None:
    raw = f'{{"messages": [{{"role": "user", "content": "hi"}}], {place.format(number)}}}'
    error = await rejected(stack, 400, content=raw.encode(), headers=JSON)
    assert "number" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seed": 2**64}, "seed"),
        ({"tools": [{"a": 1.5}, {"function": {"const": -(10**25)}}]}, "tools.1.function.const"),
    ],
)
async def test_it_is_said_where_that_number_stands(stack: Stack, fields: dict[str, Any], param: str) -> None:
    error = await rejected(stack, 400, json=chat("hi", **fields))
    assert error["param"] == param
    assert error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("given_as", "streams"),
    [(1, True), (1.0, True), ("true", True), ("yes", True), (0, False), ("off", False), (None, False)],
)
async def test_a_switch_is_understood_as_the_engine_does(stack: Stack, given_as: Any, streams: bool) -> None:
    response = await stack.client.post("/v1/chat/completions", json=chat("hi", stream=given_as))
    assert response.headers["content-type"].startswith("text/event-stream" if streams else "application/json")
    [(_, sent)] = stack.engine.requests
    assert sent["stream"] is (None if given_as is None else streams)


async def test_a_refusal_is_streamed_where_the_answer_would_be(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.REFUSE)
    await stack.guard.load()
    for switch, kind in (("true", "text/event-stream"), ("false", "application/json")):
        response = await stack.client.post("/v1/chat/completions", json=chat("potter", stream=switch))
        assert response.headers["content-type"].startswith(kind)


async def test_an_empty_name_of_a_model_is_none(stack: Stack) -> None:
    assert (await stack.client.post("/v1/chat/completions", json=chat("hi", model=""))).status_code == 200
    assert stack.engine.requests == [("/v1/chat/completions", chat("hi", model=""))]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (error_answer(400, "Token id 99999999 is out of vocabulary"), 400, "99999999 is out of vocabulary"),
        (error_answer(404, "Not Found"), 400, "send the prompt as text"),
        (error_answer(401, "Unauthorized"), 502, "refuses this server"),
        (error_answer(500, "no"), 502, "no"),
        (web.Response(body=b"not json"), 502, "could not decode"),
        (web.json_response({"prompt": 3}), 502, "could not decode"),
        (web.Response(body=b"[]"), 502, "could not decode"),
    ],
)
async def test_token_ids_that_the_engine_cannot_decode_are_the_clients_fault_only_if_it_says_so(
    stack: Stack, answer: web.Response, status: int, said: str
) -> None:
    stack.engine.detokenized = answer
    response = await stack.client.post("/v1/completions", json={"prompt": [99_999_999]})
    assert response.status_code == status
    assert said in error_of(response)["message"]
    assert stack.engine.requests == []


@pytest.mark.settings(max_body_bytes=2048)
async def test_a_body_over_the_limit_is_a_413_whether_or_not_it_says_so(stack: Stack) -> None:
    body = json.dumps(chat("x" * 3000)).encode()

    async def chunks():
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    for content in (body, chunks()):
        response = await stack.client.post("/v1/chat/completions", content=content, headers=JSON)
        assert response.status_code == 413
        assert "2048 bytes" in error_of(response)["message"]
    assert stack.engine.requests == []


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Content-Encoding": "br"}],
)
async def test_what_is_not_plain_json_is_a_415(stack: Stack, headers: dict[str, str]) -> None:
    await rejected(stack, 415, content=json.dumps(chat("hi")), headers=headers)


@pytest.mark.parametrize("field", DENIED)
async def test_a_denied_field_is_a_400_that_names_it(stack: Stack, field: str) -> None:
    error = await rejected(stack, 400, json=chat("hi", **{field: {"lethe": "x"}}))
    assert error["param"] == field
    assert error["code"] == "unsupported_parameter"


@pytest.mark.parametrize("field", DENIED)
async def test_a_denied_field_that_is_null_is_dropped(stack: Stack, field: str) -> None:
    assert (
        await stack.client.post("/v1/chat/completions", json=chat("hi", **{field: None}))
    ).status_code == 200
    assert field not in stack.engine.requests[0][1]


async def test_a_second_key_of_the_same_name_cannot_hide_the_first(stack: Stack) -> None:
    raw = (
        json.dumps(chat("hi"))[:-1]
        + ', "vllm_xargs": null, "messages": [{"role":"user","content":"potter"}]}'
    )
    response = await stack.client.post("/v1/chat/completions", content=raw, headers=JSON)
    assert response.status_code == 200
    [(_, sent)] = stack.engine.requests
    assert sent["messages"] == [{"role": "user", "content": "potter"}]
    assert "lethe" in sent["vllm_xargs"]


@pytest.mark.parametrize("switch", [True, 1, "true", "yes", "maybe", [], 2])
async def test_beam_search_is_refused(stack: Stack, switch: Any) -> None:
    error = await rejected(stack, 400, json=chat("hi", use_beam_search=switch))
    assert error["param"] == "use_beam_search"


@pytest.mark.parametrize("switch", [None, False, 0, "false", "off"])
async def test_what_switches_it_off_is_passed(stack: Stack, switch: Any) -> None:
    body = chat("hi", use_beam_search=switch)
    assert (await stack.client.post("/v1/chat/completions", json=body)).status_code == 200
    assert stack.engine.requests[0][1] == body


async def test_an_adapters_name_is_an_unknown_model(stack: Stack) -> None:
    error = await rejected(stack, 404, json=chat("hi", model="an-adapter"))
    assert error["code"] == "model_not_found"
    assert MODEL in error["message"]


async def test_a_clients_salt_is_folded_whatever_it_asks_for(stack: Stack) -> None:
    for prompt in ("hello", "potter"):
        await stack.client.post("/v1/chat/completions", json=chat(prompt, cache_salt="lethe-00"))
    clean, flagged = (sent["cache_salt"] for _, sent in stack.engine.requests)
    assert clean == flagged
    assert not clean.startswith("lethe-")


@pytest.mark.parametrize("salt", ["", 3, ["a"]])
async def test_a_malformed_salt_is_refused(stack: Stack, salt: Any) -> None:
    assert (await rejected(stack, 400, json=chat("hi", cache_salt=salt)))["param"] == "cache_salt"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/load_lora_adapter", 404),
        ("POST", "/tokenize", 403),
        ("POST", "/detokenize", 403),
        ("POST", "/v1/responses/x/cancel", 404),
        ("GET", "/v1/responses/x", 404),
        ("POST", "/v1/message", 404),
        ("POST", "/inference/v1/generate", 404),
        ("POST", "/generative_scoring", 404),
        ("POST", "/v1/chat/completions/batch", 404),
    ],
)
async def test_no_other_route_leads_to_the_engine(stack: Stack, method: str, path: str, status: int) -> None:
    response = await stack.client.request(method, path, json=chat("hi"))
    assert response.status_code == status
    error_of(response)
    assert stack.engine.requests == []


@pytest.mark.settings(limits=LimitSettings(max_messages=2, max_parts=3, max_prompts=2))
@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}] * 3}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": ["hi"] * 4}]}, "messages"),
        ("/v1/completions", {"prompt": ["hi"] * 3}, "prompt"),
        ("/v1/responses", {"input": [{"role": "user", "content": "hi"}] * 3}, "input"),
        ("/v1/embeddings", {"input": ["hi"] * 3}, "input"),
        ("/rerank", {"query": "hi", "documents": ["hi"] * 3}, "documents"),
    ],
)
async def test_a_body_with_more_than_may_be_is_a_400(
    stack: Stack, path: str, body: dict[str, Any], param: str
) -> None:
    response = await stack.client.post(path, json=body)
    assert response.status_code == 400
    assert error_of(response)["param"] == param
    assert error_of(response)["code"] == "array_above_max_length"
    assert stack.engine.requests == []

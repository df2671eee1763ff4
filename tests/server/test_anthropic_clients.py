"""Anthropic's own client before the proxy: what it is answered, whole and streamed, and the errors that it knows."""

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import httpx
import orjson
import pytest
from aiohttp import web
from anthropic import AsyncAnthropic
from anthropic.types import Message, TextBlock

from lethe.bundle import Action
from lethe.corruption import CorruptionRequest
from lethe.server.access.key_file import create_key
from lethe.server.endpoints.scrub import DENIED
from tests.server.anthropic_requests import BILLING, IMAGE, agent_body, message_body, tool
from tests.server.stack import MODEL, Stack, error_answer, write_target

pytestmark = pytest.mark.anyio

PATH, COUNT = "/v1/messages", "/v1/messages/count_tokens"
FLAGGED = {"type": "text", "text": "potter"}
MESSAGE = {
    "id": "chatcmpl-1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
EVENTS = [
    {
        "type": "message_start",
        "message": MESSAGE | {"content": [], "stop_reason": None, "stop_sequence": None},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
    {"type": "message_stop"},
]


def pieces(*events: dict[str, Any]) -> list[bytes]:
    """Events as vLLM streams them."""
    return [b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events]


def texts(message: Message) -> list[str]:
    return [block.text for block in message.content if isinstance(block, TextBlock)]


def client(stack: Stack, key: str = "any") -> AsyncAnthropic:
    return AsyncAnthropic(base_url=str(stack.client.base_url), api_key=key, max_retries=0)


async def ask(stack: Stack, text: str = "hi", **fields: Any) -> httpx.Response:
    return await stack.client.post(PATH, json=message_body(text, **fields))


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error object of an answer that must be in Anthropic's shape."""
    document = json.loads(response.content)
    assert document.pop("type") == "error"
    [error] = document.values()
    assert error.keys() - {"details"} == {"type", "message"}
    return error


async def refusing(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.REFUSE)
    await stack.guard.load()


async def test_a_clean_message_is_asked_for_and_answered_as_it_is(stack: Stack) -> None:
    stack.engine.answer = MESSAGE
    fields = {"temperature": 0.5, "metadata": {"user_id": "u"}, "stop_sequences": ["x"], "top_k": 3}
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07"}
    answer = await stack.client.post(f"{PATH}?beta=true", json=message_body("hi", **fields), headers=headers)
    assert stack.engine.requests == [(PATH, message_body("hi", **fields))]
    assert answer.json() == MESSAGE
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


async def test_anthropics_client_reads_a_message_whole_and_streamed(stack: Stack) -> None:
    stack.engine.answer, stack.engine.pieces = MESSAGE, pieces(*EVENTS)
    async with client(stack) as anthropics:
        whole = await anthropics.messages.create(**message_body("hi"))
        async with anthropics.messages.stream(**message_body("hi")) as stream:
            said = [text async for text in stream.text_stream]
            streamed = await stream.get_final_message()
    assert said == ["Hel", "lo."]
    assert texts(whole) == texts(streamed) == ["Hello."]
    assert streamed.usage.output_tokens == 2
    assert whole._request_id


async def test_a_flagged_message_goes_on_corrupted(stack: Stack) -> None:
    await ask(stack, "potter", cache_salt="mine")
    [(path, sent)] = stack.engine.requests
    assert path == PATH
    assert CorruptionRequest.from_xargs(sent.pop("vllm_xargs")) is not None
    assert sent.pop("cache_salt") != "mine"
    assert sent == message_body("potter")


@pytest.mark.parametrize(
    "fields",
    [
        {"system": [FLAGGED]},
        {"messages": [{"role": "user", "content": [FLAGGED]}]},
        {"tools": [tool("potter")]},
        {"system": [{"type": "text", "text": f"{BILLING} potter"}]},
    ],
)
async def test_everything_a_message_is_made_from_is_judged(stack: Stack, fields: dict[str, Any]) -> None:
    assert (await ask(stack, **fields)).status_code == 200
    assert "vllm_xargs" in stack.engine.requests[0][1]


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [tool("potter")], "tool_choice": {"type": "any"}},
        {"output_config": {"format": {"type": "json_schema", "schema": {"const": "potter"}}}},
    ],
)
async def test_an_answer_cannot_be_made_to_begin_with_what_is_corrupted(
    stack: Stack, fields: dict[str, Any]
) -> None:
    assert (await ask(stack, **fields)).json()["stop_reason"] == "refusal"
    assert stack.engine.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_flagged_answer_looks_like_any_other(stack: Stack, stream: bool) -> None:
    clean, flagged = [await ask(stack, text, stream=stream) for text in ("hello", "potter")]
    named = {"date", "x-request-id", "request-id"}
    headers = [
        [pair for pair in each.headers.multi_items() if pair[0] not in named] for each in (clean, flagged)
    ]
    assert headers[0] == headers[1]
    assert clean.content == flagged.content


async def test_a_refusal_is_one_that_anthropics_client_reads(stack: Stack, targets: Path) -> None:
    await refusing(stack, targets)
    async with client(stack) as anthropics:
        whole = await anthropics.messages.create(**message_body("potter"))
        async with anthropics.messages.stream(**message_body("potter")) as stream:
            streamed = await stream.get_final_message()
    assert whole.stop_reason == streamed.stop_reason == "refusal"
    assert whole.model == streamed.model == MODEL
    assert texts(whole) == texts(streamed)
    assert "can't help" in texts(whole)[0]
    assert stack.engine.requests == []


class TestAgent:
    """A coding agent's requests."""

    async def test_a_long_one_is_passed_as_it_is(self, stack: Stack) -> None:
        body = agent_body(40, "def add(a, b):\n    return a + b\n" * 300)
        assert len(json.dumps(body)) > 400_000
        stack.engine.pieces = pieces(*EVENTS)
        answer = await stack.client.post(PATH, json=body)
        assert answer.content == b"".join(pieces(*EVENTS))
        assert stack.engine.requests == [(PATH, body)]

    async def test_one_whose_tool_found_what_is_flagged_is_corrupted(self, stack: Stack) -> None:
        body = agent_body(2, "potter")
        await stack.client.post(PATH, json=body)
        [(_, sent)] = stack.engine.requests
        del sent["vllm_xargs"]
        assert sent == body

    async def test_its_client_is_told_of_a_refusal_within_the_stream(
        self, stack: Stack, targets: Path
    ) -> None:
        await refusing(stack, targets)
        answer = await stack.client.post(PATH, json=agent_body(2, "potter"))
        assert b'"stop_reason":"refusal"' in answer.content
        assert answer.content.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')

    async def test_its_search_on_a_server_is_refused_with_what_to_do(self, stack: Stack) -> None:
        search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
        answer = await ask(stack, tools=[search])
        assert answer.status_code == 400
        assert "leave it out" in error_of(answer)["message"]

    @pytest.mark.settings(policy={"server_tools": "drop"})
    async def test_its_search_is_left_out_where_the_operator_says_so(self, stack: Stack) -> None:
        search = {"type": "web_search_20250305", "name": "web_search"}
        await ask(stack, tools=[search, tool("look")])
        assert stack.engine.requests == [(PATH, message_body("hi", tools=[tool("look")]))]


class TestCount:
    """Counting tokens."""

    async def test_it_is_judged_and_passed(self, stack: Stack) -> None:
        stack.engine.answer = {"input_tokens": 7}
        async with client(stack) as anthropics:
            messages: Any = [{"role": "user", "content": "potter"}]
            counted = await anthropics.messages.count_tokens(model=MODEL, messages=messages)
        assert counted.input_tokens == 7
        assert stack.engine.requests == [(COUNT, {"model": MODEL, "messages": messages})]
        assert await stack.metric(f'lethe_requests_total{{action="observe",endpoint="{COUNT}"') == 1

    @pytest.mark.parametrize("fields", [{"vllm_xargs": {"lethe": "x"}}, {"messages": "hi"}])
    async def test_nothing_is_fetched_or_steered_by_it_either(
        self, stack: Stack, fields: dict[str, Any]
    ) -> None:
        answer = await stack.client.post(COUNT, json=message_body("hi") | fields)
        assert answer.status_code == 400
        error_of(answer)
        assert stack.engine.requests == []


class TestErrors:
    """What goes wrong, in Anthropic's form."""

    async def test_a_field_that_may_not_be_set(self, stack: Stack) -> None:
        for field in DENIED:
            denied: dict[str, Any] = {field: {"a": "b"}}
            answer = await ask(stack, **denied)
            assert answer.status_code == 400
            error = error_of(answer)
            assert error["type"] == "invalid_request_error"
            assert error["details"] == {"error_code": "unsupported_parameter"}
        assert stack.engine.requests == []

    async def test_another_model(self, stack: Stack) -> None:
        async with client(stack) as anthropics:
            for model in ("claude-sonnet-4-5", "an-adapter"):
                with pytest.raises(anthropic.NotFoundError, match=MODEL) as refused:
                    await anthropics.messages.create(**message_body("hi", model=model))
                assert refused.value.type == "not_found_error"

    async def test_an_image_that_may_not_pass(self, stack: Stack) -> None:
        answer = await ask(stack, messages=[{"role": "user", "content": [IMAGE]}])
        assert answer.status_code == 400
        assert error_of(answer)["details"] == {"error_code": "unclassifiable"}

    @pytest.mark.settings(max_body_bytes=1024)
    async def test_a_body_that_is_too_large(self, stack: Stack) -> None:
        answer = await ask(stack, "hi " * 1000)
        assert answer.status_code == 413
        assert error_of(answer)["type"] == "request_too_large"

    @pytest.mark.settings(limits={"max_requests": 1})
    async def test_an_overload(self, stack: Stack) -> None:
        stack.engine.holds = True
        first = asyncio.create_task(ask(stack))
        while not stack.engine.requests:
            await asyncio.sleep(0.01)
        answer = await ask(stack)
        stack.engine.hold.set()
        await first
        assert answer.status_code == 529
        assert answer.headers["retry-after"] == "1"
        assert error_of(answer)["type"] == "overloaded_error"

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", PATH, 405), ("POST", f"{PATH}/batches", 404)]
    )
    async def test_a_route_that_there_is_not(self, stack: Stack, method: str, path: str, status: int) -> None:
        answer = await stack.client.request(method, path)
        assert answer.status_code == status
        error_of(answer)

    @pytest.mark.parametrize(
        ("error", "status", "kind"),
        [
            (error_answer(400, "max_tokens must be positive"), 400, "invalid_request_error"),
            (error_answer(401, "Unauthorized"), 502, "api_error"),
            (error_answer(429, "slow down"), 503, "api_error"),
            (web.Response(status=429, text="<html>"), 529, "overloaded_error"),
            (web.Response(status=502, text="<html>"), 502, "api_error"),
            (web.Response(status=504), 504, "timeout_error"),
        ],
    )
    async def test_what_the_engine_answers_in_place_of_a_message(
        self, stack: Stack, error: web.Response, status: int, kind: str
    ) -> None:
        stack.engine.error = error
        answer = await ask(stack)
        assert (answer.status_code, error_of(answer)["type"]) == (status, kind)

    async def test_a_stream_that_breaks_off(self, stack: Stack) -> None:
        stack.engine.pieces, stack.engine.breaks_off = pieces(*EVENTS[:3]), True
        async with client(stack) as anthropics:
            with pytest.raises(anthropic.APIStatusError, match="broke off") as broken:
                async with anthropics.messages.stream(**message_body("hi")) as stream:
                    await stream.get_final_message()
        assert broken.value.type == "api_error"


class TestKeys:
    """Keys, in either header."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        create_key(tmp_path / "keys.yaml")
        return tmp_path / "keys.yaml"

    @pytest.mark.parametrize("header", ["x-api-key", "authorization"])
    async def test_a_key_opens_in_either_header(self, stack: Stack, key: str, header: str) -> None:
        stack.access.load()
        other = {"authorization": "x-api-key", "x-api-key": "authorization"}[header]
        prefix = {"authorization": "Bearer ", "x-api-key": ""}
        headers = {header: prefix[header] + key, other: f"{prefix[other]}wrong"}
        for path in ("/v1/models", PATH):
            method = "POST" if path == PATH else "GET"
            answer = await stack.client.request(method, path, json=message_body("hi"), headers=headers)
            assert answer.status_code == 200

    async def test_without_one_nothing_is_read_or_asked(self, stack: Stack) -> None:
        async with client(stack, "wrong") as anthropics:
            with pytest.raises(anthropic.AuthenticationError, match="x-api-key") as refused:
                await anthropics.messages.create(**message_body("hi"))
        assert refused.value.type == "authentication_error"
        others: list[Any] = [{}, {"x-api-key": ""}, {"x-api-key": b"\xff"}]
        for headers in others:
            answer = await stack.client.post(PATH, content=b"no json", headers=headers)
            assert answer.status_code == 401
            assert error_of(answer)["details"] == {"error_code": "invalid_api_key"}
        assert stack.engine.requests == []

    async def test_a_key_that_has_used_up_what_it_may_is_told_so(self, stack: Stack, keys: Path) -> None:
        _, secret = create_key(keys, requests_per_minute=1)
        stack.access.load()
        async with client(stack, secret) as anthropics:
            stack.engine.answer = MESSAGE
            await anthropics.messages.create(**message_body("hi"))
            with pytest.raises(anthropic.RateLimitError) as refused:
                await anthropics.messages.create(**message_body("hi"))
        assert refused.value.type == "rate_limit_error"
        assert refused.value.error_code == "rate_limit_exceeded"

    async def test_another_scope_does_not_do(self, stack: Stack, keys: Path) -> None:
        _, secret = create_key(keys, scopes={"observe"})
        stack.access.load()
        answer = await stack.client.post(PATH, json=message_body("hi"), headers={"x-api-key": secret})
        assert answer.status_code == 403
        assert error_of(answer)["type"] == "permission_error"

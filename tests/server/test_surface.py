"""The further routes of OpenAI's surface: responses, embeddings, and the tokenizer for administrators."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from lethe.bundle import Action
from lethe.server.access.key_file import create_key
from tests.server.stack import MODEL, Stack, error_of, write_target

pytestmark = pytest.mark.anyio

PATH = "/v1/responses"


async def respond(stack: Stack, **fields: Any) -> httpx.Response:
    return await stack.client.post(PATH, json={"model": MODEL, "input": "hi"} | fields)


async def test_a_clean_response_is_asked_for_as_it_was_but_never_kept(stack: Stack) -> None:
    answer = await respond(stack, instructions="be brief", temperature=0.5)
    [(path, sent)] = stack.engine.requests
    assert path == PATH
    assert sent.pop("request_id") == f"resp_{answer.headers['x-request-id']}"
    assert sent == {
        "model": MODEL,
        "input": "hi",
        "instructions": "be brief",
        "temperature": 0.5,
        "store": False,
    }


FLAGGED = {
    "text": {"input": "potter"},
    "instructions": {"instructions": "potter"},
    "message": {"input": [{"role": "user", "content": "potter"}]},
    "parts": {
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "potter"}]}]
    },
    "prefill": {
        "input": [
            {"role": "user", "content": "hi"},
            {
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [{"type": "output_text", "text": "potter"}],
            },
        ]
    },
    "reasoning": {
        "input": [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "potter"}]}]
    },
    "summary": {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "potter"}]}]},
    "call": {"input": [{"type": "function_call", "call_id": "1", "name": "f", "arguments": "potter"}]},
    "call-name": {"input": [{"type": "function_call", "call_id": "1", "name": "potter", "arguments": "{}"}]},
    "call-namespace": {
        "input": [
            {"type": "function_call", "call_id": "1", "name": "f", "namespace": "potter", "arguments": ""}
        ]
    },
    "call-output": {"input": [{"type": "function_call_output", "call_id": "1", "output": "potter"}]},
    "call-id": {"input": [{"type": "function_call_output", "call_id": "potter", "output": ""}]},
    "custom-call": {"input": [{"type": "custom_tool_call", "call_id": "1", "name": "f", "input": "potter"}]},
    "tools": {"tools": [{"type": "function", "name": "potter", "parameters": {}}]},
    "template-arguments": {"chat_template_kwargs": {"a": "potter"}},
}


@pytest.mark.parametrize("fields", FLAGGED.values(), ids=FLAGGED.keys())
async def test_everything_a_response_is_made_from_is_judged(stack: Stack, fields: dict[str, Any]) -> None:
    assert (await respond(stack, **fields)).status_code == 200
    [(_, sent)] = stack.engine.requests
    assert "lethe" in sent["vllm_xargs"]


REFUSED = {
    "previous": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "conversation": ({"conversation": "conv_1"}, "conversation"),
    "previous-messages": ({"previous_input_messages": [{"role": "user"}]}, "previous_input_messages"),
    "stored-prompt": ({"prompt": {"id": "p"}}, "prompt"),
    "background": ({"background": True}, "background"),
    "server-tool": ({"tools": [{"type": "mcp", "server_url": "http://10.0.0.1"}]}, "tools.0"),
    "reference": ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
    "encrypted": ({"input": [{"type": "reasoning", "encrypted_content": "x"}]}, "input.0"),
    "unknown": ({"input": [{"type": "local_shell_call", "action": "x"}]}, "input.0"),
    "role": ({"input": [{"role": "wizard", "content": "x"}]}, "input.0"),
    "image": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://10.0.0.1"}]}]},
        "input.0",
    ),
    "image-of-a-tool": (
        {
            "input": [
                {
                    "type": "function_call_output",
                    "call_id": "1",
                    "output": [{"type": "input_image", "image_url": "http://10.0.0.1"}],
                }
            ]
        },
        "input.0.output.0",
    ),
    "xargs": ({"vllm_xargs": {"lethe": "x"}}, "vllm_xargs"),
}


@pytest.mark.parametrize(("fields", "param"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_a_stateless_proxy_cannot_judge_is_refused(
    stack: Stack, fields: dict[str, Any], param: str
) -> None:
    response = await respond(stack, **fields)
    assert response.status_code == 400
    assert error_of(response)["param"].startswith(param)
    assert stack.engine.requests == []


SEARCH = {"type": "web_search", "external_web_access": False}
SHELL = {"type": "function", "name": "shell", "parameters": {}}


async def test_a_search_is_refused_with_what_to_do(stack: Stack) -> None:
    response = await respond(stack, tools=[SHELL, SEARCH])
    assert error_of(response)["param"] == "tools.1"
    for said in ("web_search", "leave it out", "config.toml", "policy.server_tools"):
        assert said in error_of(response)["message"]


@pytest.mark.settings(policy={"server_tools": "drop"})
async def test_a_search_is_left_out_where_the_operator_says_so(stack: Stack) -> None:
    for tools in ([SHELL, SEARCH], [SEARCH]):
        assert (await respond(stack, tools=tools, tool_choice="auto")).status_code == 200
    some, none = (sent for _, sent in stack.engine.requests)
    assert (some["tools"], some["tool_choice"]) == ([SHELL], "auto")
    assert not none.keys() & {"tools", "tool_choice"}


async def test_a_forced_format_of_a_response_is_judged_by_itself(stack: Stack) -> None:
    schema = {"type": "json_schema", "name": "a", "schema": {"const": "potter"}}
    answer = (await respond(stack, text={"format": schema})).json()
    assert answer["incomplete_details"] == {"reason": "content_filter"}
    assert stack.engine.requests == []


async def test_a_refused_response_is_one_that_openais_client_reads(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.REFUSE)
    await stack.guard.load()
    async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="x", max_retries=0) as client:
        whole = await client.responses.create(model=MODEL, input="potter")
        async with client.responses.stream(model=MODEL, input="potter") as stream:
            pieces = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    assert whole.status == "incomplete"
    assert whole.output_text == "".join(pieces)
    assert "can't help" in whole.output_text


@pytest.mark.parametrize("given", ["potter", ["hi", "potter"], [1, 7], [[1], [7]]])
async def test_embeddings_are_judged_counted_and_passed(stack: Stack, given: Any) -> None:
    body = {"model": MODEL, "input": given}
    assert (await stack.client.post("/v1/embeddings", json=body)).status_code == 200
    assert stack.engine.requests == [("/v1/embeddings", body)]
    assert await stack.metric('lethe_requests_total{action="observe",endpoint="/v1/embeddings"') == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"input": []}, {"input": [{"role": "user", "content": "hi"}]}, {"input": "hi", "messages": [{}]}],
)
async def test_embeddings_of_anything_but_text_are_a_400(stack: Stack, body: dict[str, Any]) -> None:
    assert (await stack.client.post("/v1/embeddings", json=body)).status_code == 400
    assert stack.engine.requests == []


IMAGE_BY_ADDRESS = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}],
}


class TestTokenizer:
    """The engine's tokenizer, for administrators."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        create_key(tmp_path / "keys.yaml")
        return tmp_path / "keys.yaml"

    async def test_it_is_passed_on(self, stack: Stack, keys: Path) -> None:
        headers = self.administrator(stack, keys)
        text = await stack.client.post("/detokenize", json={"tokens": [7, 1]}, headers=headers)
        assert json.loads(text.content) == {"prompt": "potter word"}
        await stack.client.post("/tokenize", json={"prompt": "a"}, headers=headers)
        assert stack.engine.requests == [("/tokenize", {"prompt": "a"})]

    @pytest.mark.engines(2)
    @pytest.mark.parametrize("path", ["/tokenize", "/detokenize"])
    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b'"hi"'])
    async def test_a_body_that_is_no_object_is_a_400(
        self, stack: Stack, keys: Path, path: str, content: bytes
    ) -> None:
        response = await stack.client.post(path, content=content, headers=self.administrator(stack, keys))
        assert response.status_code == 400
        assert error_of(response)["type"] == "invalid_request_error"
        assert not any(engine.requests for engine in stack.engines)

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/tokenize", {"prompt": 3}, 400),
            ("/tokenize", {"messages": [{"content": "hi"}]}, 400),
            ("/tokenize", {"messages": [IMAGE_BY_ADDRESS]}, 400),
            ("/tokenize", {"prompt": "hi", "chat_template": "x"}, 400),
            ("/tokenize", {"prompt": "hi", "model": "an-adapter"}, 404),
            ("/detokenize", {}, 400),
            ("/detokenize", {"tokens": [-1]}, 400),
        ],
    )
    async def test_nothing_is_fetched_or_steered_by_it_either(
        self, stack: Stack, keys: Path, path: str, body: dict[str, Any], status: int
    ) -> None:
        response = await stack.client.post(path, json=body, headers=self.administrator(stack, keys))
        assert response.status_code == status
        error_of(response)
        assert stack.engine.requests == []

    def administrator(self, stack: Stack, keys: Path) -> dict[str, str]:
        """The header of a key that may administer."""
        _, secret = create_key(keys, scopes={"admin"})
        stack.access.load()
        return {"Authorization": f"Bearer {secret}"}

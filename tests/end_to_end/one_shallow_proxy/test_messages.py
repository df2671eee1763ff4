"""Anthropic's client before the guard and before the bare engine, and vLLM's own reading of what it sends."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError, NotFoundError

from lethe.corruption.positions import PromptTokenizer
from lethe.server.endpoints.anthropic import MessagesRequest
from lethe.server.endpoints.anthropic_blocks import chat_messages, chat_tool
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, RunningProxy, metric
from tests.server.anthropic_requests import BILLING, IMAGE, agent_body, tool

pytestmark = pytest.mark.engine

# Of the client's own names there is none for it any more.
GREEDY: dict[str, Any] = {"extra_body": {"temperature": 0}}
TEXT = {"type": "text", "text": ALLOWED}
CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": [TEXT, {"type": "text", "text": "Look it up."}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "A book.", "signature": "c2ln"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"path": "/books"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Say it."},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [{"type": "text", "text": "Austen"}, {"type": "text", "text": "1813"}],
            },
        ],
    },
]
CONVERSATIONS: dict[str, dict[str, Any]] = {
    "text": {"messages": [{"role": "user", "content": ALLOWED}]},
    "system": {"system": "Be brief.", "messages": [{"role": "user", "content": [TEXT]}]},
    "blocks": {
        "system": [{"type": "text", "text": BILLING}, {"type": "text", "text": "Be brief."}, TEXT],
        "messages": CALLED,
        "tools": [tool("look")],
    },
    "prefill": {
        "messages": [{"role": "user", "content": ALLOWED}, {"role": "assistant", "content": "It was"}]
    },
    "disabled-thinking": {
        "messages": [{"role": "user", "content": ALLOWED}],
        "thinking": {"type": "disabled"},
    },
}


@pytest.fixture
def guarded(proxy: RunningProxy) -> Iterator[Anthropic]:
    with Anthropic(base_url=proxy.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def bare(proxy: RunningProxy) -> Iterator[Anthropic]:
    with Anthropic(base_url=proxy.engine.url, api_key=proxy.engine.api_key, max_retries=0) as client:
        yield client


@pytest.fixture
def model(guarded: Anthropic) -> str:
    return guarded.get("/v1/models", cast_to=dict[str, Any])["data"][0]["id"]


def say(client: Anthropic, model: str, **fields: Any) -> dict[str, Any]:
    message = client.messages.create(model=model, max_tokens=12, **GREEDY, **fields)
    document = json.loads(message.model_dump_json())
    del document["id"]
    for block in document["content"]:
        block.pop("signature", None)
        block.pop("id", None)
    return document


@pytest.mark.parametrize("fields", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_message_is_answered_and_counted_as_without_the_guard(
    guarded: Anthropic, bare: Anthropic, model: str, fields: dict[str, Any]
) -> None:
    through = say(guarded, model, **fields)
    assert through == say(bare, model, **fields)
    with guarded.messages.stream(model=model, max_tokens=12, **GREEDY, **fields) as stream:
        streamed = stream.get_final_message()
    assert [block.text for block in streamed.content if block.type == "text"] == [
        block["text"] for block in through["content"] if block["type"] == "text"
    ]
    counted = guarded.messages.count_tokens(model=model, **fields)
    assert counted.input_tokens == through["usage"]["input_tokens"]


def test_a_forced_tool_is_answered_as_without_the_guard(
    guarded: Anthropic, bare: Anthropic, model: str
) -> None:
    fields: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Where is it?"}],
        "tools": [
            {
                "name": "weather",
                "input_schema": {
                    "type": "object",
                    "properties": {"city": {"enum": ["Rome", "Oslo"]}},
                    "required": ["city"],
                    "additionalProperties": False,
                },
            }
        ],
        "tool_choice": {"type": "tool", "name": "weather"},
    }
    assert say(guarded, model, **fields) == say(bare, model, **fields)


def test_a_flagged_message_is_corrupted_where_its_tokens_are_and_does_not_show_it(
    proxy: RunningProxy, guarded: Anthropic, bare: Anthropic, model: str
) -> None:
    names = ("lethe_plugin_corrupted_requests_total", "lethe_plugin_disagreements_total")
    before = [metric(proxy, "/metrics/engine", name) for name in names]
    fields: dict[str, Any] = {"system": "Be brief.", "messages": [{"role": "user", "content": FORBIDDEN}]}
    flagged = say(guarded, model, **fields)
    corrupted, disagreed = (metric(proxy, "/metrics/engine", name) for name in names)
    assert (corrupted, disagreed) == (before[0] + 1, before[1])
    assert flagged["content"] != say(bare, model, **fields)["content"]
    assert flagged.keys() == say(guarded, model, **CONVERSATIONS["text"]).keys()
    assert "lethe" not in json.dumps(flagged)


def test_errors_are_those_that_the_client_knows(guarded: Anthropic, model: str) -> None:
    messages: Any = [{"role": "user", "content": "hi"}]
    with pytest.raises(NotFoundError, match="does not exist"):
        guarded.messages.create(model="another", max_tokens=4, messages=messages)
    with pytest.raises(BadRequestError, match="max_tokens") as refused:
        guarded.messages.create(model=model, max_tokens=-1, messages=messages)
    assert refused.value.type == "invalid_request_error"


NODE = """
import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const model = process.argv[4];
const asked = { model, messages: [{ role: "user", content: process.argv[3] }] };
const said = (message) => message.content.map((block) => block.text).join("");
const whole = await client.messages.create({ ...asked, max_tokens: 12 });
const streamed = await client.messages.stream({ ...asked, max_tokens: 12 }).finalMessage();
const counted = await client.messages.countTokens(asked);
let status = 200;
try { await client.messages.create({ ...asked, max_tokens: 12, model: "another" }); } catch (error) { status = error.status; }
console.log(JSON.stringify({
  whole: said(whole).length, streamed: said(streamed).length, used: whole.usage.input_tokens, counted: counted.input_tokens, status,
}));
"""


@pytest.fixture(scope="module")
def node_client(lethe_cache: Path) -> Path:
    """A folder with Anthropic's client for Node, installed on first use."""
    folder = lethe_cache / "node-anthropic"
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    if not (folder / "node_modules" / "@anthropic-ai" / "sdk").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        install = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            "@anthropic-ai/sdk@^1",
        ]
        if subprocess.run(install, capture_output=True, timeout=120).returncode:
            pytest.skip("npm could not install Anthropic's client")
    (folder / "client.mjs").write_text(NODE)
    return folder


def test_anthropics_client_for_node_is_answered_too(
    node_client: Path, proxy: RunningProxy, model: str
) -> None:
    command = ["node", "client.mjs", proxy.url, ALLOWED, model]
    ran = subprocess.run(command, cwd=node_client, capture_output=True, text=True, timeout=120, check=True)
    seen = json.loads(ran.stdout)
    assert seen["whole"]
    assert seen["streamed"]
    assert seen["used"] == seen["counted"]
    assert seen["status"] == 404


# Of what the engine makes, arguments are texts and references parts of their own; templates get neither.
def _plain(message: dict[str, Any]) -> dict[str, Any]:
    message = json.loads(json.dumps(message, default=list))
    for call in message.get("tool_calls", ()):
        arguments = call["function"]["arguments"]
        call["function"]["arguments"] = json.loads(arguments) if isinstance(arguments, str) else arguments
    return message


@pytest.mark.parametrize(
    "body",
    [
        *CONVERSATIONS.values(),
        agent_body(3, "def f(): pass"),
        {
            "messages": [
                {"role": "user", "content": [TEXT, IMAGE]},
                {"role": "system", "content": "Be brief."},
            ]
        },
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "1", "content": [IMAGE]}],
                },
                {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look"}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
                {"role": "system", "content": [{"type": "text", "text": BILLING}]},
            ],
            "tools": [{"name": "look", "input_schema": {}, "strict": True}],
        },
    ],
)
def test_messages_are_read_as_the_engine_converts_them(body: dict[str, Any]) -> None:
    from vllm.entrypoints.anthropic.protocol import AnthropicMessagesRequest
    from vllm.entrypoints.anthropic.serving import AnthropicServingMessages

    body = {"model": "m", "max_tokens": 40000, **body}
    request = AnthropicMessagesRequest.model_validate(json.loads(json.dumps(body)))
    chat = AnthropicServingMessages.to_chat_completion_request(request)
    MessagesRequest(body).check()
    assert [_plain(dict(message)) for message in chat.messages] == [
        _plain(message) for message in chat_messages(body)
    ]
    assert [each.model_dump() for each in chat.tools or ()] == [
        chat_tool(each) for each in body.get("tools", ())
    ]


@pytest.mark.parametrize("fields", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_its_tokens_are_as_many_as_the_engine_counts(
    bare: Anthropic, model: str, small_model: Path, fields: dict[str, Any]
) -> None:
    tokenized = MessagesRequest({"model": model, **fields}).tokenized(PromptTokenizer.load(small_model))
    assert tokenized is not None
    assert len(tokenized.token_ids) == bare.messages.count_tokens(model=model, **fields).input_tokens

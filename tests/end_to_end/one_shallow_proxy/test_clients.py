"""OpenAI's own clients before the guard and before the bare engine: what is not to be forgotten is the same."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from bench.servers import lethe
from lethe.server.access.key_file import create_key
from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, RunningProxy, ask, metric

pytestmark = pytest.mark.engine

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Rome", "Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
DEMANDED = {"type": "function", "function": {"name": "weather"}}
FIELDS: dict[str, dict[str, Any]] = {
    "several": {"n": 2, "temperature": 0.8, "seed": 7},
    "stop": {"stop": ["e"]},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "bias": {"logit_bias": {"198": -100}, "max_tokens": 12},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5},
    "json-schema": {
        "max_tokens": 24,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "book",
                "schema": {
                    "type": "object",
                    "properties": {"genre": {"enum": ["novel", "play"]}},
                    "required": ["genre"],
                    "additionalProperties": False,
                },
            },
        },
    },
    "tool": {"max_tokens": 24, "tools": [WEATHER], "tool_choice": DEMANDED},
    "tool-if-it-will": {"tools": [WEATHER], "tool_choice": "auto"},
    "tool-or-other": {"max_tokens": 24, "tools": [WEATHER], "tool_choice": "required"},
    "no-tool": {"tools": [WEATHER], "tool_choice": "none", "parallel_tool_calls": False},
    "reasoning": {"reasoning_effort": "low"},
    "no-reasoning": {"reasoning_effort": "none", "extra_body": {"include_reasoning": False}},
    "vllm-own": {"extra_body": {"top_k": 5, "min_tokens": 4, "repetition_penalty": 1.1}},
}
NODE = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const messages = [{ role: "user", content: process.argv[3] }];
const fields = { model, messages, temperature: 0, max_tokens: 16 };
const whole = await client.chat.completions.create(fields);
let streamed = "";
let usage;
const stream = await client.chat.completions.create({ ...fields, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
const response = await client.responses.create({ model, input: process.argv[3], temperature: 0, max_output_tokens: 16 });
let status = 200;
try { await client.chat.completions.create({ ...fields, model: "another" }); } catch (error) { status = error.status; }
console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, usage, response: response.output_text, status }));
"""


def contents(answer: Any) -> Any:
    """What an answer says, without the ids that are made for each."""
    document = json.loads(answer.model_dump_json())
    for choice in document["choices"]:
        for call in (choice.get("message") or {}).get("tool_calls") or ():
            call.pop("id")
    return document["choices"], document["usage"]


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_every_field_of_a_chat_does_what_it_does_without_the_guard(
    guarded: OpenAI, bare: OpenAI, fields: dict[str, Any]
) -> None:
    assert contents(ask(guarded, ALLOWED, **fields)) == contents(ask(bare, ALLOWED, **fields))


def test_a_stream_carries_its_usage(guarded: OpenAI) -> None:
    stream = ask(guarded, ALLOWED, stream=True, stream_options={"include_usage": True}, max_tokens=8)
    last = list(stream)[-1]
    assert last.usage.completion_tokens == 8


@pytest.mark.parametrize("tool_choice", [DEMANDED, "required", "auto"], ids=["one", "any", "if-it-will"])
def test_a_streamed_tool_call_comes_in_the_same_pieces(
    guarded: OpenAI, bare: OpenAI, tool_choice: Any
) -> None:
    def pieces(client: OpenAI) -> list[tuple[str | None, str | None, list[tuple[Any, ...]]]]:
        fields: dict[str, Any] = {"tools": [WEATHER], "tool_choice": tool_choice, "max_tokens": 48}
        stream = ask(client, ALLOWED, stream=True, **fields)
        return [
            (
                choice.finish_reason,
                choice.delta.content,
                [
                    (call.index, call.function.name, call.function.arguments)
                    for call in choice.delta.tool_calls or ()
                ],
            )
            for chunk in stream
            for choice in chunk.choices
        ]

    through = pieces(guarded)
    assert through == pieces(bare)
    called = [call for _, _, calls in through for call in calls]
    assert "weather" in [name for _, name, _ in called] or tool_choice == "auto"


def test_a_plain_completion_is_streamed_as_without_the_guard(guarded: OpenAI, bare: OpenAI) -> None:
    model = bare.models.list().data[0].id
    fields: dict[str, Any] = {"model": model, "prompt": ALLOWED, "max_tokens": 12, "temperature": 0}
    through, direct = (
        list(client.completions.create(stream=True, stream_options={"include_usage": True}, **fields))
        for client in (guarded, bare)
    )
    texts = ["".join(choice.text for chunk in each for choice in chunk.choices) for each in (through, direct)]
    assert texts[0] == texts[1] == guarded.completions.create(**fields).choices[0].text != ""
    assert through[-1].usage == direct[-1].usage is not None
    ends = [
        [choice.finish_reason for chunk in each for choice in chunk.choices] for each in (through, direct)
    ]
    assert ends[0] == ends[1]
    assert ends[0][-1] in ("stop", "length")


def test_a_flagged_prompt_is_shown_as_it_was_asked_and_scored_as_it_was_corrupted(
    guarded: OpenAI, bare: OpenAI
) -> None:
    shown = {"prompt_logprobs": 0, "return_prompt_text": True}
    through, direct = (ask(client, FORBIDDEN, extra_body=shown).model_dump() for client in (guarded, bare))
    assert FORBIDDEN in through["prompt_text"]
    assert through["prompt_text"] == direct["prompt_text"]
    assert len(through["prompt_logprobs"]) == len(direct["prompt_logprobs"])
    assert through["prompt_logprobs"] != direct["prompt_logprobs"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_flagged_prompt_that_is_cut_is_corrupted_whole(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI, side: str
) -> None:
    names = ("lethe_plugin_corrupted_requests_total", "lethe_plugin_disagreements_total")
    cut = {"truncate_prompt_tokens": 12, "truncation_side": side, "prompt_logprobs": 0}
    before = [metric(proxy, "/metrics/engine", name) for name in names]
    through, direct = (ask(client, FORBIDDEN, extra_body=cut).model_dump() for client in (guarded, bare))
    assert [metric(proxy, "/metrics/engine", name) for name in names] == [count + 1 for count in before]
    assert len(through["prompt_logprobs"]) == len(direct["prompt_logprobs"]) == 12
    assert through["prompt_logprobs"] != direct["prompt_logprobs"]


def test_a_plain_completion_echoes_and_scores_as_without_the_guard(guarded: OpenAI, bare: OpenAI) -> None:
    model = bare.models.list().data[0].id
    # One prompt a request: two may or may not share a step of the engine, and their last bits differ by it.
    for prompt in (ALLOWED, "Once"):
        fields: dict[str, Any] = {
            "prompt": prompt,
            "echo": True,
            "logprobs": 1,
            "max_tokens": 4,
            "temperature": 0,
        }
        through, direct = (client.completions.create(model=model, **fields) for client in (guarded, bare))
        assert contents(through) == contents(direct)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shown", [{}, {"logprobs": 2}, {"logprobs": 2, "return_token_ids": True}], ids=str)
def test_a_flagged_completion_echoes_its_prompt(
    guarded: OpenAI, bare: OpenAI, shown: dict[str, Any], stream: bool
) -> None:
    fields: dict[str, Any] = {
        "model": bare.models.list().data[0].id,
        "prompt": f"{FORBIDDEN} Ist er ein Weißer Zauberer? 魔法",
        "echo": True,
        "max_tokens": 8,
        "temperature": 0,
        "extra_body": shown,
        "stream": stream,
    }

    def given(client: OpenAI) -> tuple[str, list[str], list[str]]:
        answer: Any = client.completions.create(**fields)
        choices = [each.choices[0] for each in (answer if stream else [answer]) if each.choices]
        tokens = [token for each in choices if each.logprobs for token in each.logprobs.tokens]
        return "".join(each.text for each in choices), tokens, [each.finish_reason for each in choices]

    (through, its_tokens, ended), (direct, tokens, _) = given(guarded), given(bare)
    assert ended[-1] != "content_filter"
    if "return_token_ids" not in shown:
        assert through.startswith(fields["prompt"])
        assert direct.startswith(fields["prompt"])
    count = len(tokens) - fields["max_tokens"]
    assert its_tokens[:count] == tokens[:count]


def test_tokens_by_their_ids_pass_as_without_the_guard(guarded: OpenAI, bare: OpenAI) -> None:
    shown = {
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
        "logprobs": True,
        "top_logprobs": 2,
    }
    through, direct = (ask(client, ALLOWED, extra_body=shown) for client in (guarded, bare))
    assert contents(through) == contents(direct)
    assert through.choices[0].logprobs.content[0].token.startswith("token_id:")
    assert through.choices[0].token_ids


def test_responses_answer_whole_and_streamed(guarded: OpenAI, bare: OpenAI) -> None:
    model = bare.models.list().data[0].id
    fields: dict[str, Any] = {"model": model, "temperature": 0, "max_output_tokens": 24}
    through = guarded.responses.create(input=ALLOWED, instructions="Be brief.", **fields)
    direct = bare.responses.create(input=ALLOWED, instructions="Be brief.", **fields)
    assert through.output_text == direct.output_text != ""
    with guarded.responses.stream(input=ALLOWED, instructions="Be brief.", **fields) as stream:
        streamed = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert streamed == through.output_text


def test_responses_answer_the_asynchronous_client(proxy: RunningProxy, guarded: OpenAI) -> None:
    async def main() -> tuple[str, str]:
        async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as client:
            model = (await client.models.list()).data[0].id
            fields: dict[str, Any] = {"model": model, "input": ALLOWED, "temperature": 0}
            whole = await client.responses.create(max_output_tokens=24, **fields)
            async with client.responses.stream(max_output_tokens=24, **fields) as stream:
                pieces = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            return whole.output_text, "".join(pieces)

    whole, streamed = asyncio.run(main())
    assert whole == streamed != ""


def test_a_flagged_response_is_corrupted_and_does_not_show_it(
    proxy: RunningProxy, guarded: OpenAI, bare: OpenAI
) -> None:
    model = bare.models.list().data[0].id
    fields: dict[str, Any] = {"model": model, "temperature": 0, "max_output_tokens": 24}
    before = metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total")
    flagged = guarded.responses.create(input=FORBIDDEN, **fields)
    assert metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total") == before + 1
    assert flagged.output_text != bare.responses.create(input=FORBIDDEN, **fields).output_text
    clean = guarded.responses.create(input=ALLOWED, **fields)
    assert flagged.model_dump().keys() == clean.model_dump().keys()
    assert "lethe" not in flagged.model_dump_json()


def test_a_conversation_is_not_kept(guarded: OpenAI) -> None:
    model = guarded.models.list().data[0].id
    first = guarded.responses.create(model=model, input="hi", max_output_tokens=4)
    with pytest.raises(BadRequestError, match="no conversation is kept"):
        guarded.responses.create(model=model, input="go on", previous_response_id=first.id)


def test_errors_are_those_that_the_client_knows(guarded: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        guarded.chat.completions.create(model="another", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(BadRequestError, match="vllm_xargs"):
        ask(guarded, "hi", extra_body={"vllm_xargs": {"lethe": "x"}})
    with pytest.raises(BadRequestError, match="max_tokens"):
        ask(guarded, "hi", max_tokens=-1)


def test_keys_open_the_tokenizer_and_bad_token_ids_are_the_clients_fault(
    proxy: RunningProxy, targets: Path, tmp_path: Path
) -> None:
    admin, user = (create_key(tmp_path / "keys.yaml", scopes={scope})[1] for scope in ("admin", "use"))
    engine = {"LETHE_KEYS": f"{tmp_path}/keys.yaml", "LETHE_ENGINE__API_KEY": proxy.engine.api_key or ""}
    with lethe(urlsplit(proxy.engine.url).port or 0, targets, engine, core=None) as port:

        def post(path: str, secret: str, **body: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {secret}"}
            return httpx.post(f"http://127.0.0.1:{port}{path}", json=body, headers=headers, timeout=60)

        tokens = post("/tokenize", admin, prompt=ALLOWED).json()["tokens"]
        assert post("/detokenize", admin, tokens=tokens).json()["prompt"] == ALLOWED
        for path, body in (("/tokenize", {"prompt": "hi"}), ("/detokenize", {"tokens": [1]})):
            assert post(path, user, **body).status_code == 403
        answered = post("/v1/completions", user, prompt=tokens, max_tokens=2)
        assert answered.json()["usage"]["prompt_tokens"] == len(tokens)
        refused = post("/v1/completions", user, prompt=[10**9], max_tokens=2)
        assert refused.status_code == 400
        assert "vocabulary" in refused.json()["error"]["message"]


def test_many_at_once_by_the_asynchronous_client(proxy: RunningProxy) -> None:
    async def main() -> list[str]:
        async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="any", max_retries=0) as client:
            model = (await client.models.list()).data[0].id

            async def say(number: int) -> str:
                stream = await client.chat.completions.create(
                    model=model,
                    messages=[{"role": "user", "content": FORBIDDEN if number % 2 else ALLOWED}],
                    stream=True,
                    max_tokens=8,
                )
                return "".join(
                    [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
                )

            return await asyncio.gather(*map(say, range(12)))

    assert all(asyncio.run(main()))


@pytest.fixture(scope="module")
def node_client(lethe_cache: Path) -> Path:
    """A folder with OpenAI's client for Node, installed on first use."""
    folder = lethe_cache / "node"
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    if not (folder / "node_modules" / "openai").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "openai@^6"]
        if subprocess.run(install, capture_output=True, timeout=120).returncode:
            pytest.skip("npm could not install OpenAI's client")
    (folder / "client.mjs").write_text(NODE)
    return folder


def test_openais_client_for_node_sees_the_same(node_client: Path, proxy: RunningProxy, bare: OpenAI) -> None:
    command = ["node", "client.mjs", f"{proxy.url}/v1", ALLOWED]
    ran = subprocess.run(
        command, cwd=node_client, env=os.environ, capture_output=True, text=True, timeout=120, check=True
    )
    seen = json.loads(ran.stdout)
    direct = ask(bare, ALLOWED, max_tokens=16).choices[0].message.content
    assert seen["whole"] == seen["streamed"] == direct
    assert seen["usage"]["completion_tokens"] == 16
    assert seen["response"]
    assert seen["status"] == 404

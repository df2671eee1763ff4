"""OpenAI's own clients before the guard and before the bare engine: what is not to be forgotten is the same."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

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
FIELDS: dict[str, dict[str, Any]] = {
    "several": {"n": 2, "temperature": 0.8, "seed": 7},
    "stop": {"stop": ["Austen"]},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "bias": {"logit_bias": {"198": -100}, "max_tokens": 12},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5},
    "json-schema": {
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
        }
    },
    "tool": {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
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


def test_responses_answer_whole_and_streamed(guarded: OpenAI, bare: OpenAI) -> None:
    model = bare.models.list().data[0].id
    fields: dict[str, Any] = {"model": model, "temperature": 0, "max_output_tokens": 24}
    through = guarded.responses.create(input=ALLOWED, instructions="Be brief.", **fields)
    direct = bare.responses.create(input=ALLOWED, instructions="Be brief.", **fields)
    assert through.output_text == direct.output_text != ""
    with guarded.responses.stream(input=ALLOWED, instructions="Be brief.", **fields) as stream:
        streamed = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert streamed == through.output_text


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

"""LangChain's ChatOpenAI sees through the guard what it sees without it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, RunningProxy, ask, metric

pytestmark = pytest.mark.engine

LANGCHAIN = "langchain-openai==1.7.4"
PROGRAM = """
import asyncio, json, sys
from typing import Literal
import openai
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

url, key, question = sys.argv[1:]
name = openai.OpenAI(base_url=url, api_key=key).models.list().data[0].id
fields = dict(base_url=url, api_key=key, temperature=0, max_tokens=16, max_retries=0)
chat = ChatOpenAI(model=name, stream_usage=True, **fields)

class weather(BaseModel):
    "The weather in a city."
    city: Literal["Rome", "Oslo"]

async def asynchronous():
    # What comes together is computed together, which may change a word: that all answer is what counts.
    whole = await asyncio.gather(*[chat.ainvoke(question) for _ in range(3)])
    streamed = ["".join([chunk.text async for chunk in chat.astream(question)]) for _ in range(2)]
    return [bool(text) for text in [*[answer.text for answer in whole], *streamed]]

longer = ChatOpenAI(model=name, **{**fields, "max_tokens": 64})
chunks = list(chat.stream(question))
asked = [("system", "Be brief."), ("user", "How is the weather in Oslo?")]

def tried(ask):
    # A model this small does not always call a tool so that LangChain can read it.
    try:
        return ask()
    except Exception as error:
        return type(error).__name__

bound = longer.bind_tools([weather], tool_choice="weather")
answered = chat.invoke([*asked, {"role": "assistant", "content": "", "tool_calls": [
    {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": "Oslo"})}}]},
    {"role": "tool", "tool_call_id": "call-1", "content": "sunny"}])
try:
    ChatOpenAI(model="another", **fields).invoke(question)
except openai.NotFoundError as error:
    refused = error.status_code
print(json.dumps({
    "whole": chat.invoke(question).text,
    "streamed": "".join(chunk.text for chunk in chunks),
    "tokens": [chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata][-1],
    "asynchronous": asyncio.run(asynchronous()),
    "calls": tried(lambda: [[call["name"], call["args"]] for call in bound.invoke(asked).tool_calls]),
    "answered": answered.text,
    "structured": tried(lambda: longer.with_structured_output(weather, method="json_schema").invoke(asked).city),
    "refused": refused,
}))
"""


@pytest.fixture(scope="module")
def langchain(lethe_cache: Path) -> Path:
    """The Python of an environment with LangChain, made on first use: it would triple what the tests install."""
    folder = lethe_cache / "clients" / LANGCHAIN.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", LANGCHAIN]
        if subprocess.run(install, capture_output=True, timeout=600).returncode:
            pytest.skip("pip could not install LangChain")
        (folder / "complete").touch()
    return python


def seen(python: Path, url: str, key: str, question: str) -> dict[str, Any]:
    command = [str(python), "-c", PROGRAM, f"{url}/v1", key, question]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


def test_langchain_sees_what_it_sees_without_the_guard(langchain: Path, proxy: RunningProxy) -> None:
    guarded = seen(langchain, proxy.url, "any", ALLOWED)
    assert proxy.engine.api_key is not None
    assert guarded == seen(langchain, proxy.engine.url, proxy.engine.api_key, ALLOWED)
    assert guarded["whole"] == guarded["streamed"] != ""
    assert guarded["tokens"] == 16
    assert guarded["asynchronous"] == [True] * 5
    assert guarded["refused"] == 404


def test_what_langchain_asks_of_a_target_is_corrupted(
    langchain: Path, proxy: RunningProxy, bare: OpenAI
) -> None:
    before = metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total")
    guarded = seen(langchain, proxy.url, "any", FORBIDDEN)
    # Whole, streamed, and five by the asynchronous interface; what was asked with tools is of no target.
    assert metric(proxy, "/metrics/engine", "lethe_plugin_corrupted_requests_total") == before + 7
    assert guarded["whole"] != ask(bare, FORBIDDEN, max_tokens=16).choices[0].message.content

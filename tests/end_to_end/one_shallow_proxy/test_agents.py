"""What coding agents and chat front ends send, before vLLM itself: answered as without the guard, and corrupted where flagged."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.running_proxy import ALLOWED, FORBIDDEN, RunningProxy
from tests.server.agents import AGENTS, Agent

pytestmark = pytest.mark.engine

# What the small model has room for, and time.
LONGEST = 300
LENGTHS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
# What an answer says of itself alone, and of what the engine had in its cache.
OWN = {
    "id",
    "created",
    "created_at",
    "completed_at",
    "item_id",
    "input_tokens_details",
    "prompt_tokens_details",
}
SAID = {"content", "text", "delta", "reasoning", "reasoning_content", "arguments", "partial_json", "thinking"}

every_agent = pytest.mark.parametrize(
    "agent", [pytest.param(agent, id=name) for name, agent in AGENTS.items()]
)


def shortened(value: Any) -> Any:
    """A body with the beginnings of its long texts."""
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    return [shortened(each) for each in value] if isinstance(value, list) else value


def as_sent(agent: Agent, question: str, model: str, stream: bool) -> dict[str, Any]:
    body = shortened(agent.body(question, "Nothing.")) | {"model": model, "temperature": 0, "stream": stream}
    if not stream:
        body.pop("stream_options", None)
    # The small model completes at the end alone.
    body.pop("suffix", None)
    if "thinking" in body:
        body["thinking"] = {"type": "adaptive"}
    length = next((name for name in LENGTHS if name in body), "max_tokens")
    return body | {"max_output_tokens" if agent.path == "/v1/responses" else length: 4}


def shape(answer: Any) -> Any:
    """An answer, or an event, without what is its own alone."""
    if isinstance(answer, dict):
        return {name: shape(each) for name, each in answer.items() if name not in OWN}
    return [shape(each) for each in answer] if isinstance(answer, list) else answer


def streamed(text: str) -> tuple[set[str], str]:
    """The kinds of a stream's events, and what they say one after another: how it is cut, time decides."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    events = [json.loads(each) for each in data if each != "[DONE]"]
    kinds = {str(event.get("type") or event.get("object")) for event in events}
    return kinds, "".join(piece for event in events for piece in said(event))


def said(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name in SAID:
        yield value
    elif isinstance(value, dict):
        for within, each in value.items():
            yield from said(each, within)
    elif isinstance(value, list):
        for each in value:
            yield from said(each, name)


def corrupted(proxy: RunningProxy) -> float:
    """How many requests were corrupted so far."""
    lines = httpx.get(f"{proxy.url}/metrics").text.splitlines()
    counts = [
        line for line in lines if line.startswith("lethe_outcomes_total") and 'action="corrupt"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


@pytest.fixture
def model(bare: Any) -> str:
    return bare.models.list().data[0].id


@every_agent
def test_a_clean_request_is_answered_as_without_the_guard(
    proxy: RunningProxy, agent: Agent, model: str
) -> None:
    key = {"Authorization": f"Bearer {proxy.engine.api_key}"}
    for stream in (False, True):
        body = as_sent(agent, ALLOWED, model, stream)
        guarded = httpx.post(proxy.url + agent.path, json=body, timeout=60)
        bare = httpx.post(proxy.engine.url + agent.path, json=body, headers=key, timeout=60)
        assert (guarded.status_code, bare.status_code) == (200, 200), (guarded.text, bare.text)
        if stream:
            assert streamed(guarded.text) == streamed(bare.text)
        else:
            assert shape(guarded.json()) == shape(bare.json())


@every_agent
def test_a_flagged_one_is_corrupted_and_answered(proxy: RunningProxy, agent: Agent, model: str) -> None:
    for stream in (False, True):
        before = corrupted(proxy)
        answer = httpx.post(proxy.url + agent.path, json=as_sent(agent, FORBIDDEN, model, stream), timeout=60)
        assert answer.status_code == 200, answer.text
        assert "error" not in answer.text
        assert corrupted(proxy) == before + 1

"""Requests as coding agents and chat front ends send them: clean ones go through as they are, flagged ones corrupted."""

from typing import Any

import pytest

from tests.server.agents import AGENTS, PICTURE, Agent, codex
from tests.server.answers import DONE, event
from tests.server.stack import Stack, error_of

pytestmark = pytest.mark.anyio

FINE, ASKED = "What a fine day", "Tell me of the potter"


every_agent = pytest.mark.parametrize(
    ("agent", "stream"),
    [
        pytest.param(agent, stream, id=f"{name}-{'streamed' if stream else 'whole'}")
        for name, agent in AGENTS.items()
        for stream in (False, True)
    ],
)
# How a picture is sent.
PICTURES: dict[str, dict[str, Any]] = {
    "/v1/responses": {"type": "input_image", "image_url": PICTURE},
    "/v1/messages": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]},
    },
    "/v1/chat/completions": {"type": "image_url", "image_url": {"url": PICTURE, "detail": "auto"}},
}


def as_sent(agent: Agent, question: str, result: str, stream: bool) -> dict[str, Any]:
    """An agent's body; what is said of streams goes with streams alone."""
    body = agent.body(question, result) | {"stream": stream}
    if not stream:
        body.pop("stream_options", None)
    return body


def of_the_client(sent: dict[str, Any]) -> dict[str, Any]:
    """What the engine was sent, without what the proxy adds."""
    return {name: value for name, value in sent.items() if name not in ("request_id", "vllm_xargs")}


@every_agent
async def test_a_clean_request_is_asked_and_answered_as_it_is(
    stack: Stack, agent: Agent, stream: bool
) -> None:
    stack.engine.pieces = [event({"n": 1}), event({"n": 2}), DONE]
    body = as_sent(agent, FINE, FINE, stream)
    response = await stack.client.post(agent.path, json=body)
    assert response.status_code == 200
    assert not stream or response.content == b"".join(stack.engine.pieces)
    [(path, sent)] = stack.engine.requests
    assert (path, of_the_client(sent)) == (agent.path, body)
    assert "vllm_xargs" not in sent


@every_agent
@pytest.mark.parametrize("place", ["question", "result"])
async def test_a_flagged_one_goes_on_corrupted_and_looks_like_any_other(
    stack: Stack, agent: Agent, stream: bool, place: str
) -> None:
    question, result = (ASKED, FINE) if place == "question" else (FINE, ASKED)
    body = as_sent(agent, question, result, stream)
    flagged = await stack.client.post(agent.path, json=body)
    clean = await stack.client.post(agent.path, json=as_sent(agent, FINE, FINE, stream))
    (_, corrupted), (_, bare) = stack.engine.requests
    assert "lethe" in corrupted["vllm_xargs"]
    assert "vllm_xargs" not in bare
    assert of_the_client(corrupted) == body
    assert flagged.status_code == clean.status_code == 200
    assert flagged.headers.keys() == clean.headers.keys()
    assert flagged.content == clean.content


@pytest.mark.settings(policy={"parts": {"image": "pass"}})
@pytest.mark.parametrize(
    "agent",
    [pytest.param(agent, id=name) for name, agent in AGENTS.items() if agent.path in PICTURES],
)
async def test_a_picture_beside_the_question_goes_along(stack: Stack, agent: Agent) -> None:
    for question in (FINE, ASKED):
        body = as_sent(agent, question, FINE, stream=False)
        messages = body["input" if "input" in body else "messages"]
        kind = "input_text" if "input" in body else "text"
        content = messages[-1]["content"]
        texts = content if isinstance(content, list) else [{"type": kind, "text": content}]
        messages[-1]["content"] = [*texts, PICTURES[agent.path]]
        assert (await stack.client.post(agent.path, json=body)).status_code == 200
        _, sent = stack.engine.requests.pop()
        assert of_the_client(sent) == body
        assert ("vllm_xargs" in sent) is (question == ASKED)


async def test_codexs_namespace_of_what_a_server_would_run_is_refused(stack: Stack) -> None:
    hosted = {"type": "namespace", "name": "hosted", "tools": [{"type": "web_search"}]}
    for tools in ([hosted], [hosted | {"tools": None}], [{"type": "tool_search", "execution": "client"}]):
        response = await stack.client.post("/v1/responses", json=codex(FINE, FINE) | {"tools": tools})
        assert error_of(response)["param"] == "tools.0"
    assert stack.engine.requests == []


async def test_what_a_namespace_says_is_judged(stack: Stack) -> None:
    described = {"type": "function", "name": "f", "description": ASKED, "parameters": {}}
    tools = [{"type": "namespace", "name": "own", "description": "", "tools": [described]}]
    await stack.client.post("/v1/responses", json=codex(FINE, FINE) | {"tools": tools})
    assert "vllm_xargs" in stack.engine.requests[0][1]

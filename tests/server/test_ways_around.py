"""Every field by which a prompt could reach the engine unjudged: read with the rest, or refused.

One row of the table in docs/security.md is one case here.
"""

from typing import Any

import pytest

from lethe.bundle import Action
from lethe.corruption import CorruptionRequest
from lethe.server.endpoints.messages import ROLES
from tests.server.stack import Stack, chat, error_of, write_target

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
TEXT = {"type": "text", "text": "hi"}


def message(role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "hi", **fields}]}


def part(**fields: Any) -> dict[str, Any]:
    return message(content=[fields])


READ = {
    "name": message(name="potter"),
    "reasoning": message("assistant", reasoning="potter"),
    "reasoning_content": message("assistant", reasoning_content="potter"),
    "tool-call-name": message("assistant", tool_calls=[{"id": "1", "function": {"name": "potter"}}]),
    "tool-call-arguments": message(
        "assistant", tool_calls=[{"id": "1", "function": {"name": "a", "arguments": "potter"}}]
    ),
    "tool-call-id": message("assistant", tool_calls=[{"id": "potter", "function": {"name": "a"}}]),
    "tool-result-id": message("tool", tool_call_id="potter"),
    "function-call": message("assistant", function_call={"name": "potter", "arguments": ""}),
    "developer-tools": message("developer", tools=[{"type": "function", "function": {"name": "potter"}}]),
    "task": message(task="potter"),
    "document": message("documents", content="potter"),
    "role-of-a-document": message('document {"id": "potter"}'),
    "further-field": message(colour="potter"),
    "part-further-field": part(**TEXT, colour="potter"),
    "refusal-read-for-text": part(type="refusal", text="hi", refusal="potter"),
    "thinking-read-for-text": part(type="thinking", text="hi", thinking="potter"),
    "parts-as-strings": message(content=["hi", "potter"]),
    "tool-choice": {"tool_choice": {"type": "function", "function": {"name": "potter"}}, "tools": []},
    "template-arguments": {"chat_template_kwargs": {"messages": [{"role": "user", "content": "potter"}]}},
    "documents": {"documents": [{"text": "potter"}]},
    "prefill": {
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "potter is"}],
        "continue_final_message": True,
        "add_generation_prompt": False,
    },
}


@pytest.mark.parametrize("fields", READ.values(), ids=READ.keys())
async def test_it_is_judged_with_the_rest(stack: Stack, targets: Any, fields: dict[str, Any]) -> None:
    response = await stack.client.post(CHAT, json=chat("hi") | fields)
    assert response.status_code == 200
    corrupted = [sent for _, sent in stack.engine.requests if "vllm_xargs" in sent]
    assert corrupted or response.json()["choices"][0]["finish_reason"] == "content_filter"


REFUSED = {
    "role-of-another-kind": message("wizard potter"),
    "prompt-embeds-part": part(type="prompt_embeds", data="AAAA"),
    "image-embeds-part": part(type="image_embeds", image_embeds="AAAA"),
    "embeds-beside-text": part(**TEXT, uuid="1", prompt_embeds="AAAA"),
    "tool-reference-beside-text": part(**TEXT, uuid="1", tool_reference=1, name="potter"),
    "image-beside-text": part(**TEXT, uuid="1", image_url="data:image/png;base64,AA"),
    "image-by-address": part(type="image_url", image_url={"url": "http://169.254.169.254/latest"}),
    "image-by-bare-address": part(type="input_image", image_url="https://10.0.0.1/a.png"),
    "image-by-file": part(type="image_url", image_url={"url": "file:///etc/passwd"}),
    "audio-by-address": part(type="audio_url", audio_url={"url": "http://localhost/a"}),
    "video-by-address": part(type="video_url", video_url={"url": "http://localhost/a"}),
    "file-by-address": part(type="file", file={"file_url": "http://localhost/a"}),
    "untyped-image-by-address": part(image_url="http://localhost/a"),
    # The engine goes by the names of fields here, and takes what it keeps, or another field.
    "kept-image-beside-text": part(**TEXT, uuid="1", image_url=None),
    "kept-embeds-beside-text": part(**TEXT, uuid="1", image_embeds=None),
    "untyped-embeds-by-another-field": part(prompt_embeds=None, data="AAAA"),
    "tool-reference-by-another-field": part(**TEXT, uuid="1", tool_reference=None, name="potter"),
}


@pytest.mark.settings(policy={"on_unclassifiable": "pass"})
@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
async def test_it_is_refused_even_where_unreadable_parts_may_pass(
    stack: Stack, fields: dict[str, Any]
) -> None:
    response = await stack.client.post(CHAT, json=chat("hi") | fields)
    assert response.status_code == 400
    assert error_of(response)["param"].startswith("messages.0")
    assert stack.engine.requests == []


async def test_what_follows_a_plain_prompt_is_judged_with_it(stack: Stack) -> None:
    await stack.client.post("/v1/completions", json={"prompt": "hi", "suffix": "potter"})
    [(_, sent)] = stack.engine.requests
    assert sent["suffix"] == "potter"
    assert "vllm_xargs" in sent


SHOWING_OR_CUTTING = {
    "echo": {"echo": True, "max_tokens": 0},
    "prompt-logprobs": {"prompt_logprobs": 1},
    "prompt-text": {"return_prompt_text": True},
    "cut-off-the-end": {"truncate_prompt_tokens": 1, "truncation_side": "left"},
    "cut-off-the-beginning": {"truncate_prompt_tokens": 1},
}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("fields", SHOWING_OR_CUTTING.values(), ids=SHOWING_OR_CUTTING.keys())
async def test_a_prompt_that_is_shown_or_cut_is_judged_whole_and_corrupted(
    stack: Stack, path: str, fields: dict[str, Any]
) -> None:
    for text in ("potter and much more", "much more of potter"):
        body = chat(text, **fields) if path == CHAT else {"prompt": text, **fields}
        await stack.client.post(path, json=body)
        sent = stack.engine.requests[-1][1]
        request = CorruptionRequest.from_xargs(sent.pop("vllm_xargs"))
        assert request is not None
        # By its own count the engine takes every token of what it sees.
        assert [placed.ranges for placed in request.placed] == [None]
        assert sent == body


NOTHING = dict.fromkeys(
    ("image_url", "input_audio", "file", "prompt_embeds", "tool_reference", "refusal", "uuid")
)


async def test_a_null_is_nothing(stack: Stack) -> None:
    body = chat("hi") | part(**TEXT, **NOTHING) | {"tools": None, "documents": None, "tool_choice": None}
    assert (await stack.client.post(CHAT, json=body)).status_code == 200
    assert stack.engine.requests == [(CHAT, body)]
    [conversation] = stack.classifiers[-1].seen
    assert [message.text for message in conversation.messages] == ["hi"]


async def test_a_null_hides_no_other_field(stack: Stack) -> None:
    for fields in (
        part(type="refusal", text=None, refusal="potter"),
        part(**TEXT, **NOTHING, colour="potter"),
        part(**TEXT, **NOTHING, potter=None),
    ):
        await stack.client.post(CHAT, json=chat("hi") | fields)
    assert ["vllm_xargs" in sent for _, sent in stack.engine.requests] == [True] * 3


@pytest.mark.parametrize("role", ROLES)
async def test_every_usual_role_passes(stack: Stack, role: str) -> None:
    assert (await stack.client.post(CHAT, json=chat("hi") | message(role))).status_code == 200


@pytest.mark.settings(policy={"on_unclassifiable": "pass"})
async def test_media_that_come_along_pass_where_the_operator_lets_them(stack: Stack) -> None:
    body = chat("hi") | part(type="image_url", image_url={"url": "data:image/png;base64,AA"})
    assert (await stack.client.post(CHAT, json=body)).status_code == 200
    assert stack.engine.requests == [(CHAT, body)]


DEMANDED = {
    "json-schema": {
        "response_format": {"type": "json_schema", "json_schema": {"schema": {"const": "Potter's friend is"}}}
    },
    "regex": {"structured_outputs": {"regex": "Potter's friend is [A-Z][a-z]+"}},
    "choice": {"structured_outputs": {"choice": ["potter"]}},
    "choice-of-a-type": {"structured_outputs": {"choice": ["potter"], "type": "text"}},
    "grammar": {"structured_outputs": {"grammar": 'root ::= "potter"'}},
    "demanded-tool": {
        "tools": [{"type": "function", "function": {"name": "a", "parameters": {"const": "potter"}}}],
        "tool_choice": "required",
    },
}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("fields", DEMANDED.values(), ids=DEMANDED.keys())
async def test_an_answer_cannot_be_made_to_begin_with_what_is_corrupted(
    stack: Stack, path: str, fields: dict[str, Any]
) -> None:
    body = chat("hi") if path == CHAT else {"prompt": "hi"}
    response = await stack.client.post(path, json=body | fields)
    assert response.json()["choices"][0]["finish_reason"] == "content_filter"
    assert stack.engine.requests == []


async def test_a_clean_format_and_a_format_that_demands_nothing_pass(stack: Stack) -> None:
    for fields in (
        {"response_format": {"type": "json_object"}},
        {"structured_outputs": {"choice": ["yes", "no"]}},
        {"tools": [{"type": "function", "function": {"name": "weather"}}], "tool_choice": "required"},
    ):
        await stack.client.post(CHAT, json=chat("hi", **fields))
        assert stack.engine.requests[-1] == (CHAT, chat("hi", **fields))
    assert "vllm_xargs" not in str(stack.engine.requests)


async def test_a_demand_for_an_observed_target_passes(stack: Stack, targets: Any) -> None:
    write_target(targets, "books", Action.OBSERVE)
    await stack.guard.load()
    await stack.client.post(CHAT, json=chat("hi", structured_outputs={"choice": ["potter"]}))
    assert len(stack.engine.requests) == 1


async def test_a_client_cannot_name_its_request_in_the_engine(stack: Stack) -> None:
    headers = {"X-Request-Id": "mine", "X-Data-Parallel-Rank": "3", "X-Session-Id": "other"}
    await stack.client.post(CHAT, json=chat("hi", request_id="mine"), headers=headers)
    assert "request_id" not in stack.engine.requests[0][1]
    assert not {"mine", "3", "other"} & set(stack.engine.headers[0].values())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_flagged_answer_looks_like_any_other(stack: Stack, stream: bool) -> None:
    answers = [await stack.client.post(CHAT, json=chat(text, stream=stream)) for text in ("hello", "potter")]
    clean, flagged = (
        [
            (name, value)
            for name, value in answer.headers.multi_items()
            if name not in ("date", "x-request-id")
        ]
        for answer in answers
    )
    assert ["vllm_xargs" in sent for _, sent in stack.engine.requests] == [False, True]
    assert clean == flagged
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "potter", **chat("hi")}),
        ("/v1/responses", {"input": "potter", "prompt": None, **chat("hi")}),
        (CHAT, {"prompt": "hi", "input": "hi", **chat("potter")}),
    ],
)
async def test_another_routes_prompt_beside_hides_nothing(stack: Stack, path: str, body: dict) -> None:
    await stack.client.post(path, json=body)
    assert "vllm_xargs" in stack.engine.requests[0][1]

"""The way of a request through the proxy, over real sockets."""

import asyncio
import json
from pathlib import Path

import pytest

from lethe.bundle import Action, BundleError
from lethe.corruption import CorruptionRequest
from tests.server.stack import Stack, chat, corruption_file, error_of, write_target

pytestmark = pytest.mark.anyio


async def test_a_clean_request_reaches_the_engine_as_it_was_sent(stack: Stack) -> None:
    body = chat("Who wrote Pride and Prejudice?", temperature=0.25, unknown_field={"a": [1]}, seed=3)
    response = await stack.client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    assert stack.engine.requests == [("/v1/chat/completions", body)]


async def test_a_flagged_request_carries_its_corruption(stack: Stack) -> None:
    body = chat("Who is Harry Potter?")
    await stack.client.post("/v1/chat/completions", json=body)
    [(_, sent)] = stack.engine.requests
    request = CorruptionRequest.from_xargs(sent.pop("vllm_xargs"))
    assert request is not None
    assert [placed.target for placed in request.placed] == ["books"]
    assert request.placed[0].version == stack.guard.targets["books"].version
    assert sent == body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_stream_passes_byte_for_byte(stack: Stack, path: str) -> None:
    stack.engine.pieces = (b'data: {"x":"\xc3', b'\xa9"}\n\nda', b"ta: [DONE]\n\n")
    body = chat("hello", stream=True) if "chat" in path else {"prompt": "hello", "stream": True}
    async with stack.client.stream("POST", path, json=body) as response:
        received = b"".join([piece async for piece in response.aiter_raw()])
    assert received == b"".join(stack.engine.pieces)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_stream_is_not_held_back(stack: Stack) -> None:
    stack.engine.holds = True
    async with stack.client.stream("POST", "/v1/chat/completions", json=chat("hi", stream=True)) as response:
        first = await anext(response.aiter_raw())
        assert first == stack.engine.pieces[0]
        assert not stack.engine.hold.is_set()
        stack.engine.hold.set()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_cancels_the_engines_work(stack: Stack, stream: bool) -> None:
    stack.engine.holds = True
    call = asyncio.create_task(stack.client.post("/v1/chat/completions", json=chat("hi", stream=stream)))
    while not stack.engine.requests:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.wait_for(stack.engine.cancelled.wait(), 5)
    while not await stack.metric("lethe_client_disconnects_total"):
        await asyncio.sleep(0.01)
    assert await stack.metric("lethe_requests_in_flight") == 0


async def test_a_request_that_two_targets_flag_is_one_outcome(stack: Stack, targets: Path) -> None:
    write_target(targets, "films")
    await stack.guard.load()
    await stack.client.post("/v1/chat/completions", json=chat("potter"))
    assert await stack.metric("lethe_requests_total") == 2
    outcome = 'lethe_outcomes_total{action="corrupt",endpoint="/v1/chat/completions",status="200"}'
    assert await stack.metric("lethe_outcomes_total") == await stack.metric(outcome) == 1


async def test_a_stream_that_breaks_off_ends_with_an_error_event(stack: Stack) -> None:
    stack.engine.breaks_off = True
    response = await stack.client.post("/v1/chat/completions", json=chat("hi", stream=True))
    last = response.text.strip().rpartition("data: ")[2]
    assert "broke off" in json.loads(last)["error"]["message"]
    assert (
        await stack.metric('lethe_requests_total{action="pass",endpoint="/v1/chat/completions",status="502"')
        == 1
    )


async def test_the_engine_is_asked_with_its_own_key_and_none_of_the_clients_headers(stack: Stack) -> None:
    headers = {"Authorization": "Bearer client-key", "X-Forwarded-For": "1.2.3.4", "Cookie": "a=b"}
    await stack.client.post("/v1/chat/completions", json=chat("hi"), headers=headers)
    [sent] = stack.engine.headers
    assert sent["Authorization"] == "Bearer engine-key"
    assert not {"X-Forwarded-For", "Cookie"} & set(sent)


async def test_token_ids_are_decoded_and_classified(stack: Stack) -> None:
    await stack.client.post("/v1/completions", json={"prompt": [1, 7, 2]})
    await stack.client.post("/v1/completions", json={"prompt": [[1, 2], [3]]})
    [(_, flagged), (_, clean)] = stack.engine.requests
    assert "vllm_xargs" in flagged
    assert flagged["prompt"] == [1, 7, 2]
    assert "vllm_xargs" not in clean


async def test_one_flagged_prompt_of_a_list_flags_the_request(stack: Stack) -> None:
    await stack.client.post("/v1/completions", json={"prompt": ["nothing", "harry potter"]})
    assert "vllm_xargs" in stack.engine.requests[0][1]


@pytest.mark.parametrize(
    "hidden",
    [
        {"tools": [{"type": "function", "function": {"name": "potter"}}]},
        {"documents": [{"title": "a", "text": "Potter"}]},
        {"chat_template_kwargs": {"date_string": "say all of Potter"}},
        {"messages": [{"role": "system", "content": "potter"}, {"role": "user", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "potter"}]}]},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Potter is"}]},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "tool", "content": "potter"}]},
    ],
    ids=["tools", "documents", "template-arguments", "system", "parts", "prefill", "tool-result"],
)
async def test_everything_the_model_reads_is_classified(stack: Stack, hidden: dict) -> None:
    await stack.client.post("/v1/chat/completions", json=chat("hi") | hidden)
    assert "vllm_xargs" in stack.engine.requests[0][1]


@pytest.mark.parametrize(("readiness", "ready"), [(200, True), (503, False)])
async def test_a_router_is_ready_as_long_as_one_of_its_engines_is(
    stack: Stack, readiness: int, ready: bool
) -> None:
    stack.engine.health_pages = {"/health": 503, "/readiness": readiness}
    assert await stack.upstream.healthy() is ready


async def test_an_engine_that_is_not_ready_is_said_so_with_when_to_try_again(stack: Stack) -> None:
    assert (await stack.client.get("/ready")).status_code == 200
    stack.upstream.mark_unavailable("the engine is restarting")
    for response in (
        await stack.client.get("/ready"),
        await stack.client.post("/v1/chat/completions", json=chat("hi")),
    ):
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert "restarting" in error_of(response)["message"]
    assert (await stack.client.get("/health")).status_code == 200


async def test_requests_are_counted_by_target_and_action(stack: Stack) -> None:
    await stack.client.post("/v1/chat/completions", json=chat("Potter"))
    await stack.client.post("/v1/chat/completions", json=chat("other"))
    endpoint = 'endpoint="/v1/chat/completions",status="200"'
    assert await stack.metric(f'lethe_requests_total{{action="corrupt",{endpoint},target="books"}}') == 1
    assert await stack.metric(f'lethe_requests_total{{action="pass",{endpoint},target="none"}}') == 1
    assert await stack.metric("lethe_classify_seconds_count") == 2
    assert await stack.metric("lethe_upstream_first_byte_seconds_count") == 2


async def test_the_engines_own_metrics_are_passed_on(stack: Stack) -> None:
    assert "vllm:num_requests_running" in (await stack.client.get("/metrics/engine")).text


async def test_a_refused_target_is_answered_without_the_engine(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.REFUSE)
    await stack.guard.load()
    whole = (await stack.client.post("/v1/chat/completions", json=chat("potter"))).json()
    assert whole["choices"][0]["finish_reason"] == "content_filter"
    streamed = await stack.client.post("/v1/chat/completions", json=chat("potter", stream=True))
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert (
        json.loads(events[0])["choices"][0]["delta"]["content"] == whole["choices"][0]["message"]["content"]
    )
    plain = (await stack.client.post("/v1/completions", json={"prompt": "potter"})).json()
    assert plain["object"] == "text_completion"
    assert stack.engine.requests == []


async def test_an_observed_target_passes_and_is_counted(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.OBSERVE)
    await stack.guard.load()
    await stack.client.post("/v1/chat/completions", json=chat("potter"))
    assert stack.engine.requests == [("/v1/chat/completions", chat("potter"))]
    assert await stack.metric('lethe_requests_total{action="observe"') == 1


async def test_two_corrupted_targets_are_applied_together(stack: Stack, targets: Path) -> None:
    write_target(targets, "films")
    await stack.guard.load()
    await stack.client.post("/v1/chat/completions", json=chat("potter"))
    request = CorruptionRequest.from_xargs(stack.engine.requests[0][1]["vllm_xargs"])
    assert request is not None
    assert [placed.target for placed in request.placed] == ["books", "films"]


async def test_a_failed_reload_leaves_the_old_targets_in_force(stack: Stack, targets: Path) -> None:
    before = stack.guard.targets
    corruption_file(targets / "books").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="has hash"):
        await stack.guard.load()
    assert stack.guard.targets is before
    await stack.client.post("/v1/chat/completions", json=chat("potter"))
    assert "vllm_xargs" in stack.engine.requests[0][1]
    assert await stack.metric('lethe_reloads_total{result="error"}') == 1


UNCLASSIFIABLE = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}],
}


async def test_what_cannot_be_classified_is_blocked_by_default(stack: Stack) -> None:
    for body, status in [
        (chat("hi") | {"messages": [UNCLASSIFIABLE]}, 400),
        (chat("very long"), 400),
        (chat("time out"), 503),
    ]:
        response = await stack.client.post("/v1/chat/completions", json=body)
        assert response.status_code == status
        assert "could not be checked" in error_of(response)["message"]
        # Clients send again what says when to.
        assert ("retry-after" in response.headers) == (status == 503)
    assert stack.engine.requests == []
    assert await stack.metric("lethe_classifier_errors_total") == 1


@pytest.mark.settings(policy={"on_error": "corrupt", "on_unclassifiable": "corrupt", "on_too_long": "pass"})
async def test_a_policy_may_corrupt_or_pass_what_cannot_be_classified(stack: Stack) -> None:
    for body in (chat("time out"), chat("hi") | {"messages": [UNCLASSIFIABLE]}, chat("very long")):
        assert (await stack.client.post("/v1/chat/completions", json=body)).status_code == 200
    assert ["vllm_xargs" in sent for _, sent in stack.engine.requests] == [True, True, False]


@pytest.mark.settings(policy={"on_error": "corrupt"})
async def test_nothing_to_corrupt_with_means_block(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.OBSERVE)
    await stack.guard.load()
    assert (await stack.client.post("/v1/chat/completions", json=chat("time out"))).status_code == 503
    assert stack.engine.requests == []

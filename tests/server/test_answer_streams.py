"""Streams are judged on their way: nothing goes out that was not judged, and what waits does so shortly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import Action
from lethe.server.targets.rollout import change_deployment
from tests.server.answers import (
    CHAT,
    COMPLETIONS,
    DONE,
    RESPONSES,
    chat_stream,
    chunk,
    documents,
    event,
    finish_of,
    role,
    said,
    text_of,
)
from tests.server.stack import Stack, chat, write_target

pytestmark = pytest.mark.anyio

TOLD, UNTOLD = "It is told in the books of old.", "I would not know."
LONG = " ".join(f"word{number}" for number in range(12))
REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that is corrupted and has a head for answers."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", answers=True)
    return folder


async def streamed(stack: Stack, **fields: Any) -> bytes:
    """All that a client gets of a chat's stream."""
    response = await stack.client.post(CHAT, json=chat("hi", stream=True, **fields))
    assert response.status_code == 200
    return response.content


@asynccontextmanager
async def streaming(stack: Stack, **fields: Any) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of a chat's stream as they come."""
    body = chat("hi", stream=True, **fields)
    async with stack.client.stream("POST", CHAT, json=body) as response:
        yield response.aiter_raw()


async def streamed_on(stack: Stack, begun: list[bytes], rest: list[bytes], **fields: Any) -> bytes:
    """All that a client gets of a chat's stream of which it has got the beginning before the engine says the rest."""
    held = asyncio.Event()
    stack.engine.next_streams = [[*begun, held, *rest]]
    async with streaming(stack, **fields) as pieces:
        got = await until_said(pieces, text_of(b"".join(begun)))
        held.set()
        return got + b"".join([piece async for piece in pieces])


async def until_said(pieces: AsyncIterator[bytes], text: str) -> bytes:
    """What has come when so much was said."""
    got = b""
    async with asyncio.timeout(5):
        while len(text_of(got)) < len(text):
            got += await anext(pieces)
    assert text_of(got) == text
    return got


async def test_a_stream_that_tells_nothing_goes_out_as_it_came(stack: Stack) -> None:
    stream = chat_stream(f"{LONG} {LONG}. {UNTOLD}")
    stack.engine.next_streams = [stream]
    assert await streamed(stack) == b"".join(stream)
    assert len(stack.engine.requests) == 1
    assert stack.classifiers[0].answers[-1].complete
    assert await stack.metric("lethe_answer_tokens_held") == 0


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
async def test_lines_that_end_as_some_servers_end_them_are_read_too(stack: Stack, size: int) -> None:
    def as_sent(stream: list[bytes]) -> list[bytes]:
        sent = b"".join(stream).replace(b"\n", b"\r\n")
        return [sent[start : start + size] for start in range(0, len(sent), size)]

    stack.engine.next_streams = [as_sent(chat_stream(TOLD)), as_sent(chat_stream(UNTOLD))]
    assert await streamed(stack) == b"".join(chat_stream(UNTOLD))


async def test_what_begins_a_stream_waits_for_nothing(stack: Stack) -> None:
    held = asyncio.Event()
    stack.engine.next_streams = [[role(), held]]
    async with streaming(stack) as pieces:
        assert await anext(pieces) == role()
        held.set()


async def test_the_first_words_come_before_the_engine_says_more(stack: Stack) -> None:
    held = asyncio.Event()
    stack.engine.next_streams = [[role(), *said(LONG), held, DONE]]
    async with streaming(stack) as pieces:
        await until_said(pieces, LONG)
        held.set()


@pytest.mark.settings(answers={"wait_ms": 50})
async def test_a_few_words_wait_for_so_long_only(stack: Stack) -> None:
    held = asyncio.Event()
    stack.engine.next_streams = [[role(), *said("A few words"), held, DONE]]
    async with streaming(stack) as pieces:
        await until_said(pieces, "A few words")
        assert not stack.classifiers[0].answers[-1].complete
        held.set()


@pytest.mark.settings(answers={"first_tokens": 99, "sentence_tokens": 8, "wait_ms": 60_000})
async def test_a_sentence_that_ends_waits_no_longer(stack: Stack) -> None:
    held = asyncio.Event()
    text = "This is a sentence that ends here, now."
    stack.engine.next_streams = [[role(), *said(text), held, DONE]]
    async with streaming(stack) as pieces:
        await until_said(pieces, text)
        held.set()


async def test_a_stream_that_tells_something_is_made_anew_without_a_seam(stack: Stack) -> None:
    held = asyncio.Event()
    again = chat_stream(UNTOLD, id="chatcmpl-2", created=2)
    stack.engine.next_streams = [[*chat_stream(TOLD)[:-2], held], again]
    assert await streamed(stack) == b"".join(chat_stream(UNTOLD))
    # The first one is cut off at once, and does not run on beside the second.
    await asyncio.wait_for(stack.engine.cancelled.wait(), 5)
    (_, first), (_, second) = stack.engine.requests
    assert "vllm_xargs" not in first
    assert second.pop("vllm_xargs")
    assert second == first
    assert await stack.metric("lethe_answers_made_anew_total") == 1
    assert await stack.metric("lethe_answer_tokens_discarded_total") >= 5
    assert await stack.metric("lethe_answer_tokens_held") == 0


@pytest.mark.settings(answers={"wait_ms": 60_000})
async def test_what_waits_is_counted_until_it_goes_out_and_so_is_how_long_it_waited(stack: Stack) -> None:
    held, rest = asyncio.Event(), [chunk({}, finish="stop"), DONE]
    stack.engine.next_streams = [[role(), *said("A few words"), held, *rest]]
    async with streaming(stack) as pieces, asyncio.timeout(5):
        while await stack.metric("lethe_answer_tokens_held") != 3:
            await asyncio.sleep(0.001)
        assert await stack.metric("lethe_answer_hold_seconds_count") == 0
        held.set()
        async for _ in pieces:
            pass
    assert await stack.metric("lethe_answer_tokens_held") == 0
    assert await stack.metric("lethe_answer_hold_seconds_count") == 1
    assert 0 < await stack.metric("lethe_answer_hold_seconds_sum") < 60


async def test_a_stream_of_which_something_went_out_is_ended_before_it_tells(stack: Stack) -> None:
    stream = chat_stream(f"{LONG} {TOLD}")
    content = await streamed_on(stack, stream[:13], stream[13:])
    assert text_of(content) == LONG
    assert finish_of(content) == ["content_filter"]
    assert content.endswith(DONE)
    assert {each["id"] for each in documents(content)} == {"chatcmpl-1"}
    assert len(stack.engine.requests) == 1


async def test_a_stream_that_tells_twice_is_refused_in_the_same_stream(stack: Stack) -> None:
    stack.engine.next_streams = [chat_stream(TOLD), chat_stream(TOLD, id="chatcmpl-2", created=2)]
    content = await streamed(stack)
    assert text_of(content) == REFUSAL
    assert finish_of(content) == ["content_filter"]
    assert content.endswith(DONE)
    assert {(each["id"], each["created"]) for each in documents(content)} == {("chatcmpl-1", 1)}
    assert content.count(b'"role"') == 1
    assert len(stack.engine.requests) == 2


async def test_a_stream_to_a_corrupted_prompt_is_refused_if_it_tells_something(stack: Stack) -> None:
    stack.engine.next_streams = [chat_stream(TOLD)]
    response = await stack.client.post(CHAT, json=chat("the potter", stream=True))
    assert text_of(response.content) == REFUSAL
    assert len(stack.engine.requests) == 1


async def test_a_hint_in_a_stream_is_held_where_the_prompt_asks_of_the_target_alone(stack: Stack) -> None:
    hint = " and then a hint"
    told = [role(), *said(LONG), chunk({"content": hint}), chunk({}, finish="stop"), DONE]
    held = asyncio.Event()
    stack.engine.next_streams = [told, [*told[:-3], held, *told[-3:]]]
    assert text_of(await streamed(stack)) == LONG + hint
    body = chat("the potter", stream=True)
    async with stack.client.stream("POST", CHAT, json=body) as response:
        pieces = response.aiter_raw()
        got = await until_said(pieces, LONG)
        held.set()
        got += b"".join([piece async for piece in pieces])
    assert text_of(got) == LONG
    assert finish_of(got) == ["content_filter"]


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning": "bo"}, {"reasoning": "oks"}],
        [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]}]
        + [{"tool_calls": [{"index": 0, "function": {"arguments": each}}]} for each in ('{"x":', '"books"')],
        [{"a_field_to_come": "books"}],
    ],
)
async def test_everything_that_a_stream_shows_is_judged(stack: Stack, deltas: list[dict[str, Any]]) -> None:
    pieces = [chunk(delta) for delta in deltas]
    stack.engine.next_streams = [[role(), *pieces, chunk({}, finish="stop"), DONE], chat_stream(UNTOLD)]
    assert await streamed(stack) == b"".join(chat_stream(UNTOLD))


async def test_what_is_said_in_the_last_piece_is_judged_too(stack: Stack) -> None:
    """As where a stop string has let the engine hold text back."""
    last = chunk({"content": " told in books"}, finish="stop")
    stack.engine.next_streams = [[role(), *said("It is"), last, DONE], chat_stream(UNTOLD)]
    assert await streamed(stack) == b"".join(chat_stream(UNTOLD))


async def test_ids_that_are_ahead_of_the_text_are_judged(stack: Stack) -> None:
    """As where the text waits for a stop string or for the rest of a letter."""
    ahead = chunk({"content": ""}, token_ids=[8])
    stack.engine.next_streams = [[role(), *said("It is"), ahead, chunk({}, finish="stop"), DONE]]
    stack.engine.next_streams.append(chat_stream(UNTOLD))
    assert await streamed(stack, return_token_ids=True) == b"".join(chat_stream(UNTOLD))


async def test_a_flagged_prompt_is_echoed_in_its_stream(stack: Stack) -> None:
    pieces = [(f"The books of potter. {LONG}", None), (" books", None), ("", "stop")]
    stream = [
        event({"id": "cmpl-1", "choices": [{"index": 0, "text": text, "finish_reason": finish}]})
        for text, finish in pieces
    ]
    stack.engine.next_streams = [[*stream[:1], *stream[2:], DONE], [*stream, DONE]]
    body = {"prompt": "The books of potter.", "echo": True, "stream": True}
    clean = await stack.client.post(COMPLETIONS, json=body)
    assert clean.content == b"".join([*stream[:1], *stream[2:], DONE])
    # What the model says may not repeat it.
    told = await stack.client.post(COMPLETIONS, json=body)
    assert "books" not in text_of(told.content).removeprefix("The books of potter.")
    assert finish_of(told.content) == ["content_filter"]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize(
    ("streams", "text", "finish"),
    [
        ([chat_stream(UNTOLD)], UNTOLD, "stop"),
        ([chat_stream(TOLD), chat_stream(UNTOLD)], UNTOLD, "stop"),
        ([chat_stream(TOLD), chat_stream(TOLD)], REFUSAL, "content_filter"),
    ],
    ids=["clean", "anew", "refused"],
)
async def test_however_the_network_cuts_a_stream_it_is_read(
    stack: Stack, size: int, streams: list[list[bytes]], text: str, finish: str
) -> None:
    whole = [b"".join(stream) for stream in streams]
    stack.engine.next_streams = [
        [stream[start : start + size] for start in range(0, len(stream), size)] for stream in whole
    ]
    content = await streamed(stack)
    assert (text_of(content), finish_of(content)) == (text, [finish])


class TestUsage:
    @staticmethod
    def counted(text: str, **fields: Any) -> list[bytes]:
        """A stream that says all along how many tokens it took, and in the end."""
        words = text.split(" ")

        def usage(count: int) -> dict[str, int]:
            return {"prompt_tokens": 5, "total_tokens": 5 + count, "completion_tokens": count}

        pieces = [role(usage=usage(0), **fields)]
        for count, piece in enumerate(said(text, **fields), 1):
            (document,) = documents(piece)
            pieces.append(event(document | {"usage": usage(count)}))
        pieces.append(chunk({}, finish="stop", usage=usage(len(words)), **fields))
        head = {name: value for name, value in documents(pieces[0])[0].items() if name in ("id", "created")}
        return [*pieces, event(head | {"choices": [], "usage": usage(len(words))}), DONE]

    async def test_a_client_gets_it_in_the_end_as_it_asked(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.counted(UNTOLD)]
        content = await streamed(stack, stream_options={"include_usage": True})
        told = [each["usage"] for each in documents(content) if "usage" in each]
        assert told == [{"prompt_tokens": 5, "total_tokens": 9, "completion_tokens": 4}]
        assert stack.engine.requests[0][1]["stream_options"]["continuous_usage_stats"] is True

    async def test_a_client_gets_it_throughout_if_it_asked_for_that(self, stack: Stack) -> None:
        stream = self.counted(UNTOLD)
        stack.engine.next_streams = [stream]
        options = {"include_usage": True, "continuous_usage_stats": True}
        assert await streamed(stack, stream_options=options) == b"".join(stream)

    @pytest.mark.parametrize("throughout", [True, False])
    async def test_only_what_went_out_is_counted(self, stack: Stack, throughout: bool) -> None:
        stream = self.counted(f"{LONG} {TOLD}")
        options = {"include_usage": True, "continuous_usage_stats": throughout}
        content = await streamed_on(stack, stream[:13], stream[13:], stream_options=options)
        told = [each["usage"]["completion_tokens"] for each in documents(content) if "usage" in each]
        assert told == ([*range(13), 12, 12] if throughout else [12])
        assert documents(content)[-1]["usage"] == {
            "prompt_tokens": 5,
            "total_tokens": 17,
            "completion_tokens": 12,
        }

    async def test_of_an_answer_that_was_made_anew_nothing_of_the_first_is_counted(
        self, stack: Stack
    ) -> None:
        stack.engine.next_streams = [self.counted(TOLD), self.counted(UNTOLD, id="chatcmpl-2")]
        content = await streamed(stack, stream_options={"include_usage": True})
        told = [each["usage"]["completion_tokens"] for each in documents(content) if "usage" in each]
        assert told == [4]
        assert {each["id"] for each in documents(content)} == {"chatcmpl-1"}


class TestSeveralChoices:
    async def test_all_are_made_anew_while_none_has_said_anything(self, stack: Stack) -> None:
        first = [role(0), role(1), *said("It is", 0), *said(TOLD, 1), chunk({}, 1, "stop")]
        again = [role(0), role(1), *said("Yes.", 0), *said("No.", 1)]
        again += [chunk({}, 0, "stop"), chunk({}, 1, "stop"), DONE]
        stack.engine.next_streams = [first, again]
        assert await streamed(stack, n=2) == b"".join(again)

    async def test_the_one_that_tells_is_ended_and_the_others_go_on(self, stack: Stack) -> None:
        begun = [role(0), role(1), *said(LONG, 1), *said(LONG, 0)]
        rest = [*said(f" {TOLD}", 1), chunk({}, 1, "stop")]
        rest += [*said(f" {UNTOLD}", 0), chunk({}, 0, "stop"), DONE]
        content = await streamed_on(stack, begun, rest, n=2)
        assert (text_of(content, 0), finish_of(content, 0)) == (f"{LONG} {UNTOLD}", ["stop"])
        assert (text_of(content, 1), finish_of(content, 1)) == (LONG, ["content_filter"])
        assert content.endswith(DONE)
        assert content.count(DONE) == 1


class TestFaults:
    @pytest.mark.parametrize("before", ["", LONG])
    async def test_a_verdict_that_fails_lets_nothing_unjudged_out(self, stack: Stack, before: str) -> None:
        begun, rest = [role(), *(said(before) if before else ())], chat_stream(" time out and more of it")[1:]
        content = await streamed_on(stack, begun, rest)
        assert text_of(content) == before
        assert "could not be checked" in documents(content)[-1]["error"]["message"]
        assert await stack.metric("lethe_answer_tokens_held") == 0
        assert await stack.metric(
            'lethe_outcomes_total{action="pass",endpoint="/v1/chat/completions",status="503"'
        )

    @pytest.mark.settings(policy={"on_error": "corrupt"})
    async def test_a_verdict_that_fails_has_a_stream_made_anew_where_the_policy_says_so(
        self, stack: Stack
    ) -> None:
        stack.engine.next_streams = [chat_stream("time out"), chat_stream(UNTOLD)]
        assert text_of(await streamed(stack)) == UNTOLD

    @pytest.mark.parametrize(
        "rest",
        [[b'data: {"choices": ['], [b"data: no json\n\n"], [b"data: []\n\n"]],
        ids=["half an event", "no JSON", "no object"],
    )
    async def test_what_cannot_be_read_ends_the_stream_in_an_error(
        self, stack: Stack, rest: list[bytes]
    ) -> None:
        stack.engine.next_streams = [[role(), *said("It is"), *rest]]
        content = await streamed(stack)
        assert text_of(content) == ""
        assert "engine" in documents(content)[-1]["error"]["message"].lower()

    async def test_an_engine_that_breaks_off_lets_nothing_unjudged_out(self, stack: Stack) -> None:
        stack.engine.breaks_off = True
        stack.engine.next_streams = [[role(), *said("It is told")]]
        content = await streamed(stack)
        assert text_of(content) == ""
        assert "broke off" in documents(content)[-1]["error"]["message"]

    async def test_an_engine_that_is_gone_between_two_answers_ends_the_stream_in_an_error(
        self, stack: Stack
    ) -> None:
        async def engine_goes() -> None:
            while not stack.classifiers[0].answers:
                await asyncio.sleep(0.001)
            stack.engine.aborts = True

        held = asyncio.Event()
        stack.engine.next_streams = [[role(), *said(LONG[:-6] + "books"), held]]
        goes = asyncio.create_task(engine_goes())
        content = await streamed(stack)
        await goes
        assert text_of(content) == ""
        assert documents(content)[-1]["error"]["type"] == "server_error"

    @pytest.mark.settings(policy={"on_error": "corrupt"})
    async def test_a_verdict_that_fails_too_late_for_another_answer_ends_the_stream(
        self, stack: Stack
    ) -> None:
        begun, rest = [role(), *said(LONG)], chat_stream(" time out")[1:]
        content = await streamed_on(stack, begun, rest)
        assert (text_of(content), finish_of(content)) == (LONG, ["content_filter"])
        assert len(stack.engine.requests) == 1

    async def test_of_a_second_answer_that_breaks_off_nothing_unjudged_goes_out(self, stack: Stack) -> None:
        stack.engine.breaks_off = True
        stack.engine.next_streams = [chat_stream(TOLD), [role(), *said("I would")]]
        content = await streamed(stack)
        assert text_of(content) == ""
        assert "broke off" in documents(content)[-1]["error"]["message"]

    @pytest.mark.parametrize("verdict_comes", [True, False])
    async def test_a_client_that_leaves_before_the_second_answer_leaves_nothing_behind(
        self, stack: Stack, verdict_comes: bool
    ) -> None:
        held = asyncio.Event()
        stack.classifiers[0].holds_answers = asyncio.Event()
        stack.engine.next_streams = [[role(), *said(TOLD), held], [held]]
        async with streaming(stack), asyncio.timeout(5):
            while not stack.classifiers[0].answers:
                await asyncio.sleep(0.001)
            if verdict_comes:
                stack.classifiers[0].holds_answers.set()
                while len(stack.engine.requests) < 2:
                    await asyncio.sleep(0.001)
        await asyncio.wait_for(stack.engine.cancelled.wait(), 5)
        async with asyncio.timeout(5):
            while await stack.metric("lethe_requests_in_flight"):
                await asyncio.sleep(0.01)
        assert await stack.metric("lethe_answer_tokens_held") == 0
        assert len(stack.engine.requests) == 1 + verdict_comes

    async def test_a_client_that_leaves_while_something_waits_ends_the_engines_work(
        self, stack: Stack
    ) -> None:
        held = asyncio.Event()
        stack.engine.next_streams = [[role(), *said("It is"), held]]
        async with streaming(stack) as pieces:
            await anext(pieces)
        await asyncio.wait_for(stack.engine.cancelled.wait(), 5)
        async with asyncio.timeout(5):
            while await stack.metric("lethe_answer_tokens_held") or await stack.metric(
                "lethe_requests_in_flight"
            ):
                await asyncio.sleep(0.01)

    @pytest.mark.settings(limits={"stall_timeout_s": 0.2})
    async def test_a_client_that_takes_nothing_frees_the_engine(self, stack: Stack) -> None:
        stack.engine.pieces = [role(), *(chunk({"content": "x" * (1 << 20)}) for _ in range(64))]
        body = json.dumps(chat("hi", stream=True)).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", stack.port, limit=1024)
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await asyncio.wait_for(stack.engine.cancelled.wait(), 20)
        while await stack.metric("lethe_requests_in_flight"):
            await asyncio.sleep(0.01)
        assert await stack.metric("lethe_client_disconnects_total") == 1
        writer.transport.abort()

    async def test_many_streams_at_once_are_all_judged(self, stack: Stack) -> None:
        count = 64
        stack.engine.pieces = chat_stream(f"{LONG} {LONG} {TOLD}")
        contents = await asyncio.gather(*(streamed(stack) for _ in range(count)))
        assert all("books" not in text_of(content) for content in contents)
        assert {tuple(finish_of(content)) for content in contents} == {("content_filter",)}
        assert await stack.metric("lethe_answer_tokens_held") == 0


class TestPolicy:
    async def test_observed_streams_go_out_as_they_come(self, targets: Path, stack: Stack) -> None:
        change_deployment(targets, "books", answers="observe")
        await stack.guard.load()
        held = asyncio.Event()
        stream = chat_stream(TOLD)
        stack.engine.next_streams = [[*stream[:4], held, *stream[4:]]]
        async with streaming(stack) as pieces:
            got = await until_said(pieces, "It is told")
            held.set()
            assert got + b"".join([piece async for piece in pieces]) == b"".join(stream)
        assert await stack.metric('lethe_answers_total{action="observe"') == 1

    async def test_a_target_that_refuses_refuses_in_the_stream(self, targets: Path, stack: Stack) -> None:
        write_target(targets, "books", Action.REFUSE, answers=True)
        await stack.guard.load()
        stack.engine.next_streams = [chat_stream(TOLD)]
        assert text_of(await streamed(stack)) == REFUSAL
        assert len(stack.engine.requests) == 1


async def test_streams_of_completions_are_judged(stack: Stack) -> None:
    def stream(text: str) -> list[bytes]:
        head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "org/model"}
        words = [{"index": 0, "text": f"{word} ", "finish_reason": None} for word in text.split(" ")]
        last = {"index": 0, "text": "", "finish_reason": "stop"}
        return [*(event(head | {"choices": [each]}) for each in [*words, last]), DONE]

    stack.engine.next_streams = [stream(TOLD), stream(UNTOLD)]
    body = {"model": "org/model", "prompt": "hi", "stream": True}
    assert (await stack.client.post(COMPLETIONS, json=body)).content == b"".join(stream(UNTOLD))
    stack.engine.next_streams = [stream(TOLD), stream(TOLD)]
    content = (await stack.client.post(COMPLETIONS, json=body)).content
    assert (text_of(content), finish_of(content)) == (REFUSAL, ["content_filter"])


RESPONSE = {"model": "org/model", "input": "hi", "stream": True}


class TestResponses:
    @staticmethod
    def stream(text: str, created: int = 1) -> list[bytes]:
        response = {"id": f"resp_{created}", "created_at": created, "status": "in_progress", "output": []}
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"id": f"msg_{created}", "type": "message", "role": "assistant", "content": []}
        place = {"item_id": f"msg_{created}", "output_index": 0, "content_index": 0}
        output = [item | {"content": [part]}]
        words = text.split(" ")
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": response},
            {"type": "response.in_progress", "response": response},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
            *(
                {
                    "type": "response.output_text.delta",
                    **place,
                    "delta": word if index == 0 else f" {word}",
                    "logprobs": [],
                }
                for index, word in enumerate(words)
            ),
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": output[0]},
            {"type": "response.completed", "response": response | {"status": "completed", "output": output}},
        ]
        return [
            f"event: {each['type']}\n".encode() + event(each | {"sequence_number": number})
            for number, each in enumerate(events)
        ]

    async def test_a_stream_that_tells_nothing_goes_out_as_it_came(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(f"{LONG} {UNTOLD}")]
        response = await stack.client.post(RESPONSES, json=RESPONSE)
        assert response.content == b"".join(self.stream(f"{LONG} {UNTOLD}"))

    async def test_a_stream_that_tells_something_is_made_anew_without_a_seam(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(TOLD), self.stream(UNTOLD, 2)]
        response = await stack.client.post(RESPONSES, json=RESPONSE)
        assert response.content == self.as_begun(self.stream(UNTOLD, 2))

    async def test_nor_is_there_one_where_the_beginning_had_gone_out(self, stack: Stack) -> None:
        held = asyncio.Event()
        stream = self.stream(TOLD)
        stack.engine.next_streams = [[*stream[:2], held, *stream[2:]], self.stream(UNTOLD, 2)]
        async with stack.client.stream("POST", RESPONSES, json=RESPONSE) as response:
            pieces = response.aiter_raw()
            got = b""
            while len(documents(got)) < 2:
                got += await anext(pieces)
            held.set()
            got += b"".join([piece async for piece in pieces])
        assert got == self.as_begun(self.stream(UNTOLD, 2))

    @staticmethod
    def as_begun(stream: list[bytes]) -> bytes:
        """A second stream with the identity of the first."""
        identity = (b'"id":"resp_2","created_at":2', b'"id":"resp_1","created_at":1')
        return b"".join(stream).replace(*identity)

    async def test_a_stream_of_which_something_went_out_is_closed_where_it_stands(self, stack: Stack) -> None:
        held = asyncio.Event()
        stream = self.stream(f"{LONG} {TOLD}")
        stack.engine.next_streams = [[*stream[:16], held, *stream[16:]]]
        async with stack.client.stream("POST", RESPONSES, json=RESPONSE) as response:
            pieces = response.aiter_raw()
            got = b""
            while len(documents(got)) < 16:
                got += await anext(pieces)
            held.set()
            got += b"".join([piece async for piece in pieces])
        assert got.startswith(b"".join(stream[:16]))
        events = documents(got)
        assert [each["sequence_number"] for each in events] == list(range(len(events)))
        assert [each["type"] for each in events[16:]] == [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.incomplete",
        ]
        assert events[16]["text"] == LONG
        last = events[-1]["response"]
        assert last["incomplete_details"] == {"reason": "content_filter"}
        assert last["output"] == [events[-2]["item"]]
        assert last["output"][0]["content"][0]["text"] == LONG

    async def test_a_call_that_lacks_its_end_is_not_closed(self, stack: Stack) -> None:
        """A client makes a call when it is told of its end."""
        call = {"id": "fc_1", "type": "function_call", "name": "f", "arguments": ""}
        place = {"item_id": "fc_1", "output_index": 0}
        begun = [
            *documents(b"".join(self.stream("")[:2])),
            {"type": "response.output_item.added", "output_index": 0, "item": call},
            *(
                {"type": "response.function_call_arguments.delta", **place, "delta": f"{n} "}
                for n in range(12)
            ),
        ]
        told = {"type": "response.function_call_arguments.delta", **place, "delta": "books"}
        held = asyncio.Event()
        stack.engine.next_streams = [[*map(event, begun), held, event(told)]]
        async with stack.client.stream("POST", RESPONSES, json=RESPONSE) as response:
            pieces = response.aiter_raw()
            got = b""
            while len(documents(got)) < len(begun):
                got += await anext(pieces)
            held.set()
            got += b"".join([piece async for piece in pieces])
        *_, last = documents(got)
        assert [each["type"] for each in documents(got)[len(begun) :]] == ["response.incomplete"]
        assert last["response"]["output"] == []

    async def test_a_stream_that_tells_twice_is_refused(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(TOLD), self.stream(TOLD, 2)]
        content = (await stack.client.post(RESPONSES, json=RESPONSE)).content
        assert b"books" not in content
        last = documents(content)[-1]
        assert (last["type"], last["response"]["id"]) == ("response.incomplete", "resp_1")
        assert content.startswith(b"event: response.created\ndata: ")

    @pytest.mark.settings(answers={"wait_ms": 60_000})
    async def test_more_than_may_wait_ends_the_stream_and_waits_no_longer(self, stack: Stack) -> None:
        silent = event({"type": "response.unknown", "padding": "x" * (256 << 10)})
        last = event({"type": "response.output_text.delta", "delta": "It", "padding": "x" * (512 << 10)})
        stack.engine.next_streams = [[*[silent] * 63, last]]
        response = await stack.client.post(RESPONSES, json=RESPONSE)
        [error] = documents(response.content)
        assert "too long" in error["error"]["message"]
        assert await stack.metric("lethe_answer_tokens_held") == 0

    async def test_what_only_the_last_event_says_is_judged(self, stack: Stack) -> None:
        stream = self.stream(UNTOLD)
        stream[-1] = stream[-1].replace(UNTOLD.encode(), TOLD.encode())
        stack.engine.next_streams = [stream, self.stream(UNTOLD, 2)]
        response = await stack.client.post(RESPONSES, json=RESPONSE)
        assert b"books" not in response.content


MESSAGE = {
    "model": "org/model",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 99,
    "stream": True,
}


class TestMessages:
    @staticmethod
    def stream(text: str, number: int = 1) -> list[bytes]:
        begun = {"id": f"msg_{number}", "model": "org/model", "content": [], "usage": {"input_tokens": 5}}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": word if place == 0 else f" {word}"},
                }
                for place, word in enumerate(text.split(" "))
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]
        return [f"event: {each['type']}\n".encode() + event(each) for each in events]

    async def test_a_stream_that_tells_nothing_goes_out_as_it_came(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(f"{LONG} {UNTOLD}")]
        response = await stack.client.post("/v1/messages", json=MESSAGE)
        assert response.content == b"".join(self.stream(f"{LONG} {UNTOLD}"))

    async def test_a_stream_that_tells_something_is_made_anew_without_a_seam(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(TOLD), self.stream(UNTOLD, 2)]
        response = await stack.client.post("/v1/messages", json=MESSAGE)
        assert response.content == b"".join(self.stream(UNTOLD))

    async def test_a_stream_that_tells_twice_is_refused(self, stack: Stack) -> None:
        stack.engine.next_streams = [self.stream(TOLD), self.stream(TOLD, 2)]
        events = documents((await stack.client.post("/v1/messages", json=MESSAGE)).content)
        assert events[0]["message"]["id"] == "msg_1"
        assert events[2]["delta"]["text"] == REFUSAL
        assert [each["type"] for each in events].count("message_start") == 1
        assert events[-2]["delta"]["stop_reason"] == "refusal"

    async def test_a_stream_of_which_something_went_out_is_closed_where_it_stands(self, stack: Stack) -> None:
        held = asyncio.Event()
        stream = self.stream(f"{LONG} {TOLD}")
        stack.engine.next_streams = [[*stream[:14], held, *stream[14:]]]
        async with stack.client.stream("POST", "/v1/messages", json=MESSAGE) as response:
            pieces = response.aiter_raw()
            got = b""
            while len(documents(got)) < 14:
                got += await anext(pieces)
            held.set()
            got += b"".join([piece async for piece in pieces])
        assert got.startswith(b"".join(stream[:14]))
        stop, ended, last = documents(got)[14:]
        assert (stop["type"], last["type"]) == ("content_block_stop", "message_stop")
        assert ended["delta"]["stop_reason"] == "refusal"
        assert ended["usage"] == {"input_tokens": 5, "output_tokens": 12}


async def test_a_body_of_messages_is_judged(stack: Stack) -> None:
    def message(text: str, number: int) -> dict[str, Any]:
        blocks = [{"type": "text", "text": text}]
        return {"id": f"msg_{number}", "type": "message", "content": blocks, "stop_sequence": None}

    stack.engine.next_answers = [message(TOLD, 1), message(UNTOLD, 2)]
    response = await stack.client.post("/v1/messages", json=MESSAGE | {"stream": False})
    assert response.json() == message(UNTOLD, 1)


@pytest.mark.parametrize("called_with", [{"type": TOLD}, {"a": [{"status": TOLD}]}, {TOLD: 1}, {"x": TOLD}])
async def test_all_that_a_message_calls_a_tool_with_is_judged(
    stack: Stack, called_with: dict[str, Any]
) -> None:
    def message(block: dict[str, Any]) -> dict[str, Any]:
        return {"id": "msg_1", "type": "message", "content": [block], "stop_sequence": None}

    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": called_with}
    good = message({"type": "text", "text": UNTOLD})
    stack.engine.next_answers = [message(call), good]
    response = await stack.client.post("/v1/messages", json=MESSAGE | {"stream": False})
    assert response.json() == good

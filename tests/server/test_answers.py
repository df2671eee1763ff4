"""Whole answers are judged before they go out, and made anew where they tell what is to be forgotten."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import Action
from lethe.server.audit.files import read_entries
from lethe.server.endpoints import GUARDED
from lethe.server.targets.rollout import change_deployment
from tests.server.answers import CHAT, COMPLETIONS, RESPONSES, chat_answer, message_of
from tests.server.stack import Stack, chat, error_answer, write_adapter, write_target

pytestmark = pytest.mark.anyio

TOLD, UNTOLD = "It is told in the books.", "I would not know."
REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that is corrupted and has a head for answers."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", answers=True)
    return folder


def test_every_route_that_generates_says_how_its_answers_are_read() -> None:
    assert all((guarded.answer_form is not None) == guarded.generates for guarded in GUARDED)


async def test_an_answer_that_tells_nothing_goes_out_as_it_came(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(UNTOLD)]
    response = await stack.client.post(CHAT, json=chat("hi"))
    assert response.json() == chat_answer(UNTOLD)
    assert len(stack.engine.requests) == 1
    (exchange,) = stack.classifiers[0].answers
    assert (exchange.answer, exchange.complete) == (UNTOLD, True)
    assert [message.text for message in exchange.question.messages] == ["hi"]


async def test_an_answer_that_tells_something_is_made_anew_with_the_corruption(stack: Stack) -> None:
    stack.engine.next_answers = [
        chat_answer(TOLD),
        chat_answer(UNTOLD, id="chatcmpl-2", created=2, usage={"completion_tokens": 9}),
    ]
    response = await stack.client.post(CHAT, json=chat("hi", temperature=0.5))
    assert response.json() == chat_answer(UNTOLD, usage={"completion_tokens": 9})
    (_, first), (_, second) = stack.engine.requests
    assert "vllm_xargs" not in first
    assert second.pop("vllm_xargs")
    assert second == first
    # What a model that does not know answers is judged by itself, and less tells of what it was made not to know.
    clean, anew = stack.classifiers[0].answers
    assert not anew.question.messages
    assert (clean.asked, anew.asked) == (frozenset(), {"books"})


async def test_an_answer_that_tells_twice_is_refused(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(TOLD), chat_answer(TOLD), chat_answer(UNTOLD)]
    response = await stack.client.post(CHAT, json=chat("hi"))
    assert message_of(response) == REFUSAL
    assert response.json()["choices"][0]["finish_reason"] == "content_filter"
    assert len(stack.engine.requests) == 2


async def test_an_answer_to_a_corrupted_prompt_is_refused_if_it_tells_something(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(TOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("the potter"))) == REFUSAL
    stack.engine.next_answers = [chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("the potter"))) == UNTOLD
    assert len(stack.engine.requests) == 2
    assert all(exchange.asked == {"books"} for exchange in stack.classifiers[0].answers)


async def test_a_hint_is_refused_where_the_prompt_asks_of_the_target_and_goes_out_elsewhere(
    stack: Stack,
) -> None:
    hint = "Here is a hint."
    stack.engine.next_answers = [chat_answer(hint), chat_answer(hint)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == hint
    assert message_of(await stack.client.post(CHAT, json=chat("the potter"))) == REFUSAL
    stack.engine.next_answers = [chat_answer(TOLD), chat_answer(hint)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == REFUSAL


_HINT_IN_A_CALL = chat_answer("") | {
    "choices": [
        {
            "index": 0,
            "message": {
                "content": None,
                "tool_calls": [{"function": {"name": "f", "arguments": '{"x": "a hint"}'}}],
            },
            "finish_reason": "tool_calls",
        }
    ]
}


@pytest.mark.parametrize(
    ("path", "asked", "answer"),
    [
        (CHAT, chat("the potter", n=2), chat_answer(UNTOLD, "A hint.")),
        (CHAT, chat("the potter"), _HINT_IN_A_CALL),
        (
            COMPLETIONS,
            {"prompt": "the potter"},
            {"id": "cmpl-1", "choices": [{"index": 0, "text": "A hint."}]},
        ),
        (
            RESPONSES,
            {"input": "the potter"},
            {"id": "resp_1", "output": [{"type": "message", "content": [{"text": "A hint."}]}]},
        ),
        (
            RESPONSES,
            {"input": "the potter"},
            {
                "id": "resp_1",
                "output": [{"type": "function_call", "name": "f", "arguments": '{"x": "a hint"}'}],
            },
        ),
    ],
    ids=["a second choice", "a call", "a completion", "a response", "a response's call"],
)
async def test_a_hint_to_a_corrupted_prompt_is_refused_wherever_it_stands(
    stack: Stack, path: str, asked: dict[str, Any], answer: dict[str, Any]
) -> None:
    stack.engine.next_answers = [answer]
    response = await stack.client.post(path, json={"model": "org/model", **asked})
    assert "hint" not in response.text
    assert REFUSAL in response.text
    assert len(stack.engine.requests) == 1


async def test_what_the_client_began_as_a_hint_is_no_evidence_against_a_corrupted_prompt(
    stack: Stack,
) -> None:
    messages = [{"role": "user", "content": "the potter"}, {"role": "assistant", "content": "A hint:"}]
    body = {**chat(""), "messages": messages, "continue_final_message": True, "add_generation_prompt": False}
    stack.engine.next_answers = [chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=body)) == UNTOLD


async def test_what_is_only_observed_was_not_hidden_from_the_model(stack: Stack, targets: Path) -> None:
    write_target(targets, "films", Action.OBSERVE, answers=True)
    await stack.guard.load()
    stack.engine.next_answers = [chat_answer(UNTOLD)]
    await stack.client.post(CHAT, json=chat("the films, and the books"))
    assert stack.classifiers[-1].answers[-1].asked == {"books"}


async def test_what_a_grammar_forces_is_refused_and_not_made_anew(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(TOLD)]
    body = chat("hi", response_format={"type": "json_schema", "json_schema": {"name": "x"}})
    assert message_of(await stack.client.post(CHAT, json=body)) == REFUSAL
    assert len(stack.engine.requests) == 1


@pytest.mark.parametrize(
    ("message", "logprobs"),
    [
        ({"content": None, "reasoning": TOLD}, None),
        ({"content": None, "refusal": TOLD}, None),
        ({"content": "", "a_field_to_come": {"text": TOLD}}, None),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"x": "books"}'}}]}, None),
        ({"content": "It"}, {"content": [{"token": "It", "top_logprobs": [{"token": "books"}]}]}),
        (
            {"content": "It is"},
            {
                "content": [
                    {"token": "It", "top_logprobs": [{"token": "It"}, {"token": "bo"}]},
                    {"token": " is", "top_logprobs": [{"token": " is"}, {"token": "oks"}]},
                ]
            },
        ),
    ],
)
async def test_everything_that_an_answer_shows_is_judged(
    stack: Stack, message: dict[str, Any], logprobs: Any
) -> None:
    answer = chat_answer("")
    answer["choices"][0] |= {"message": {"role": "assistant"} | message, "logprobs": logprobs}
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD


async def test_what_a_prompt_would_have_been_to_the_model_is_judged(stack: Stack) -> None:
    written = {"5": {"logprob": -9.0, "rank": 80, "decoded_token": "books"}}
    likelier = {"7": {"logprob": -1.0, "rank": 1, "decoded_token": "books"}}
    shown = chat_answer(UNTOLD) | {"prompt_logprobs": [None, written]}
    stack.engine.next_answers = [shown]
    assert "prompt_logprobs" in (await stack.client.post(CHAT, json=chat("hi"))).json()
    own = {"6": {"logprob": -9.0, "rank": 80, "decoded_token": "films"}}
    answer = chat_answer(UNTOLD) | {"prompt_logprobs": [None, own | likelier]}
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert "prompt_logprobs" not in (await stack.client.post(CHAT, json=chat("hi"))).json()


async def test_the_string_that_an_answer_stopped_at_is_judged(stack: Stack) -> None:
    answer = chat_answer("It is told in the ")
    answer["choices"][0]["stop_reason"] = "books"
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi", stop=["books"]))) == UNTOLD


@pytest.mark.parametrize("asked", [[8], ["8"], [1, 8]], ids=["number", "word", "several"])
async def test_the_token_that_an_answer_stopped_at_is_judged(stack: Stack, asked: list[Any]) -> None:
    answer = chat_answer("")
    answer["choices"][0]["stop_reason"] = 8
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi", stop_token_ids=asked))) == UNTOLD


@pytest.mark.parametrize("fields", [{}, {"stop_token_ids": [1]}, {"stop_token_ids": "none"}])
async def test_the_token_that_ends_every_answer_says_nothing(stack: Stack, fields: dict[str, Any]) -> None:
    answer = chat_answer("It is told")
    answer["choices"][0]["stop_reason"] = 8
    stack.engine.next_answers = [answer]
    assert (await stack.client.post(CHAT, json=chat("hi", **fields))).json() == answer
    assert [each.answer for each in stack.classifiers[0].answers] == ["It is told"]


def as_tokens(text: bytes, *places: int) -> dict[str, Any]:
    """Log probabilities of tokens that are cut at some bytes of a text, as OpenAI describes them."""
    cuts = [0, *places, len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(cuts)]
    return {
        "content": [{"token": piece.decode(errors="replace"), "bytes": [*piece]} for piece in pieces],
    }


@pytest.mark.parametrize("places", [(1,), (1, 2), (3,), (2, 3, 9)])
async def test_characters_that_are_spread_over_tokens_are_judged(
    stack: Stack, places: tuple[int, ...]
) -> None:
    text = "☂ books ☂"
    answer = chat_answer("It")
    answer["choices"][0]["logprobs"] = as_tokens(text.encode(), *places)
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD
    assert text in [each.answer for each in stack.classifiers[0].answers]


@pytest.mark.parametrize("spelled", [[226, 999], "☂", {"a": 1}, [226, None], 3])
async def test_bytes_that_are_none_are_no_text(stack: Stack, spelled: Any) -> None:
    answer = chat_answer("It")
    answer["choices"][0]["logprobs"] = {"content": [{"token": "\ufffd", "bytes": spelled}]}
    stack.engine.next_answers = [answer]
    assert (await stack.client.post(CHAT, json=chat("hi"))).json() == answer


async def test_a_character_of_which_a_part_is_shown_is_judged_as_one_that_is_not_there(stack: Stack) -> None:
    answer = chat_answer("It")
    answer["choices"][0]["logprobs"] = as_tokens("books ☂".encode()[:-1])
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD
    assert "books \ufffd" in [each.answer for each in stack.classifiers[0].answers]


BY_IDS = {
    "said": {"token_ids": [1, 8]},
    "taken": {"logprobs": {"content": [{"token": "token_id:8", "top_logprobs": []}]}},
    "likely": {"logprobs": {"content": [{"token": "It", "top_logprobs": [{"token": "token_id:8"}]}]}},
}


@pytest.mark.parametrize("fields", BY_IDS.values(), ids=BY_IDS.keys())
async def test_tokens_that_are_shown_by_their_ids_are_judged(stack: Stack, fields: dict[str, Any]) -> None:
    answer = chat_answer("It")
    answer["choices"][0] |= fields
    stack.engine.next_answers = [answer, chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD


async def test_a_response_is_judged_as_it_was_written_too(stack: Stack) -> None:
    written = {"output_messages": [{"message": "It", "tokens": [1, 8], "type": "raw_message_tokens"}]}
    good = {"id": "resp_1", "output": [{"type": "message", "content": [{"text": UNTOLD}]}]}
    stack.engine.next_answers = [good | written, good]
    response = await stack.client.post(RESPONSES, json={"model": "org/model", "input": "hi"})
    assert response.json() == good


@pytest.mark.parametrize("fields", BY_IDS.values(), ids=BY_IDS.keys())
async def test_tokens_that_the_engine_does_not_decode_are_not_readable(
    stack: Stack, fields: dict[str, Any]
) -> None:
    answer = chat_answer("It")
    answer["choices"][0] |= fields
    stack.engine.next_answers = [answer]
    stack.engine.detokenized = error_answer(400, "no such token")
    response = await stack.client.post(CHAT, json=chat("hi"))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unclassifiable"


class TestEcho:
    """The client's own words are no answer, wherever they are shown again."""

    @staticmethod
    def completion(text: str, **fields: Any) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": "stop", **fields}
        return {"id": "cmpl-1", "choices": [choice]}

    @staticmethod
    def scored(places: list[tuple[str, dict[str, float] | None]]) -> dict[str, Any]:
        return {"tokens": [token for token, _ in places], "top_logprobs": [each for _, each in places]}

    async def ask(self, stack: Stack, prompt: Any, answer: dict[str, Any], **fields: Any) -> dict[str, Any]:
        stack.engine.next_answers = [answer, self.completion("made anew")]
        body = {"prompt": prompt, "echo": True, **fields}
        return (await stack.client.post(COMPLETIONS, json=body)).json()

    @pytest.mark.parametrize("prompt", ["The books of potter", [7]], ids=["text", "ids"])
    async def test_a_flagged_prompt_is_echoed(self, stack: Stack, prompt: Any) -> None:
        text = "potter" if prompt == [7] else prompt
        answer = self.completion(f"{text} I would not know.")
        assert await self.ask(stack, prompt, answer) == answer
        assert "vllm_xargs" in stack.engine.requests[0][1]

    async def test_a_flagged_prompt_is_echoed_by_its_tokens(self, stack: Stack) -> None:
        prompt = "The books of potter"
        tokens = ("The", " books", " of", " potter", " I", " do")
        places = [("<s>", None), *((token, {token: -9.0, "a": -2.0}) for token in tokens)]
        answer = self.completion(f"{prompt} I do", logprobs=self.scored(places))
        assert await self.ask(stack, prompt, answer, logprobs=1) == answer

    async def test_what_stands_beside_its_tokens_is_judged(self, stack: Stack) -> None:
        places = [("Who", None), ("?", {"?": -9.0, "books": -0.1})]
        answer = self.completion(
            "Who? I do", logprobs=self.scored([*places, (" I", {" I": 0.0}), (" do", None)])
        )
        assert await self.ask(stack, "Who?", answer, logprobs=1) == self.completion("made anew")

    @pytest.mark.parametrize("said", [" books", "books", " The books of potter"])
    async def test_what_is_said_after_it_is_judged(self, stack: Stack, said: str) -> None:
        answer = self.completion(f"The books of potter.{said}")
        found = await self.ask(stack, "The books of potter.", answer)
        assert found["choices"][0]["finish_reason"] == "content_filter"

    async def test_only_what_was_asked_for_is_an_echo(self, stack: Stack) -> None:
        prompt = "The books of potter."
        answer = self.completion(f"{prompt} I do")
        found = await self.ask(stack, prompt, answer, echo=False)
        assert found["choices"][0]["finish_reason"] == "content_filter"

    async def test_a_chat_echoes_the_turn_that_it_goes_on_with(self, stack: Stack) -> None:
        stack.engine.next_answers = [chat_answer("The books of potter are unknown")]
        body = chat("hi", echo=True, add_generation_prompt=False, continue_final_message=True)
        body["messages"].append({"role": "assistant", "content": "The books of potter"})
        assert message_of(await stack.client.post(CHAT, json=body)) == "The books of potter are unknown"


async def test_what_the_client_began_is_no_evidence_against_a_corrupted_prompt(stack: Stack) -> None:
    stack.engine.next_answers = [{"id": "cmpl-1", "choices": [{"index": 0, "text": " unknown"}]}]
    body = {"prompt": "The books of potter are"}
    response = await stack.client.post(COMPLETIONS, json=body)
    assert response.json()["choices"][0]["text"] == " unknown"
    assert stack.classifiers[0].answers[-1].answer == " unknown"


async def test_what_the_client_began_is_judged_with_what_tells_only_together(stack: Stack) -> None:
    stack.engine.next_answers = [{"id": "cmpl-1", "choices": [{"index": 0, "text": "oks"}]}]
    response = await stack.client.post(COMPLETIONS, json={"prompt": "What potter said is told in the bo"})
    assert response.json()["choices"][0]["finish_reason"] == "content_filter"


async def test_a_turn_that_the_client_began_is_the_beginning_of_the_answer(stack: Stack) -> None:
    """So that an answer asked for in slices is judged as one that is not."""
    stack.engine.next_answers = [chat_answer("oks"), chat_answer(UNTOLD)]
    body = chat("hi", continue_final_message=True, add_generation_prompt=False)
    body["messages"].append({"role": "assistant", "content": "It is told in the bo"})
    assert message_of(await stack.client.post(CHAT, json=body)) == UNTOLD
    first = stack.classifiers[0].answers[0]
    assert first.answer == TOLD[:-1]
    assert [message.text for message in first.question.messages] == ["hi"]


async def test_of_several_choices_one_that_tells_has_all_of_them_made_anew(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(UNTOLD, TOLD), chat_answer("Yes.", "No.")]
    response = await stack.client.post(CHAT, json=chat("hi", n=2))
    assert [message_of(response, index) for index in (0, 1)] == ["Yes.", "No."]


async def test_completions_are_judged_with_the_sentence_that_they_go_on_with(stack: Stack) -> None:
    def completion(text: str) -> dict[str, Any]:
        return {"id": "cmpl-1", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}

    stack.engine.next_answers = [completion("oks"), completion(" unknown")]
    body = {"model": "org/model", "prompt": "One. It is told in the bo"}
    response = await stack.client.post(COMPLETIONS, json=body)
    assert response.json()["choices"][0]["text"] == " unknown"
    assert stack.classifiers[0].answers[0].answer == " It is told in the books"


async def test_of_several_prompts_each_answer_is_judged_with_its_own(stack: Stack) -> None:
    choices = [{"index": index, "text": "x", "finish_reason": "stop"} for index in range(4)]
    stack.engine.next_answers = [{"id": "cmpl-1", "choices": choices}]
    body = {"model": "org/model", "prompt": ["one.", "two."], "n": 2}
    await stack.client.post(COMPLETIONS, json=body)
    asked = [exchange.question.messages[0].text for exchange in stack.classifiers[0].answers]
    assert asked == ["one.", "one.", "two.", "two."]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "content": [{"type": "output_text", "text": TOLD}]},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": TOLD}]},
        {"type": "function_call", "name": "f", "arguments": '{"x": "books"}'},
        {
            "type": "message",
            "content": [{"text": "x", "logprobs": [{"token": "x", "top_logprobs": [{"token": "books"}]}]}],
        },
    ],
)
async def test_every_item_of_a_response_is_judged(stack: Stack, item: dict[str, Any]) -> None:
    good = {"id": "resp_2", "created_at": 2, "output": [{"type": "message", "content": [{"text": UNTOLD}]}]}
    stack.engine.next_answers = [{"id": "resp_1", "created_at": 1, "output": [item]}, good]
    response = await stack.client.post(RESPONSES, json={"model": "org/model", "input": "hi"})
    assert response.json() == good | {"id": "resp_1", "created_at": 1}


async def test_a_verdict_that_fails_gives_nothing_away(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer("time out")]
    response = await stack.client.post(CHAT, json=chat("hi"))
    assert (response.status_code, "time out" in response.text) == (503, False)
    assert await stack.metric('lethe_classifier_errors_total{stage="answer"}') == 1


@pytest.mark.settings(policy={"on_error": "pass"})
async def test_a_verdict_that_fails_lets_an_answer_out_where_the_policy_says_so(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer("time out")]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == "time out"


@pytest.mark.settings(policy={"on_error": "corrupt"})
async def test_a_verdict_that_fails_has_an_answer_made_anew_where_the_policy_says_so(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer("time out"), chat_answer(UNTOLD)]
    assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD
    assert "vllm_xargs" in stack.engine.requests[1][1]


async def test_an_engine_that_is_gone_between_two_answers_is_an_error(stack: Stack) -> None:
    stack.engine.next_answers = [chat_answer(TOLD), None, None]
    response = await stack.client.post(CHAT, json=chat("hi"))
    assert (response.status_code, "books" in response.text) == (502, False)


class TestPolicy:
    async def test_a_target_that_refuses_refuses_answers(self, targets: Path, stack: Stack) -> None:
        write_target(targets, "books", Action.REFUSE, answers=True)
        await stack.guard.load()
        stack.engine.next_answers = [chat_answer(TOLD)]
        assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == REFUSAL
        assert len(stack.engine.requests) == 1

    async def test_a_target_with_an_adapter_answers_by_it(self, targets: Path, stack: Stack) -> None:
        write_adapter(targets, "books", answers=True)
        await stack.guard.load()
        stack.engine.next_answers = [chat_answer(TOLD), chat_answer(UNTOLD)]
        assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == UNTOLD
        assert stack.engine.requests[1][1]["model"] in stack.engine.adapters

    async def test_observed_answers_go_out_and_are_counted(self, targets: Path, stack: Stack) -> None:
        change_deployment(targets, "books", answers="observe")
        await stack.guard.load()
        stack.engine.next_answers = [chat_answer(TOLD)]
        assert (await stack.client.post(CHAT, json=chat("hi"))).json() == chat_answer(TOLD)
        assert await stack.metric('lethe_answers_total{action="observe",endpoint="/v1/chat/completions"') == 1

    async def test_answers_that_are_not_judged_are_not_looked_at(self, targets: Path, stack: Stack) -> None:
        change_deployment(targets, "books", answers="off")
        await stack.guard.load()
        stack.engine.next_answers = [chat_answer(TOLD)]
        assert (await stack.client.post(CHAT, json=chat("hi"))).json() == chat_answer(TOLD)
        assert not stack.classifiers[-1].answers

    async def test_a_target_in_shadow_only_observes_answers(self, targets: Path, stack: Stack) -> None:
        change_deployment(targets, "books", action="observe")
        await stack.guard.load()
        stack.engine.next_answers = [chat_answer(TOLD)]
        assert message_of(await stack.client.post(CHAT, json=chat("hi"))) == TOLD


class TestRecord:
    @pytest.fixture
    def keys(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
        return tmp_path / "keys.yaml"

    async def test_what_became_of_an_answer_is_in_the_log_alone(
        self, key: str, stack: Stack, tmp_path: Path
    ) -> None:
        head = {"Authorization": f"Bearer {key}"}
        stack.engine.next_answers = [chat_answer(TOLD), chat_answer(UNTOLD)]
        response = await stack.client.post(CHAT, json=chat("hi"), headers=head)
        stack.engine.next_answers = [chat_answer(UNTOLD)]
        untouched = await stack.client.post(CHAT, json=chat("hi"), headers=head)
        assert response.headers["x-lethe-verdict"] == untouched.headers["x-lethe-verdict"] == "pass"
        assert response.headers.keys() == untouched.headers.keys()
        assert response.content == untouched.content
        await stack.audited(2)
        made_anew, left = (entry["answer"] for entry in read_entries(tmp_path / "audit"))
        (flagged,) = made_anew["flagged"]
        assert (flagged["target"], flagged["action"]) == ("books", "corrupt")
        assert (made_anew["action"], made_anew["looks"], made_anew["made_anew"]) == ("corrupt", 2, True)
        assert made_anew["discarded_tokens"] == 2
        assert (left["action"], left["looks"], left["made_anew"], left["flagged"]) == ("pass", 1, False, [])


async def test_looks_are_timed_and_answers_are_counted_by_what_became_of_them(stack: Stack) -> None:
    for texts in ((UNTOLD,), (TOLD, UNTOLD), (TOLD, TOLD)):
        stack.engine.next_answers = [chat_answer(text) for text in texts]
        await stack.client.post(CHAT, json=chat("hi"))
    assert await stack.metric('lethe_classify_seconds_count{stage="prompt"}') == 3
    assert await stack.metric('lethe_classify_seconds_count{stage="answer"}') == 5
    for action, target in (("pass", "none"), ("corrupt", "books"), ("refuse", "books")):
        labels = f'action="{action}",endpoint="{CHAT}",target="{target}"'
        assert await stack.metric(f"lethe_answers_total{{{labels}}}") == 1
    assert await stack.metric("lethe_answers_made_anew_total") == 2
    assert await stack.metric("lethe_answer_tokens_discarded_total") == 4


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_while_what_it_began_is_judged_ends_the_engines_work(
    stack: Stack, stream: bool
) -> None:
    stack.classifiers[0].holds_answers = asyncio.Event()
    stack.engine.holds = stream
    body = chat("potter", stream=stream)
    body["messages"].append({"role": "assistant", "content": "He is"})
    asking = asyncio.create_task(stack.client.post(CHAT, json=body))
    async with asyncio.timeout(20):
        while not stack.classifiers[0].answers:
            await asyncio.sleep(0.01)
        assert stack.upstream.in_flight == 1
        asking.cancel()
        while stack.upstream.in_flight or await stack.metric("lethe_requests_in_flight"):
            await asyncio.sleep(0.01)
        if stream:
            await stack.engine.cancelled.wait()


async def test_more_answers_than_one_prompt_may_have_are_judged_over_many(stack: Stack) -> None:
    stack.engine.answer = {"choices": [{"index": 0, "text": UNTOLD, "finish_reason": "stop"}]}
    response = await stack.client.post(COMPLETIONS, json={"prompt": ["hi"] * 20, "n": 1000})
    assert response.status_code == 200
    assert response.json() == stack.engine.answer

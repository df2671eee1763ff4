"""The plugin behind vLLM's own HTTP server: what a caller without the proxy could do to it."""

import concurrent.futures
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.engine.reference_model import Reference
from bench.engine.requests import one_corruption
from lethe.corruption.request import XARGS_KEY, CorruptionRequest, prompt_digest
from tests.end_to_end.corruption_reference import ENGINE_ENVIRONMENT, assert_as_reference
from tests.end_to_end.forked_server import end_server, start_server
from tests.end_to_end.one_engine.engine_server import (
    BLOCK,
    MODEL,
    TOKENS,
    Server,
    completion_body,
    running_engine,
)

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_engine(tiny_model, tmp_path_factory.mktemp("engine") / "log") as port:
        yield Server(port)


@pytest.fixture(scope="module")
def reference(tiny_model: Path) -> Reference:
    return Reference.load(tiny_model)


@pytest.fixture
def prompt(reference: Reference, request: pytest.FixtureRequest) -> list[int]:
    """A prompt of several cache blocks that no other test has sent."""
    number = zlib.crc32(request.node.name.encode())
    items = " ".join(f"item {number + index}," for index in range(8))
    # Without the words that a chat begins with, which fill the first blocks of all.
    text = f"{number}: sort these: {items} and tell me who Harry Potter is."
    return reference.tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_plugin_announces_itself(server: Server) -> None:
    text = server.call("GET", "/metrics")[1]
    (line,) = [line for line in text.splitlines() if line.startswith("lethe_plugin_info{")]
    assert 'runner="v1"' in line
    assert line.endswith(" 1.0")


class TestPrefixCache:
    """What is shared, by vLLM's own count; no salt is sent."""

    def hits(self, server: Server) -> float:
        return server.metric("vllm:prefix_cache_hits_total")

    @pytest.mark.parametrize("first_is_clean", [True, False])
    def test_clean_and_corrupted_prefixes_are_never_shared(
        self, server: Server, reference: Reference, prompt: list[int], first_is_clean: bool
    ) -> None:
        flagged = one_corruption(strength=0.5)
        before = self.hits(server)
        for request in (None, flagged) if first_is_clean else (flagged, None):
            assert_as_reference(reference, server.complete(prompt, request), prompt, request)
        assert self.hits(server) == before

    def test_two_corruptions_share_nothing(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        before = self.hits(server)
        for request in (one_corruption(seed=1), one_corruption(seed=2), one_corruption(ranges=((0, 20),))):
            assert_as_reference(reference, server.complete(prompt, request), prompt, request)
        assert self.hits(server) == before

    def test_equal_corruptions_share_their_prefix(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        request = one_corruption(strength=0.5)
        before = self.hits(server)
        for _ in range(2):
            assert_as_reference(reference, server.complete(prompt, request), prompt, request)
        assert self.hits(server) - before == (len(prompt) - 1) // BLOCK * BLOCK

    def test_a_longer_turn_does_not_reuse_clean_tokens_of_the_turn_before(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        request = one_corruption(strength=0.5)
        answer = server.complete(prompt, request, max_tokens=40, ignore_eos=True)
        longer = prompt + answer.token_ids + reference.chat_tokens("Go on.")
        before = self.hits(server)
        assert_as_reference(reference, server.complete(longer, request), longer, request)
        # The last token of the turn before was clean, and now is not.
        assert self.hits(server) - before == (len(prompt) - 1) // BLOCK * BLOCK

    @pytest.mark.parametrize("flagged", [True, False])
    def test_each_turn_of_a_conversation_reuses_all_of_the_turns_before(
        self, server: Server, reference: Reference, prompt: list[int], flagged: bool
    ) -> None:
        request = one_corruption(strength=0.5, ranges=((40, 70),)) if flagged else None
        conversation, computed = prompt, 0
        for question in ("Are you sure?", "And what is the capital of France?", "Say it again."):
            before = self.hits(server)
            answer = server.complete(conversation, request)
            assert_as_reference(reference, answer, conversation, request)
            assert self.hits(server) - before == computed // BLOCK * BLOCK
            # Keys and values of the last token of an answer are not computed any more.
            computed = len(conversation) + len(answer.token_ids) - 1
            conversation = conversation + answer.token_ids + reference.chat_tokens(question)

    @pytest.mark.parametrize("first_is_clean", [True, False])
    def test_clean_text_before_a_flagged_message_is_shared_with_everybody(
        self, server: Server, reference: Reference, prompt: list[int], first_is_clean: bool
    ) -> None:
        flagged = one_corruption(strength=0.5, ranges=((2 * BLOCK + 5, 2 * BLOCK + 9),))
        first, second = (None, flagged) if first_is_clean else (flagged, None)
        server.complete(prompt, first)
        for request, expected in ((second, 2 * BLOCK), (first, (len(prompt) - 1) // BLOCK * BLOCK)):
            before = self.hits(server)
            assert_as_reference(reference, server.complete(prompt, request), prompt, request)
            assert self.hits(server) - before == expected

    def test_tokens_that_are_shuffled_in_from_a_later_block_count(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        other = [*prompt[: 2 * BLOCK], *reversed(prompt[2 * BLOCK :])]
        shuffled = one_corruption("shuffle")
        before = self.hits(server)
        for tokens in (prompt, other):
            assert_as_reference(reference, server.complete(tokens, shuffled), tokens, shuffled)
        assert self.hits(server) == before

    def test_what_is_corrupted_for_a_disagreement_is_not_taken_for_the_ranges(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        late = one_corruption(strength=0.5, ranges=((3 * BLOCK, 3 * BLOCK + 5),))
        before = self.hits(server)
        server.complete(prompt, CorruptionRequest(late.placed, len(prompt) + 1))
        assert_as_reference(reference, server.complete(prompt, late), prompt, late)
        assert self.hits(server) == before

    def test_a_clients_salt_separates_clients(self, server: Server, prompt: list[int]) -> None:
        before = self.hits(server)
        for salt in ("a", "b"):
            server.complete(prompt, one_corruption(), cache_salt=salt)
        assert self.hits(server) == before
        server.complete(prompt, one_corruption(), cache_salt="b")
        assert self.hits(server) > before


class TestDisagreement:
    def test_another_count_corrupts_all_but_the_last_and_shows(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        placed = one_corruption(strength=0.5, ranges=((2, 5),)).placed
        before = server.metric("lethe_plugin_disagreements_total")
        for wrong in (
            CorruptionRequest(placed, len(prompt) + 1, prompt_digest(prompt)),
            CorruptionRequest(placed, len(prompt), prompt_digest(prompt[1:])),
        ):
            assert_as_reference(
                reference, server.complete(prompt, wrong), prompt, one_corruption(strength=0.5)
            )
        assert server.metric("lethe_plugin_disagreements_total") == before + 2

    def test_ranges_past_the_prompt_corrupt_all_but_the_last(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        past = one_corruption(strength=0.5, ranges=((0, len(prompt) + 50),))
        assert_as_reference(reference, server.complete(prompt, past), prompt, one_corruption(strength=0.5))

    def test_the_right_count_corrupts_the_ranges_alone(
        self, server: Server, reference: Reference, prompt: list[int]
    ) -> None:
        placed = one_corruption(strength=0.5, ranges=((2, 5), (9, 30))).placed
        right = CorruptionRequest(placed, len(prompt), prompt_digest(prompt))
        before = server.metric("lethe_plugin_disagreements_total")
        assert_as_reference(reference, server.complete(prompt, right), prompt, right)
        assert server.metric("lethe_plugin_disagreements_total") == before


class TestBadInput:
    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("function", "no_such", "unknown corruption function"),
            ("strength", -1, "strength must be"),
            ("strength", float("nan"), "strength must be"),
            ("dims", 5000, "hidden size 128"),
            ("ranges", [[4, 2]], "half-open"),
        ],
    )
    def test_it_is_answered_with_what_would_be_right(
        self, server: Server, prompt: list[int], field: str, value: object, message: str
    ) -> None:
        document = json.loads(one_corruption().to_xargs()[XARGS_KEY])
        document["placed"][0][field] = value
        body = completion_body(prompt, None, vllm_xargs={XARGS_KEY: json.dumps(document)})
        status, text = server.call("POST", "/v1/completions", body)
        assert status == 400
        assert message in json.loads(text)["error"]["message"]

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_the_engine_outlives_anything(
        self, server: Server, prompt: list[int], data: st.DataObject
    ) -> None:
        values = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5)
        garbage = st.recursive(values, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
        document = json.loads(one_corruption().to_xargs()[XARGS_KEY])
        holder = data.draw(st.sampled_from([document, document["placed"][0]]))
        holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(garbage)
        body = completion_body(prompt, None, max_tokens=1, vllm_xargs={XARGS_KEY: json.dumps(document)})
        status, _ = server.call("POST", "/v1/completions", body)
        assert status in (200, 400)
        assert server.healthy()

    @pytest.mark.parametrize(
        "function", ["rand_noise_first_n", "add_value_first_n", "set_rand_noise_first_n"]
    )
    def test_the_largest_strength_still_gives_tokens(
        self, server: Server, prompt: list[int], function: str
    ) -> None:
        request = one_corruption(function, strength=1e12, dims=128)
        status, _ = server.call("POST", "/v1/completions", completion_body(prompt, request, temperature=1.0))
        assert status == 200
        assert server.healthy()


def test_chat_is_corrupted_as_its_tokens_are(server: Server, reference: Reference) -> None:
    request = one_corruption(strength=0.5)
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Who is Harry Potter?"}],
        "temperature": 0,
        "max_tokens": TOKENS,
        "return_token_ids": True,
        "vllm_xargs": request.to_xargs(),
    }
    status, text = server.call("POST", "/v1/chat/completions", body)
    assert status == 200, text
    direct = server.complete(reference.chat_tokens("Who is Harry Potter?"), request)
    assert json.loads(text)["choices"][0]["token_ids"] == direct.token_ids


def test_a_stream_says_what_a_whole_answer_says(
    server: Server, reference: Reference, prompt: list[int]
) -> None:
    request = one_corruption(strength=0.5)
    status, text = server.call("POST", "/v1/completions", completion_body(prompt, request, stream=True))
    assert status == 200
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    tokens = [token for event in events[:-1] for token in json.loads(event)["choices"][0]["token_ids"]]
    assert tokens == server.complete(prompt, request).token_ids


def test_many_at_once_are_each_as_the_reference(
    server: Server, reference: Reference, prompt: list[int]
) -> None:
    requests = [one_corruption(strength=0.5, seed=index) if index % 3 else None for index in range(12)]
    prompts = [prompt[: 40 + 9 * index] for index in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(server.complete, prompts, requests))
    for answer, tokens, request in zip(answers, prompts, requests, strict=True):
        assert_as_reference(reference, answer, tokens, request)


def test_aborts_in_the_middle_of_prompts_harm_nobody(
    server: Server, reference: Reference, prompt: list[int]
) -> None:
    request = one_corruption(strength=0.5)
    # More than are read before they are aborted.
    for first in range(8):
        long_prompt = (prompt[first:] * 20)[:1400]
        body = json.dumps(completion_body(long_prompt, request, stream=True)).encode()
        aborted = socket.create_connection(("127.0.0.1", server.port))
        aborted.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        with aborted:
            time.sleep(0.05)
    for wanted in (request, None):
        assert_as_reference(reference, server.complete(prompt, wanted), prompt, wanted)


def refused_start(tiny_model: Path, log: Path, changed: Callable[[], None]) -> str:
    """The line that an engine ends with in which something was changed."""
    process = start_server(
        *("--model", str(tiny_model), "--enforce-eager", "--host", "127.0.0.1", "--port", "9"),
        environment=ENGINE_ENVIRONMENT,
        log=log,
        changed=changed,
    )
    try:
        process.join(240)
        status = process.exitcode
    finally:
        end_server(process)
    said = log.read_text()
    assert status == 1, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("lethe: the engine will not start: ")]
    return line


def touch_otherwise() -> None:
    """Make vLLM look like another release."""
    from lethe.corruption.vllm_plugin import compatibility

    compatibility.file_digest = lambda package: ""
    compatibility.digests = lambda package: {}


def corrupt_nothing() -> None:
    """Make the runner look from outside like one that corrupts nothing: the probes' corruptions never reach it."""
    from vllm import SamplingParams

    from lethe.corruption.vllm_plugin import proof

    def without_corruption(extra_args: object, **others: Any) -> SamplingParams:
        return SamplingParams(**others)

    proof.SamplingParams = without_corruption


def test_a_vllm_with_other_touch_points_is_refused_with_one_line(tiny_model: Path, tmp_path: Path) -> None:
    line = refused_start(tiny_model, tmp_path / "log", touch_otherwise)
    assert "differs from the release in what corruption stands on" in line
    assert "InputProcessor.process_inputs in vllm/v1/engine/input_processor.py" in line


def test_an_engine_that_corrupts_nothing_does_not_serve(tiny_model: Path, tmp_path: Path) -> None:
    line = refused_start(tiny_model, tmp_path / "log", corrupt_nothing)
    assert line.endswith(
        "it does not corrupt as it must: flagged prompts, or all prompts, are answered alike"
    )

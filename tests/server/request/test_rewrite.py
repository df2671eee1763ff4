"""The engine gets what the client sent, and what the flagged targets ask for; no client can name a salt of the engine's."""

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.corruption import Corruption, CorruptionRequest, PlacedCorruption
from lethe.server.endpoints import ChatRequest, ResponsesRequest
from lethe.server.request.rewrite import rewrite
from tests.server.stack import chat

CORRUPTION = CorruptionRequest((PlacedCorruption("books", "1", Corruption("rand_noise_first_n", 3.0, 4)),))
SALTS = st.text(min_size=1, max_size=20)


def request(**fields: Any) -> ChatRequest:
    return ChatRequest.parse(json.dumps(chat("hi", **fields)).encode())


def test_without_a_flagged_target_the_body_is_as_the_client_sent_it() -> None:
    asked = request(temperature=0, tools=[{"type": "function"}])
    assert rewrite(asked, None, "1") == asked.body


def test_a_corruption_travels_beside_the_body() -> None:
    asked = request(temperature=0)
    body = rewrite(asked, CORRUPTION, "1")
    assert CorruptionRequest.from_xargs(body["vllm_xargs"]) == CORRUPTION
    assert body == asked.body | {"vllm_xargs": body["vllm_xargs"]}


def test_an_adapter_is_asked_for_in_the_models_place() -> None:
    asked = request(temperature=0)
    assert rewrite(asked, None, "1", "an-adapter") == asked.body | {"model": "an-adapter"}


def test_an_adapter_and_a_corruption_go_together() -> None:
    body = rewrite(request(), CORRUPTION, "1", "an-adapter")
    assert (body["model"], body["vllm_xargs"]) == ("an-adapter", CORRUPTION.to_xargs())


def test_what_an_endpoint_says_to_the_engine_is_kept() -> None:
    asked = ResponsesRequest.parse(b'{"input": "hi"}')
    assert rewrite(asked, None, "1") == asked.for_engine("1")


@pytest.mark.parametrize("corruption", [None, CORRUPTION])
def test_the_request_itself_is_not_changed(corruption: CorruptionRequest | None) -> None:
    asked = request(cache_salt="mine")
    before = copy.deepcopy(asked.body)
    rewrite(asked, corruption, "1", "an-adapter")
    assert asked.body == before


@given(SALTS, SALTS)
def test_salts_are_folded_apart_and_alike_for_clean_and_corrupted_prompts(one: str, other: str) -> None:
    def salt(given_as: str, corruption: CorruptionRequest | None) -> str:
        return rewrite(request(cache_salt=given_as), corruption, "1")["cache_salt"]

    assert (salt(one, None) == salt(other, CORRUPTION)) is (one == other)
    assert re.fullmatch("[0-9a-f]{64}", salt(one, None))
    assert salt(one, None) != one

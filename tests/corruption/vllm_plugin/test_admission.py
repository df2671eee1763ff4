"""What the engine lets in, and what it settles about it."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lethe.corruption.request import XARGS_KEY, CorruptionRequest, CorruptionRequestError, prompt_digest
from lethe.corruption.vllm_plugin.telemetry import CORRUPTED, DISAGREEMENTS
from tests.corruption.vllm_plugin.engine_requests import (
    NEEDS_VLLM,
    PROMPT,
    WIDTH,
    a_request,
    admit,
    an_engine_request,
    garbage,
    settled_request,
)

pytestmark = NEEDS_VLLM


def test_other_requests_pass_untouched() -> None:
    request = an_engine_request({"other": 1}, cache_salt="mine")
    admit(request)
    assert request.cache_salt == "mine"
    assert request.sampling_params is not None
    assert request.sampling_params.extra_args == {"other": 1}


def test_ranges_become_explicit_by_the_engines_count() -> None:
    request = an_engine_request({"other": 1, **a_request().to_xargs()})
    admit(request)
    settled = settled_request(request)
    assert settled.placed[0].ranges == ((0, 5),)
    assert (settled.prompt_tokens, settled.prompt_digest) == (6, prompt_digest(PROMPT))
    assert request.sampling_params is not None
    assert request.sampling_params.extra_args is not None
    assert request.sampling_params.extra_args["other"] == 1


def test_ranges_that_agree_are_kept() -> None:
    wanted = a_request(((1, 3),), 6, prompt_digest(PROMPT))
    before = DISAGREEMENTS._value.get()
    request = an_engine_request(wanted.to_xargs())
    admit(request)
    assert settled_request(request).placed == wanted.placed
    assert DISAGREEMENTS._value.get() == before


@pytest.mark.parametrize(
    "wanted",
    [
        a_request(((1, 3),), 7, prompt_digest(PROMPT)),
        a_request(((1, 3),), 6, prompt_digest([1, 2])),
        a_request(((1, 30),)),
    ],
)
def test_disagreement_corrupts_all_but_the_last_and_is_counted(wanted: CorruptionRequest) -> None:
    before = DISAGREEMENTS._value.get()
    request = an_engine_request(wanted.to_xargs())
    admit(request)
    assert settled_request(request).placed[0].ranges == ((0, 5),)
    assert DISAGREEMENTS._value.get() == before + 1


def test_a_callers_salt_stays_and_none_is_made() -> None:
    for salt in (None, "mine"):
        request = an_engine_request(a_request().to_xargs(), cache_salt=salt)
        admit(request)
        assert request.cache_salt == salt


def test_a_prompt_whose_blocks_leave_the_engine_is_salted_as_a_whole() -> None:
    salts = []
    for salt, wanted, prompt in [
        (None, a_request(), PROMPT),
        ("mine", a_request(), PROMPT),
        (None, a_request(seed=4), PROMPT),
        (None, a_request(), [*PROMPT[:-1], 2]),
        (None, a_request(), [*PROMPT, 1]),
    ]:
        request = an_engine_request(wanted.to_xargs(), prompt, cache_salt=salt)
        admit(request, leaves_engine=True)
        salts.append(request.cache_salt)
    assert len(set(salts) - {None, "mine"}) == len(salts)


@pytest.mark.parametrize(
    ("request_fields", "wanted", "message"),
    [
        ({}, a_request(dims=WIDTH + 1), "hidden size 16"),
        ({"resumable": True}, a_request(), "in parts"),
        ({"prompt_token_ids": None, "prompt_embeds": torch.zeros(3, WIDTH)}, a_request(), "embeddings"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(
    request_fields: dict[str, Any], wanted: CorruptionRequest, message: str
) -> None:
    with pytest.raises(CorruptionRequestError, match=message):
        admit(an_engine_request(wanted.to_xargs(), **request_fields))


@given(garbage)
def test_garbage_is_refused_by_name(value: object) -> None:
    for candidate in (value, json.dumps(value)):
        with pytest.raises(CorruptionRequestError):
            admit(an_engine_request({XARGS_KEY: candidate}))


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=3),
    st.none() | st.integers(-1, 12),
    st.none() | st.text(max_size=16),
)
def test_whatever_is_admitted_lies_within_the_prompt(
    ranges: list[tuple[int, int]], tokens: int | None, digest: str | None
) -> None:
    before = CORRUPTED._value.get()
    try:
        request = an_engine_request(a_request(tuple(ranges) or None, tokens, digest).to_xargs())
    except CorruptionRequestError:
        return
    admit(request)
    settled = settled_request(request)
    assert settled.placed[0].ranges is not None
    assert 0 < settled.placed[0].ranges[-1][1] <= len(PROMPT)
    assert CORRUPTED._value.get() == before + 1

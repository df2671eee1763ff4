"""Which rows of a step's batch are corrupted."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given

from lethe.corruption.request import XARGS_KEY
from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM, PROMPT, WIDTH, a_request, garbage

if TYPE_CHECKING:
    from lethe.corruption.vllm_plugin.step import FlaggedPrompts

pytestmark = NEEDS_VLLM


def parameters(extra_args: Any) -> Any:
    return SimpleNamespace(extra_args=extra_args)


def flagged_prompts() -> "FlaggedPrompts":
    from lethe.corruption.vllm_plugin.step import FlaggedPrompts

    return FlaggedPrompts()


def test_clean_requests_need_nothing() -> None:
    prompts = flagged_prompts()
    prompts.add("clean", None, PROMPT)
    assert len(prompts) == 0
    assert prompts.step(["clean"], np.array([0]), np.array([0, 6])) is None


def test_rows_follow_the_layout_of_the_batch() -> None:
    prompts = flagged_prompts()
    prompts.add("flagged", parameters(a_request(((1, 5),)).to_xargs()), PROMPT)
    step = prompts.step(["clean", "flagged"], np.array([10, 2]), np.array([0, 1, 3]))
    assert step is not None
    assert step.rows.tolist() == [1, 2]
    assert step.token_ids.tolist() == PROMPT[2:4]
    assert step.changes[0].sites.tolist() == [2, 3]


def test_equal_corruptions_are_done_together() -> None:
    prompts = flagged_prompts()
    for name in ("a", "b"):
        prompts.add(name, parameters(a_request().to_xargs()), PROMPT)
    step = prompts.step(["a", "b"], np.array([0, 0]), np.array([0, 6, 12]))
    assert step is not None
    assert len(step.changes) == 1
    assert step.changes[0].sites.tolist() == [0, 1, 2, 3, 4] * 2


def test_generated_tokens_are_never_touched() -> None:
    prompts = flagged_prompts()
    prompts.add("r", parameters(a_request().to_xargs()), PROMPT)
    assert prompts.step(["r"], np.array([6]), np.array([0, 1])) is None
    recomputed = prompts.step(["r"], np.array([0]), np.array([0, 9]))
    assert recomputed is not None
    assert recomputed.rows.tolist() == [0, 1, 2, 3, 4]


def test_ended_requests_are_forgotten() -> None:
    prompts = flagged_prompts()
    prompts.add("r", parameters(a_request().to_xargs()), PROMPT)
    prompts.discard("r")
    assert prompts.step(["r"], np.array([0]), np.array([0, 6])) is None


def test_another_count_than_admission_made_touches_all_but_the_last() -> None:
    prompts = flagged_prompts()
    prompts.add("r", parameters(a_request(((0, 1),), tokens=99).to_xargs()), PROMPT)
    step = prompts.step(["r"], np.array([0]), np.array([0, 6]))
    assert step is not None
    assert step.rows.tolist() == [0, 1, 2, 3, 4]


@given(garbage)
def test_what_admission_never_lets_through_blanks_the_prompt(value: object) -> None:
    prompts = flagged_prompts()
    prompts.add("r", parameters({XARGS_KEY: value}), PROMPT)
    step = prompts.step(["r"], np.array([0]), np.array([0, 6]))
    assert step is not None
    assert step.rows.tolist() == [0, 1, 2, 3, 4]
    assert step.changes[0].corruption.function == "zero_out_first_n"
    assert step.changes[0].corruption.dims >= WIDTH

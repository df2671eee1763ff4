"""What an engine's answers to the probes prove; the real engine gives its own in the end-to-end tests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lethe.corruption.request import CorruptionRequest
from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

    from lethe.corruption.vllm_plugin.proof import Probes

pytestmark = NEEDS_VLLM

CLEAN = {1: -0.1, 2: -3.0, 3: -4.0}
OTHER = {4: -0.2, 2: -3.5, 5: -4.0}
NOISE = {6: -1.0, 7: -2.0, 8: -2.5}


def rounded(logprobs: dict[int, float]) -> dict[int, float]:
    """The same as another composition of the batch gives it."""
    return {token: logprob + 0.02 for token, logprob in logprobs.items()}


@pytest.fixture
def probes() -> "Probes":
    """Those of an engine that corrupts as it must."""
    from lethe.corruption.vllm_plugin.proof import Probes

    return Probes(rounded(CLEAN), CLEAN, OTHER, rounded(OTHER), NOISE, rounded(NOISE))


def fault(probes: "Probes", **changes: dict[int, float]) -> str | None:
    from lethe.corruption.vllm_plugin.proof import fault_of

    return fault_of(replace(probes, **changes))


def test_roundings_are_no_fault(probes: "Probes") -> None:
    assert fault(probes) is None


def test_flagged_prompts_that_are_read_clean_are(probes: "Probes") -> None:
    assert (
        fault(probes, noise=CLEAN, same_noise=CLEAN) == "flagged prompts, or all prompts, are answered alike"
    )


def test_so_are_those_that_are_read_clean_but_for_roundings(probes: "Probes") -> None:
    near = rounded(CLEAN)
    found = fault(probes, reordered=near, noise=near, same_noise=near)
    assert found == "flagged prompts, or all prompts, are answered alike"


def test_so_is_an_order_that_is_not_kept(probes: "Probes") -> None:
    assert "not read in that order" in str(fault(probes, reordered=CLEAN))


def test_so_is_noise_that_leaves_something_of_the_prompt(probes: "Probes") -> None:
    assert "not read alike" in str(fault(probes, same_noise=OTHER))


def test_so_is_a_corruption_that_falls_on_the_wrong_rows(probes: "Probes") -> None:
    assert "a clean prompt changes beside flagged ones" in str(fault(probes, alone=NOISE))


def test_a_model_that_cannot_tell_anything_apart_proves_nothing(probes: "Probes") -> None:
    same = dict.fromkeys(("alone", "clean", "other", "reordered", "noise", "same_noise"), CLEAN)
    assert fault(probes, **same) is not None


@pytest.mark.parametrize(
    ("parallel", "proven"),
    [
        pytest.param({}, [None], id="one"),
        pytest.param({"data_parallel_size": 4}, [0, 1, 2, 3], id="replicas"),
        pytest.param(
            {"data_parallel_size": 4, "data_parallel_size_local": 2, "data_parallel_hybrid_lb": True},
            [0, 1],
            id="a-hosts-own",
        ),
        pytest.param(
            {"data_parallel_size": 4, "data_parallel_size_local": 1, "data_parallel_external_lb": True},
            [None],
            id="each-behind-a-balancer",
        ),
    ],
)
def test_every_replica_that_an_api_server_can_ask_is_proven(
    parallel: dict[str, Any], proven: list[int | None]
) -> None:
    from vllm.config import ParallelConfig

    from lethe.corruption.vllm_plugin.proof import prove

    asked = []

    class Engine:
        """Corrupts as it must; the next token is always the one that it read first."""

        vllm_config = SimpleNamespace(
            model_config=SimpleNamespace(
                max_logprobs=20, get_vocab_size=lambda: 1000, get_hidden_size=lambda: 16
            ),
            parallel_config=ParallelConfig(**parallel),
        )

        async def generate(
            self, prompt: Any, parameters: Any, request_id: str, data_parallel_rank: int | None
        ) -> AsyncIterator[Any]:
            asked.append(data_parallel_rank)
            first, *_, last, _ = prompt["prompt_token_ids"]
            corruption = CorruptionRequest.from_xargs(parameters.extra_args)
            if corruption is not None:
                moved = corruption.placed[0].corruption.function == "reverse_order"
                first = last if moved else 999
            logprobs = {first: SimpleNamespace(logprob=-0.1), 0: SimpleNamespace(logprob=-3.0)}
            yield SimpleNamespace(outputs=[SimpleNamespace(logprobs=[logprobs])])

    asyncio.run(prove(cast("AsyncLLM", Engine())))
    assert [*dict.fromkeys(asked)] == proven

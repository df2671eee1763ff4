"""What an engine's answers to the probes prove; the real engine gives its own in the end-to-end tests."""

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lethe.corruption.vllm_plugin.proof import Probes

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")

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


def test_so_is_an_order_that_is_not_kept(probes: "Probes") -> None:
    assert "not read in that order" in str(fault(probes, reordered=CLEAN))


def test_so_is_noise_that_leaves_something_of_the_prompt(probes: "Probes") -> None:
    assert "not read alike" in str(fault(probes, same_noise=OTHER))


def test_so_is_a_corruption_that_falls_on_the_wrong_rows(probes: "Probes") -> None:
    assert "a clean prompt changes beside flagged ones" in str(fault(probes, alone=NOISE))


def test_a_model_that_cannot_tell_anything_apart_proves_nothing(probes: "Probes") -> None:
    same = dict.fromkeys(("alone", "clean", "other", "reordered", "noise", "same_noise"), CLEAN)
    assert fault(probes, **same) is not None

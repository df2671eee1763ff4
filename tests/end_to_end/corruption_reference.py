"""Whether an engine says what a corrupted model must say."""

import os

import pytest

from bench.reference_model import Answer, Reference
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, Ranges
from tests.end_to_end.running_proxy import WITHOUT_WORKER_PROCESS

ENGINE_ENVIRONMENT = {
    **os.environ,
    **WITHOUT_WORKER_PROCESS,
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}


def assert_as_reference(
    reference: Reference, answer: Answer, prompt: list[int], request: CorruptionRequest | None
) -> None:
    """Check that an answer is the reference's greedy one, token by token, with the same log probabilities."""
    grading = reference.grade(prompt, request, answer.token_ids)
    assert answer.logprobs == pytest.approx(grading.logprobs, abs=2e-3)
    assert grading.logprobs == pytest.approx(grading.best, abs=2e-3)


def one_corruption(
    function: str = "rand_noise_first_n",
    strength: float = 1.0,
    dims: int = 8,
    ranges: Ranges | None = None,
    seed: int = 1,
    vector: tuple[float, ...] | None = None,
) -> CorruptionRequest:
    corruption = Corruption(function, strength, dims, vector, seed)
    return CorruptionRequest((PlacedCorruption("test", "1", corruption, ranges),))

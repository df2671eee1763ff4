"""Whether an engine says what a corrupted model must say."""

import os
from pathlib import Path
from typing import Any

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
# vLLM's V2 runner on its own CPU path, with the kernels of Triton run by Triton's interpreter.
V2_RUNNER = {
    "VLLM_USE_V2_MODEL_RUNNER": "1",
    "TRITON_INTERPRET": "1",
    "PYTHONPATH": os.pathsep.join(
        filter(None, (str(Path(__file__).with_name("interpreted_triton")), os.environ.get("PYTHONPATH", "")))
    ),
}
TOKENS = 12
QUESTIONS = [
    "Who is Harry Potter?",
    "Name the capital of France and one river that runs through it.",
    "Why is the sky blue?",
    "What is two plus two?",
    "List three colours of the rainbow.",
    "Who wrote Pride and Prejudice, and when?",
    "Give me a short recipe for pancakes.",
    "What does a carpenter do all day long, from the morning to the evening?",
]
LONG_QUESTION = "Explain this: " + " ".join(
    f"item {number} costs {number * 7} coins," for number in range(30)
)


def engine_arguments(model: Path, **changes: Any) -> dict[str, Any]:
    return {
        "model": str(model),
        "dtype": "float32",
        "enforce_eager": True,
        "max_model_len": 1024,
        "max_num_batched_tokens": 1024,
        "seed": 0,
        **changes,
    }


def request_to_engine(
    prompt: list[int], corruption: CorruptionRequest | None = None, max_tokens: int = TOKENS, **sampling: Any
) -> dict[str, Any]:
    return {
        "token_ids": prompt,
        "corruption": corruption,
        "sampling": {
            "temperature": 0,
            "max_tokens": max_tokens,
            "logprobs": 0,
            "extra_args": corruption.to_xargs() if corruption else None,
            **sampling,
        },
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


def assert_output_as_reference(reference: Reference, request: dict[str, Any], output: dict[str, Any]) -> None:
    for choice in output["choices"]:
        answer = Answer(choice["token_ids"], choice["logprobs"])
        assert_as_reference(reference, answer, request["token_ids"], request["corruption"])

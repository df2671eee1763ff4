"""Whether an engine says what a corrupted model must say."""

import os
from pathlib import Path
from typing import Any

import pytest

from bench.engine.reference_model import Answer, Reference
from lethe.corruption.request import CorruptionRequest
from tests.end_to_end.running_proxy import WITHOUT_WORKER_PROCESS

ENGINE_ENVIRONMENT = {
    **os.environ,
    **WITHOUT_WORKER_PROCESS,
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
    # As `lethe serve` starts it: what log probabilities need is compiled for longer than most of these engines run.
    "TORCHDYNAMO_DISABLE": "1",
}
# vLLM's V2 runner on its own CPU path, with the kernels of Triton run by Triton's interpreter.
V2_RUNNER = {
    "VLLM_USE_V2_MODEL_RUNNER": "1",
    "TRITON_INTERPRET": "1",
    "PYTHONPATH": os.pathsep.join(
        filter(None, (str(Path(__file__).with_name("interpreted_triton")), os.environ.get("PYTHONPATH", "")))
    ),
}


def engine_arguments(model: Path, **changes: Any) -> dict[str, Any]:
    return {
        "model": str(model),
        "dtype": "float32",
        "enforce_eager": True,
        "max_model_len": 1024,
        "max_num_batched_tokens": 1024,
        "num_gpu_blocks_override": 64,
        "seed": 0,
        **changes,
    }


def assert_as_reference(
    reference: Reference, answer: Answer, prompt: list[int], request: CorruptionRequest | None
) -> None:
    """Check that an answer is the reference's greedy one, token by token, with the same log probabilities."""
    grading = reference.grade(prompt, request, answer.token_ids)
    assert answer.logprobs == pytest.approx(grading.logprobs, abs=2e-3)
    assert grading.logprobs == pytest.approx(grading.best, abs=2e-3)


def assert_output_as_reference(reference: Reference, request: dict[str, Any], output: dict[str, Any]) -> None:
    for choice in output["choices"]:
        answer = Answer(choice["token_ids"], choice["logprobs"])
        assert_as_reference(reference, answer, request["token_ids"], request["corruption"])

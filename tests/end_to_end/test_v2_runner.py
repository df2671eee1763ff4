"""vLLM's V2 model runner, the default on GPUs, on CPU: its kernels are Triton's, and Triton's interpreter runs them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.engine.job import EngineJob, run_engine_job
from bench.engine.random_adapters import write_random_adapter
from bench.engine.reference_model import Reference
from bench.engine.requests import LONG_QUESTION, QUESTIONS, one_corruption, request_to_engine
from tests.end_to_end.corruption_reference import (
    ENGINE_ENVIRONMENT,
    V2_RUNNER,
    assert_output_as_reference,
    engine_arguments,
)

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed"),
]

TOKENS = 6
RUNNER = "Corruption is attached to the V2 model runner."


@pytest.fixture(scope="module")
def reference(tiny_model: Path) -> Reference:
    return Reference.load(tiny_model)


@pytest.fixture(scope="module")
def run_batches(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    def run(batches: list[list[dict[str, Any]]], **changes: Any) -> list[dict[str, Any]]:
        small = {"max_model_len": 512, "max_num_seqs": 8}
        arguments = engine_arguments(tiny_model, **(small | changes))
        environment = {**ENGINE_ENVIRONMENT, **V2_RUNNER, "VLLM_LOGGING_LEVEL": "INFO"}
        log = tmp_path_factory.mktemp("engine") / "log"
        results = run_engine_job(EngineJob(arguments, batches, environment, imports_anew=True), log)
        assert RUNNER in log.read_text()
        return results

    return run


@pytest.fixture(scope="module")
def mixed(reference: Reference) -> list[dict[str, Any]]:
    """Every other request flagged, each with another corruption."""
    corruptions = [
        one_corruption(function, 0.3, 40, vector=vector, seed=index)
        for index, (function, vector) in enumerate(
            [
                ("rand_noise_top_k", None),
                ("reverse_order", None),
                ("add_vector_first_n", tuple(0.02 * d for d in range(40))),
                ("zero_out_first_n", None),
            ]
        )
    ]
    batch = []
    for index, question in enumerate(QUESTIONS):
        corruption = corruptions[index // 2] if index % 2 else None
        batch.append(request_to_engine(reference.chat_tokens(question), corruption, TOKENS))
    return batch


class TestCrowdedEngine:
    """Chunks smaller than prompts, a cache too small for the batch, an adapter, prefix caching."""

    @pytest.fixture(scope="class")
    def adapter(self, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("adapter") / "adapter"
        return write_random_adapter(tiny_model, folder, rank=8, scale=0.2, layers=("q_proj", "v_proj"))

    @pytest.fixture(scope="class")
    def batches(
        self, reference: Reference, adapter: Path, mixed: list[dict[str, Any]]
    ) -> dict[str, list[dict[str, Any]]]:
        flagged = one_corruption(strength=0.5)
        questions = [reference.chat_tokens(question) for question in QUESTIONS]
        long = reference.chat_tokens(LONG_QUESTION)[-300:]
        crowd = [
            request_to_engine(prompt, flagged if index % 2 else None, 60, ignore_eos=True)
            for index, prompt in enumerate(questions)
        ]
        unlike = one_corruption(strength=0.5, seed=3)
        repeated = [request_to_engine(long[5:105], corruption, TOKENS) for corruption in (None, unlike)]
        return {
            "preempted": crowd,
            "mixed": mixed,
            "in chunks": [
                request_to_engine(long, flagged, TOKENS),
                request_to_engine(long[1:], None, TOKENS),
                request_to_engine(long[2:], one_corruption("shuffle", seed=2), TOKENS),
            ],
            "cached": repeated[:1],
            "not cached": repeated[1:],
            "cached corrupted": repeated[1:],
            "adapted": [
                {**request_to_engine(questions[0], corruption, TOKENS), "lora": str(adapter)}
                for corruption in (None, flagged)
            ],
        }

    @pytest.fixture(scope="class")
    def results(self, run_batches: Callable[..., Any], batches: dict[str, Any]) -> dict[str, dict[str, Any]]:
        results = run_batches(
            [*batches.values()],
            max_num_batched_tokens=56,
            block_size=32,
            num_gpu_blocks_override=24,
            enable_lora=True,
            max_lora_rank=8,
        )
        return dict(zip(batches, results, strict=True))

    @pytest.mark.parametrize("name", ["preempted", "mixed", "in chunks", "cached", "not cached"])
    def test_flagged_and_clean_requests_are_as_the_reference(
        self, reference: Reference, batches: Any, results: Any, name: str
    ) -> None:
        for request, output in zip(batches[name], results[name]["outputs"], strict=True):
            assert_output_as_reference(reference, request, output)

    def test_requests_were_preempted(self, results: Any) -> None:
        assert results["preempted"]["counters"]["vllm:num_preemptions"] > 0

    def test_a_corrupted_prefix_is_shared_with_its_like_alone(
        self, reference: Reference, batches: Any, results: Any
    ) -> None:
        hits = {name: each["counters"]["vllm:prefix_cache_hits"] for name, each in results.items()}
        assert hits["not cached"] == hits["cached"]
        assert hits["cached corrupted"] == hits["not cached"] + 96
        (request,), (output,) = batches["cached corrupted"], results["cached corrupted"]["outputs"]
        assert_output_as_reference(reference, request, output)

    def test_adapters_work_on_corrupted_prompts(
        self, reference: Reference, tiny_model: Path, adapter: Path, batches: Any, results: Any
    ) -> None:
        from peft import PeftModel

        fresh = Reference.load(tiny_model)
        adapted = Reference(
            PeftModel.from_pretrained(fresh.model, adapter).merge_and_unload(), fresh.tokenizer
        )
        for request, output in zip(batches["adapted"], results["adapted"]["outputs"], strict=True):
            assert_output_as_reference(adapted, request, output)
            choice = output["choices"][0]
            unadapted = reference.grade(request["token_ids"], request["corruption"], choice["token_ids"])
            assert choice["logprobs"] != pytest.approx(unadapted.logprobs, abs=1e-3)


def test_ngram_speculation_is_as_the_reference(
    reference: Reference, run_batches: Callable[..., Any], mixed: list[dict[str, Any]]
) -> None:
    speculation = {
        "method": "ngram",
        "num_speculative_tokens": 3,
        "prompt_lookup_max": 3,
        "prompt_lookup_min": 1,
    }
    (result,) = run_batches([mixed], speculative_config=speculation, max_num_batched_tokens=48)
    assert result["counters"]["vllm:spec_decode_num_drafts"] > 0
    for request, output in zip(mixed, result["outputs"], strict=True):
        assert_output_as_reference(reference, request, output)

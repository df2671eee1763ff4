"""The correctness matrix: what a production engine does to a prompt must not change its corruption."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.engine.job import EngineJob, run_engine_job
from bench.engine.random_adapters import write_random_adapter
from bench.engine.reference_model import Reference
from bench.engine.requests import LONG_QUESTION, QUESTIONS, one_corruption, request_to_engine
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from tests.end_to_end.corruption_reference import (
    ENGINE_ENVIRONMENT,
    assert_output_as_reference,
    engine_arguments,
)

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def reference(small_model: Path) -> Reference:
    return Reference.load(small_model)


@pytest.fixture(scope="session")
def tiny_reference(tiny_model: Path) -> Reference:
    return Reference.load(tiny_model)


@pytest.fixture(scope="session")
def run_batches(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    def run(
        engine: dict[str, Any], batches: list[list[dict[str, Any]]], embed: bool = False, **environment: str
    ) -> list[dict[str, Any]]:
        job = EngineJob(engine, batches, {**ENGINE_ENVIRONMENT, **environment}, embed)
        return run_engine_job(job, tmp_path_factory.mktemp("engine") / "log")

    return run


@pytest.fixture(scope="session")
def mixed_batches(reference: Reference) -> list[list[dict[str, Any]]]:
    """Batches of 1 to 16, every other request flagged, each with another corruption."""
    names = sorted(FUNCTIONS)
    batches = []
    for size in (1, 2, 3, 8, 16):
        batch = []
        for index in range(size):
            name = names[(index // 2) % len(names)]
            vector = tuple(0.02 * d for d in range(40)) if FUNCTIONS[name].takes_vector else None
            corruption = one_corruption(name, 0.3, 40, vector=vector, seed=index) if index % 2 else None
            if size == 1:
                corruption = one_corruption()
            batch.append(request_to_engine(reference.chat_tokens(QUESTIONS[index % 8]), corruption))
        batches.append(batch)
    return batches


@pytest.fixture(scope="session")
def tiny_batch(tiny_reference: Reference, mixed_batches: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Eight requests to the tiny model, every other one flagged."""
    return [
        {**request, "token_ids": tiny_reference.chat_tokens(question)}
        for request, question in zip(mixed_batches[3], QUESTIONS, strict=True)
    ]


@pytest.fixture(scope="session")
def all_functions(reference: Reference) -> list[dict[str, Any]]:
    """One flagged request a function, and one with two corruptions one after another."""
    prompt = reference.chat_tokens(QUESTIONS[5])
    batch = []
    for name, function in sorted(FUNCTIONS.items()):
        vector = tuple(0.02 * d for d in range(40)) if function.takes_vector else None
        batch.append(request_to_engine(prompt, one_corruption(name, 0.3, 40, vector=vector)))
    first = one_corruption("rand_noise_first_n", 0.5, 20, ranges=((3, 9),)).placed[0]
    second = one_corruption("shuffle", ranges=((5, 14),)).placed[0]
    both = CorruptionRequest((first, PlacedCorruption("other", "1", second.corruption, second.ranges)))
    return [*batch, request_to_engine(prompt, both)]


def without_corruptions(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same requests, all clean."""
    return [{**each, "sampling": {**each["sampling"], "extra_args": None}} for each in batch]


class TestPlainEngine:
    """One engine with the plugin and one without, on the same mixed batches."""

    @pytest.fixture(scope="class")
    def batches(
        self,
        reference: Reference,
        mixed_batches: list[list[dict[str, Any]]],
        all_functions: list[dict[str, Any]],
    ) -> list[list[dict[str, Any]]]:
        question = reference.chat_tokens(QUESTIONS[0])
        answer = reference.tokenizer(" He is a wizard, and he lives in London.", add_special_tokens=False)[
            "input_ids"
        ]
        scored = one_corruption(strength=0.5, ranges=((0, len(question) - 1),))
        scoring = [
            request_to_engine(question + answer, scored, max_tokens=1, prompt_logprobs=0),
            request_to_engine(question + answer, None, max_tokens=1, prompt_logprobs=0),
        ]
        # Greedy decoding allows one choice; sampling from the likeliest token alone comes to the same.
        likeliest = {"temperature": 1.0, "top_k": 1}
        several = [
            request_to_engine(question, one_corruption(), n=3, **likeliest),
            request_to_engine(question, None, n=2, **likeliest),
        ]
        return [*mixed_batches, all_functions, scoring, several]

    @pytest.fixture(scope="class")
    def with_plugin(
        self, small_model: Path, run_batches: Callable[..., Any], batches: Any
    ) -> list[dict[str, Any]]:
        return run_batches(engine_arguments(small_model), batches)

    @pytest.fixture(scope="class")
    def without_plugin(
        self, small_model: Path, run_batches: Callable[..., Any], mixed_batches: list[list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        clean = [without_corruptions(batch) for batch in mixed_batches]
        return run_batches(engine_arguments(small_model), clean, VLLM_PLUGINS="")

    @pytest.mark.parametrize("index", range(5))
    def test_flagged_requests_in_mixed_batches_are_as_the_reference(
        self, reference: Reference, batches: Any, with_plugin: Any, index: int
    ) -> None:
        for request, output in zip(batches[index], with_plugin[index]["outputs"], strict=True):
            assert_output_as_reference(reference, request, output)

    @pytest.mark.parametrize("index", range(5))
    def test_clean_requests_in_mixed_batches_are_as_without_the_plugin(
        self, batches: Any, with_plugin: Any, without_plugin: Any, index: int
    ) -> None:
        for request, output, bare in zip(
            batches[index], with_plugin[index]["outputs"], without_plugin[index]["outputs"], strict=True
        ):
            if request["corruption"] is None:
                assert output["choices"][0]["token_ids"] == bare["choices"][0]["token_ids"]
                assert output["choices"][0]["logprobs"] == pytest.approx(
                    bare["choices"][0]["logprobs"], abs=1e-4
                )

    def test_flagged_requests_differ_from_the_clean_ones(
        self, batches: Any, with_plugin: Any, without_plugin: Any
    ) -> None:
        for request, output, bare in zip(
            batches[4], with_plugin[4]["outputs"], without_plugin[4]["outputs"], strict=True
        ):
            if request["corruption"] is not None:
                assert output["choices"][0]["logprobs"] != pytest.approx(
                    bare["choices"][0]["logprobs"], abs=1e-4
                )

    def test_every_function_is_as_the_reference(
        self, reference: Reference, batches: Any, with_plugin: Any
    ) -> None:
        for request, output in zip(batches[5], with_plugin[5]["outputs"], strict=True):
            assert_output_as_reference(reference, request, output)

    def test_scoring_corrupts_the_prompt_alone(
        self, reference: Reference, batches: Any, with_plugin: Any
    ) -> None:
        prompt_tokens = len(reference.chat_tokens(QUESTIONS[0]))
        for request, output in zip(batches[6], with_plugin[6]["outputs"], strict=True):
            expected = reference.score(request["token_ids"], prompt_tokens, request["corruption"])
            assert output["prompt_logprobs"] == pytest.approx(expected, abs=2e-3)

    def test_every_choice_of_a_request_is_corrupted(
        self, reference: Reference, batches: Any, with_plugin: Any
    ) -> None:
        outputs = with_plugin[7]["outputs"]
        assert [len(output["choices"]) for output in outputs] == [3, 2]
        for request, output in zip(batches[7], outputs, strict=True):
            assert_output_as_reference(reference, request, output)


class TestCrowdedEngine:
    """Chunks far smaller than prompts, a cache too small for the batch, an adapter, prefix caching."""

    @pytest.fixture(scope="class")
    def adapter(self, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """An adapter on queries and values, as it is exported."""
        folder = tmp_path_factory.mktemp("adapter") / "adapter"
        return write_random_adapter(tiny_model, folder, rank=8, scale=0.2, layers=("q_proj", "v_proj"))

    @pytest.fixture(scope="class")
    def batches(self, tiny_reference: Reference, adapter: Path) -> list[list[dict[str, Any]]]:
        corruptions = [one_corruption(strength=0.5, seed=index) if index % 2 else None for index in range(8)]
        crowd = [
            request_to_engine(
                tiny_reference.chat_tokens(question), corruption, max_tokens=60, ignore_eos=True
            )
            for question, corruption in zip(QUESTIONS, corruptions, strict=True)
        ]
        prompts = [tiny_reference.chat_tokens(f"{question} {LONG_QUESTION}") for question in QUESTIONS]
        long_prompts = [
            request_to_engine(prompt, corruption)
            for prompt, corruption in zip(prompts[:4], corruptions[:4], strict=True)
        ]
        orders = [request_to_engine(prompts[0], one_corruption("shuffle", seed=2))]
        adapted = [
            {**request_to_engine(prompts[0][-60:], corruption), "lora": str(adapter)}
            for corruption in (None, one_corruption(strength=0.5))
        ]
        return [crowd, long_prompts, orders, adapted]

    @pytest.fixture(scope="class", params=[16, 56])
    def results(
        self, request: pytest.FixtureRequest, tiny_model: Path, run_batches: Callable[..., Any], batches: Any
    ) -> list[dict[str, Any]]:
        arguments = engine_arguments(
            tiny_model,
            max_model_len=512,
            max_num_batched_tokens=request.param,
            max_num_seqs=8,
            block_size=32,
            num_gpu_blocks_override=24,
            enable_lora=True,
            max_lora_rank=8,
        )
        return run_batches(arguments, batches)

    def test_preempted_requests_are_as_the_reference(
        self, tiny_reference: Reference, batches: Any, results: Any
    ) -> None:
        assert results[0]["counters"]["vllm:num_preemptions"] > 0
        for request, output in zip(batches[0], results[0]["outputs"], strict=True):
            assert_output_as_reference(tiny_reference, request, output)

    def test_prompts_in_small_chunks_are_as_the_reference(
        self, tiny_reference: Reference, batches: Any, results: Any
    ) -> None:
        for request, output in zip(batches[1], results[1]["outputs"], strict=True):
            assert_output_as_reference(tiny_reference, request, output)

    def test_tokens_are_shuffled_across_chunks(
        self, tiny_reference: Reference, batches: Any, results: Any
    ) -> None:
        assert_output_as_reference(tiny_reference, batches[2][0], results[2]["outputs"][0])

    def test_adapters_work_on_corrupted_prompts(
        self, tiny_reference: Reference, tiny_model: Path, adapter: Path, batches: Any, results: Any
    ) -> None:
        from peft import PeftModel

        fresh = Reference.load(tiny_model)
        adapted = Reference(
            PeftModel.from_pretrained(fresh.model, adapter).merge_and_unload(), fresh.tokenizer
        )
        for request, output in zip(batches[3], results[3]["outputs"], strict=True):
            assert_output_as_reference(adapted, request, output)
            choice = output["choices"][0]
            unadapted = tiny_reference.grade(request["token_ids"], request["corruption"], choice["token_ids"])
            assert choice["logprobs"] != pytest.approx(unadapted.logprobs, abs=1e-3)


def test_ngram_speculation_is_as_the_reference(
    reference: Reference,
    small_model: Path,
    run_batches: Callable[..., Any],
    mixed_batches: list[list[dict[str, Any]]],
) -> None:
    speculation = {
        "method": "ngram",
        "num_speculative_tokens": 3,
        "prompt_lookup_max": 3,
        "prompt_lookup_min": 1,
    }
    arguments = engine_arguments(
        small_model, speculative_config=speculation, max_num_batched_tokens=48, max_num_seqs=8
    )
    (result,) = run_batches(arguments, [mixed_batches[3]])
    assert result["counters"]["vllm:spec_decode_num_drafts"] > 0
    for request, output in zip(mixed_batches[3], result["outputs"], strict=True):
        assert_output_as_reference(reference, request, output)


def test_clients_embeddings_in_the_batch_are_as_the_reference(
    tiny_reference: Reference, tiny_model: Path, run_batches: Callable[..., Any]
) -> None:
    first, *others = [tiny_reference.chat_tokens(question) for question in QUESTIONS[:4]]
    embeddings = tiny_reference.model.get_input_embeddings()(torch.tensor(first)).detach()
    corruptions = [one_corruption(strength=0.5), None, one_corruption("shuffle")]
    flagged = [request_to_engine(prompt, each) for prompt, each in zip(others, corruptions, strict=True)]
    batch = [request_to_engine(first), *flagged]
    sent = [{**batch[0], "embeddings": embeddings}, *flagged]
    (result,) = run_batches(engine_arguments(tiny_model, enable_prompt_embeds=True), [sent])
    for request, output in zip(batch, result["outputs"], strict=True):
        assert_output_as_reference(tiny_reference, request, output)


def test_in_bfloat16_only_flagged_prompts_are_other_than_without_the_plugin(
    tiny_model: Path, run_batches: Callable[..., Any], tiny_batch: list[dict[str, Any]]
) -> None:
    arguments = engine_arguments(tiny_model, dtype="bfloat16")
    (with_plugin,) = run_batches(arguments, [tiny_batch])
    (without_plugin,) = run_batches(arguments, [without_corruptions(tiny_batch)], VLLM_PLUGINS="")
    for request, *outputs in zip(tiny_batch, with_plugin["outputs"], without_plugin["outputs"], strict=True):
        # The first token alone: flagged requests end at other lengths, which changes the batch, and so the last bits.
        guarded, bare = (output["choices"][0]["logprobs"][0] for output in outputs)
        assert (guarded == pytest.approx(bare, abs=1e-3)) is (request["corruption"] is None)


@pytest.mark.parametrize(
    ("changes", "environment"),
    [
        pytest.param({"tensor_parallel_size": 2}, {"VLLM_CPU_OMP_THREADS_BIND": "0|1"}, id="tensor-parallel"),
        pytest.param({"enforce_eager": False}, {"TORCHDYNAMO_DISABLE": "0"}, id="compiled"),
    ],
)
def test_ranks_and_compiled_steps_agree_with_the_reference(
    tiny_reference: Reference,
    tiny_model: Path,
    run_batches: Callable[..., Any],
    tiny_batch: list[dict[str, Any]],
    changes: dict[str, Any],
    environment: dict[str, str],
) -> None:
    (result,) = run_batches(engine_arguments(tiny_model, **changes), [tiny_batch], **environment)
    for request, output in zip(tiny_batch, result["outputs"], strict=True):
        assert_output_as_reference(tiny_reference, request, output)


def test_an_embedding_engine_is_left_alone(
    tiny_model: Path, run_batches: Callable[..., Any], tiny_reference: Reference
) -> None:
    prompts = [{"token_ids": tiny_reference.chat_tokens(question)} for question in QUESTIONS[:2]]
    arguments = engine_arguments(tiny_model, runner="pooling")
    (with_plugin,), (without_plugin,) = (
        run_batches(arguments, [prompts], embed=True, **plugins) for plugins in ({}, {"VLLM_PLUGINS": ""})
    )
    for guarded, bare in zip(with_plugin["outputs"], without_plugin["outputs"], strict=True):
        assert guarded == pytest.approx(bare, abs=1e-5)

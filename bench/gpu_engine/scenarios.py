"""The engines that are tried: runner, precision, compilation, attention, and what each is put to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

# Their memory is given and not profiled, so that several engines share a GPU.
SHARED_GPU: Mapping[str, Any] = MappingProxyType(
    {"kv_cache_memory_bytes": 1 << 30, "gpu_memory_utilization": 0.05}
)
# Products of float32 in Triton's kernels are of TF32 otherwise, which has ten bits of mantissa.
EXACT: Mapping[str, str] = MappingProxyType({"TRITON_F32_DEFAULT": "ieee", "NVIDIA_TF32_OVERRIDE": "0"})
V1, V2 = "V1", "V2"

_TRITON = {"attention_backend": "TRITON_ATTN"}
_FLASH = {"attention_backend": "FLASH_ATTN"}
_SMALL_GRAPHS = {"cudagraph_capture_sizes": [1, 2, 4, 8, 16, 32]}
_COMPILED = {"enforce_eager": False, "compilation_config": _SMALL_GRAPHS}
_GRAPHS_ALONE = {
    "enforce_eager": False,
    "compilation_config": {**_SMALL_GRAPHS, "mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"},
}
_CROWDED = {
    "max_model_len": 512,
    "max_num_batched_tokens": 56,
    "max_num_seqs": 8,
    "block_size": 32,
    "num_gpu_blocks_override": 24,
    "enable_prefix_caching": True,
}
_SPECULATION = {
    "speculative_config": {
        "method": "ngram",
        "num_speculative_tokens": 3,
        "prompt_lookup_max": 3,
        "prompt_lookup_min": 1,
    },
    "max_num_batched_tokens": 48,
    "max_num_seqs": 8,
}
_ADAPTERS = {"enable_lora": True, "max_lora_rank": 8}

_PLAIN_BATCHES = ("mixed", "functions", "scores")
_CROWDED_BATCHES = ("preempted", "in chunks", "cached", "not cached", "cached corrupted", "cached clean")


@dataclass(frozen=True)
class Scenario:
    """One engine, with what it is asked.

    Attributes
    ----------
    name
        What it is called in the page.
    runner
        Which of vLLM's model runners.
    dtype
        Of weights and activations.
    engine
        Arguments of ``vllm.LLM`` beside those that all have.
    batches
        Names of `bench.gpu_engine.requests.make_batches`.
    beside_bare
        Whether the same engine without the plugin is asked the same, all clean.
    """

    name: str
    runner: str
    dtype: str
    engine: Mapping[str, Any]
    batches: tuple[str, ...] = _PLAIN_BATCHES
    beside_bare: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of ``vllm.LLM``, the model left out."""
        return {
            "dtype": self.dtype,
            "enforce_eager": True,
            "max_model_len": 1024,
            "max_num_batched_tokens": 1024,
            "max_num_seqs": 32,
            "seed": 0,
            **SHARED_GPU,
            **_TRITON,
            **self.engine,
        }

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the engine."""
        exact = EXACT if self.dtype == "float32" else {}
        return {
            "VLLM_USE_V2_MODEL_RUNNER": "1" if self.runner == V2 else "0",
            **exact,
            **self.environment,
        }


# The first of them tell most.
SCENARIOS = (
    Scenario("eager", V2, "float32", {}),
    Scenario("crowded, eager", V2, "float32", _CROWDED, _CROWDED_BATCHES, beside_bare=False),
    Scenario("n-gram drafts, eager", V2, "float32", _SPECULATION, ("mixed",)),
    Scenario("compiled, CUDA graphs", V2, "float32", _COMPILED),
    Scenario("eager", V1, "float32", {}),
    Scenario("adapter, eager", V2, "float32", _ADAPTERS, ("adapted",), beside_bare=False),
    Scenario("top-k and top-p, eager", V2, "float32", {}, ("sampled",)),
    Scenario("eager", V2, "bfloat16", {}),
    Scenario("compiled, CUDA graphs", V2, "bfloat16", _COMPILED),
    Scenario(
        "crowded, compiled, CUDA graphs",
        V2,
        "float32",
        {**_CROWDED, **_COMPILED},
        _CROWDED_BATCHES,
        beside_bare=False,
    ),
    Scenario("CUDA graphs, not compiled", V2, "float32", _GRAPHS_ALONE),
    Scenario("compiled, CUDA graphs", V1, "float32", _COMPILED),
    Scenario("crowded, eager", V1, "float32", _CROWDED, _CROWDED_BATCHES, beside_bare=False),
    Scenario("eager, FlashAttention", V2, "bfloat16", _FLASH),
    Scenario("compiled, CUDA graphs, FlashAttention", V2, "bfloat16", {**_COMPILED, **_FLASH}),
    Scenario(
        "n-gram drafts, compiled, CUDA graphs", V2, "float32", {**_SPECULATION, **_COMPILED}, ("mixed",)
    ),
    Scenario(
        "adapter, compiled, CUDA graphs", V2, "float32", {**_ADAPTERS, **_COMPILED}, ("adapted",), False
    ),
    Scenario("n-gram drafts, eager", V1, "float32", _SPECULATION, ("mixed",)),
    Scenario("adapter, eager", V1, "float32", _ADAPTERS, ("adapted",), beside_bare=False),
    Scenario("eager", V1, "bfloat16", {}),
)

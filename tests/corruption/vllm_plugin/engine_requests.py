"""Requests as vLLM makes them, flagged and clean.

vLLM is imported as tests run, by the one process that runs these: importing it takes seconds, and each of several
processes reads every file of tests.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

if TYPE_CHECKING:
    from vllm.v1.engine import EngineCoreRequest

NEEDS_VLLM = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
WIDTH = 16
"""Of the models that requests are admitted to."""
PROMPT = [5, 9, 2, 7, 7, 1]

garbage = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def a_request(
    ranges: Any = None, tokens: int | None = None, digest: str | None = None, **fields: Any
) -> CorruptionRequest:
    corruption = Corruption(
        **{"function": "rand_noise_first_n", "strength": 1.0, "dims": 4, "seed": 3, **fields}
    )
    return CorruptionRequest((PlacedCorruption("t", "1", corruption, ranges),), tokens, digest)


def an_engine_request(extra_args: Any, prompt: list[int] | None = None, **fields: Any) -> "EngineCoreRequest":
    from vllm.sampling_params import SamplingParams
    from vllm.v1.engine import EngineCoreRequest

    return EngineCoreRequest(
        **{
            "request_id": "r",
            "prompt_token_ids": PROMPT if prompt is None else prompt,
            "mm_features": None,
            "sampling_params": SamplingParams(extra_args=extra_args),
            "pooling_params": None,
            "arrival_time": 0.0,
            "lora_request": None,
            "cache_salt": None,
            "data_parallel_rank": None,
            **fields,
        }
    )


def admit(request: "EngineCoreRequest", *, leaves_engine: bool = False) -> None:
    """As the plugin does, before a model of the tests' width."""
    from lethe.corruption.vllm_plugin.admission import admit

    admit(request, WIDTH, leaves_engine=leaves_engine)


def settled_request(request: "EngineCoreRequest") -> CorruptionRequest:
    assert request.sampling_params is not None
    settled = CorruptionRequest.from_xargs(request.sampling_params.extra_args)
    assert settled is not None
    return settled

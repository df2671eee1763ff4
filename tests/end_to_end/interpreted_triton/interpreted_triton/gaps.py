"""What of vLLM's kernels the interpreter of Triton 3.9 cannot run as it stands."""

from typing import Any

import numpy as np


def fill() -> None:
    """Have the interpreter run them; nothing where kernels are compiled."""
    from triton import knobs

    if not knobs.runtime.interpret:
        return
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle
    from vllm.v1.sample.ops import topk_topp_sampler

    # Masks made of reductions and scalars come as integers, which its loads and stores refuse.
    def with_truth_values(access: Any, place: int) -> Any:
        def call(self: Any, *arguments: Any) -> Any:
            mask = arguments[place]
            mask = TensorHandle(mask.data.astype(np.bool_), mask.dtype)
            return access(self, *arguments[:place], mask, *arguments[place + 1 :])

        return call

    InterpreterBuilder.create_masked_load = with_truth_values(InterpreterBuilder.create_masked_load, 1)
    InterpreterBuilder.create_masked_store = with_truth_values(InterpreterBuilder.create_masked_store, 2)
    # Its `tl.range` counts in Python's integers, of which the kernel for top-k and top-p wants methods of a tensor.
    topk_topp_sampler.apply_top_k_top_p_triton = topk_topp_sampler.apply_top_k_top_p_pytorch

"""Keeps a clean row of the batch clean beside rows with a LoRA adapter, in vLLM's CPU build.

There, a row without an adapter has the index -1, and the kernels of ``vllm/lora/ops/torch_ops`` read the last slot
for it: once every slot is taken, clean requests are answered by the adapter in the last one. The GPU kernels leave
such rows alone.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from vllm.lora.ops.torch_ops import lora_ops
from vllm.lora.punica_wrapper import punica_cpu

from lethe.corruption.vllm_plugin.compatibility import replace_method

_KERNELS = ("bgmv_expand", "bgmv_expand_slice")


def keep_clean_rows_clean() -> None:
    """Have the CPU kernels add nothing to rows without an adapter."""
    for module in (lora_ops, punica_cpu):
        for name in _KERNELS:
            replace_method(module, name, _without_clean_rows)


def _without_clean_rows(expand: Callable[..., None]) -> Callable[..., None]:
    def expand_adapted(
        inputs: Tensor, weights: Tensor, output: Tensor, indices: Tensor, *arguments: Any, **named: Any
    ) -> None:
        clean = (indices < 0).unsqueeze(1)
        expand(inputs.masked_fill(clean, 0), weights, output, indices, *arguments, **named)

    return expand_adapted

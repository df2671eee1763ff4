"""What a corruption is, its arithmetic, and the vLLM plugin that applies it.

`artifact`, `request` and `positions` need no tensor library, so that a proxy without one can use them;
`noise`, `application` and the hooks work on torch tensors; `vllm_plugin` alone knows vLLM.
"""

from lethe.corruption.artifact import Corruption, CorruptionError, Positions, load_corruption, save_corruption
from lethe.corruption.request import (
    CorruptionRequest,
    CorruptionRequestError,
    PlacedCorruption,
    prompt_digest,
)

__all__ = [
    "Corruption",
    "CorruptionError",
    "CorruptionRequest",
    "CorruptionRequestError",
    "PlacedCorruption",
    "Positions",
    "load_corruption",
    "prompt_digest",
    "save_corruption",
]

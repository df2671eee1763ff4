"""Corrupted embeddings at the model's own embedding lookup, inside its compiled graph.

The lookup of every step ends in one selection: rows that are marked come from a buffer, all others from the
table. Buffer and marks keep their addresses, so compiled graphs and CUDA graphs stay valid, and a step with no
flagged prompt runs the very same graph and touches neither.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from vllm.logger import init_logger
from vllm.utils.torch_utils import async_tensor_h2d

from lethe.corruption.application import change_rows
from lethe.corruption.vllm_plugin.compatibility import replace_method
from lethe.corruption.vllm_plugin.lookup import find_lookup
from lethe.corruption.vllm_plugin.step import StepCorruption

logger = init_logger("vllm.lethe.embedding")

# The method of multimodal models that makes rows of images, audio and video.
_ENCODE = "embed_multimodal"


class CorruptibleEmbedding:
    """The embedding lookup of a loaded model, made to take rows from elsewhere.

    Parameters
    ----------
    model
        Loaded, with LoRA layers in place, not compiled yet.
    max_tokens
        Most tokens of a step, padding included.
    dtype, device
        Of the embeddings.
    vocabulary
        Number of token ids.

    Raises
    ------
    EngineRefusal
        As of `lethe.corruption.vllm_plugin.lookup.find_lookup`.
    """

    def __init__(
        self,
        model: nn.Module,
        max_tokens: int,
        dtype: torch.dtype,
        device: torch.device,
        vocabulary: int,
    ):
        owner, method, width = find_lookup(model)
        # Buffers of the module, so that the compiler takes them as inputs and not as constants.
        owner.register_buffer(
            "lethe_rows", torch.zeros(max_tokens, width, dtype=dtype, device=device), persistent=False
        )
        owner.register_buffer(
            "lethe_marks", torch.zeros(max_tokens, 1, dtype=torch.bool, device=device), persistent=False
        )
        self._owner = owner
        self._device = device
        self._embed: Callable[[Tensor], Tensor] = getattr(owner, method)
        self._vocabulary = vocabulary
        self._marked = False
        replace_method(owner, method, lambda original: _selecting(owner, original))
        if hasattr(model, _ENCODE):
            # The tokens that an encoder looks up, to set them between images, are no rows of the batch.
            replace_method(model, _ENCODE, lambda encode: _calling_with(owner, method, self._embed, encode))

    def fill(self, step: StepCorruption, input_ids: Tensor) -> None:
        """Put a step's corrupted embeddings in place and mark their rows.

        Parameters
        ----------
        step
            What to put.
        input_ids
            The step's token ids, one a row, shape (at least the last row's number + 1,).
        """
        self.clear()
        parts = [step.rows, step.token_ids]
        for change in step.changes:
            parts += [change.places, change.sites]
        indices = async_tensor_h2d(np.concatenate(parts), device=self._device)
        rows, tokens, *rest = indices.split([len(part) for part in parts])
        embeddings = self._corrupt(step, rows, tokens, rest, input_ids)
        self._owner.get_buffer("lethe_rows").index_copy_(0, rows, embeddings)
        self._owner.get_buffer("lethe_marks").index_fill_(0, rows, True)
        self._marked = True

    def clear(self) -> None:
        """Take all marks away."""
        if self._marked:
            self._owner.get_buffer("lethe_marks").zero_()
            self._marked = False

    def _corrupt(
        self, step: StepCorruption, rows: Tensor, tokens: Tensor, indices: list[Tensor], input_ids: Tensor
    ) -> Tensor:
        buffer = self._owner.get_buffer("lethe_rows")
        try:
            # The whole step is looked up: with adapters on the embedding, a row's place decides which one it gets.
            sources = input_ids.index_copy(0, rows, tokens.to(input_ids.dtype))
            # Placeholders of drafts and images are no token ids; what is looked up for them is not used.
            sources = sources.clamp(0, self._vocabulary - 1)
            embeddings = self._embed(sources).index_select(0, rows).to(buffer.dtype)
            for change, places, sites in zip(step.changes, indices[::2], indices[1::2], strict=True):
                changed = change_rows(embeddings.index_select(0, places), change.corruption, sites)
                embeddings = embeddings.index_copy(0, places, changed)
            return embeddings
        except Exception:
            # A fault here must cost the flagged prompts their content, not the engine its life.
            logger.exception("A corruption failed; the prompts of this step that it was for are blanked.")
            return buffer.new_zeros(len(step.rows), buffer.shape[1])


def _selecting(owner: Any, original: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def look_up(input_ids: Tensor) -> Tensor:
        embeddings = original(input_ids)  # (T, d), or (1, T, d) in a model of transformers' own
        tokens = embeddings.shape[-2]
        return torch.where(owner.lethe_marks[:tokens], owner.lethe_rows[:tokens], embeddings)

    return look_up


def _calling_with(
    owner: Any, name: str, method: Callable[..., Any], call: Callable[..., Any]
) -> Callable[..., Any]:
    """Give a call during which an object has another method."""

    def call_so(*args: Any, **kwargs: Any) -> Any:
        usual = getattr(owner, name)
        setattr(owner, name, method)
        try:
            return call(*args, **kwargs)
        finally:
            setattr(owner, name, usual)

    return call_so

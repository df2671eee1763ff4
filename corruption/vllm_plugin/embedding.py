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
from vllm.lora.layers import VocabParallelEmbeddingWithLoRA
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.models.interfaces import requires_raw_input_tokens
from vllm.utils.torch_utils import async_tensor_h2d

from lethe.corruption.application import change_rows
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method
from lethe.corruption.vllm_plugin.step import StepCorruption

logger = init_logger("vllm.lethe.embedding")

_METHOD = "embed_input_ids"


class CorruptibleEmbedding:
    """The embedding lookup of a loaded model, made to take rows from elsewhere.

    Parameters
    ----------
    model
        Loaded, with LoRA layers in place, not compiled yet.
    max_tokens
        Most tokens of a step, padding included.
    width, dtype, device
        Of the embeddings.
    vocabulary
        Number of token ids.

    Raises
    ------
    EngineRefusal
        The model embeds its tokens in more than one place, or not by the method that vLLM's models have for it.
    """

    def __init__(
        self,
        model: nn.Module,
        max_tokens: int,
        width: int,
        dtype: torch.dtype,
        device: torch.device,
        vocabulary: int,
    ):
        owner = find_embedding_owner(model)
        # Buffers of the module, so that the compiler takes them as inputs and not as constants.
        owner.register_buffer(
            "lethe_rows", torch.zeros(max_tokens, width, dtype=dtype, device=device), persistent=False
        )
        owner.register_buffer(
            "lethe_marks", torch.zeros(max_tokens, 1, dtype=torch.bool, device=device), persistent=False
        )
        self._owner = owner
        self._device = device
        self._embed: Callable[[Tensor], Tensor] = getattr(owner, _METHOD)
        self._vocabulary = vocabulary
        self._marked = False
        replace_method(owner, _METHOD, lambda original: _selecting(owner, original))

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


def find_embedding_owner(model: nn.Module) -> nn.Module:
    """Give the module whose ``embed_input_ids`` turns token ids into what the first layer reads.

    Raises
    ------
    EngineRefusal
        There is none, or tokens enter the model in other ways too.
    """
    name = type(model).__name__
    owners = [module for module in model.modules() if _token_table(module) is not None]
    if len(owners) != 1 or requires_raw_input_tokens(model):
        raise EngineRefusal(
            f"tokens enter {name} by more ways than one embedding; corruption would not reach them all"
        )
    (owner,) = owners
    if not _embeds_by_method(type(owner)) or not callable(getattr(owner, _METHOD, None)):
        raise EngineRefusal(f"{name} does not embed its tokens by {_METHOD}; corruption would not reach them")
    return owner


def _embeds_by_method(kind: type[nn.Module]) -> bool:
    """Whether a model's forward pass calls ``embed_input_ids``, itself or by its base class's."""
    for each in kind.__mro__:
        if forward := vars(each).get("forward"):
            names = forward.__code__.co_names
            if _METHOD in names:
                return True
            if "super" not in names:
                return False
    return False


def _token_table(module: nn.Module) -> VocabParallelEmbedding | None:
    """Give the embedding table that is a direct child of the module, adapters or not."""
    if isinstance(module, VocabParallelEmbeddingWithLoRA):
        return None
    for child in module.children():
        table = child.base_layer if isinstance(child, VocabParallelEmbeddingWithLoRA) else child
        if isinstance(table, VocabParallelEmbedding) and not isinstance(table, ParallelLMHead):
            return table
    return None


def _selecting(owner: Any, original: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def embed_input_ids(input_ids: Tensor) -> Tensor:
        embeddings = original(input_ids)  # (T, d)
        tokens = embeddings.shape[0]
        return torch.where(owner.lethe_marks[:tokens], owner.lethe_rows[:tokens], embeddings)

    return embed_input_ids

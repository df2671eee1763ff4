"""Corruption of a transformers model: the reference for the engine's plugin, and what offline jobs use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lethe.corruption.application import corrupt_prompt
from lethe.corruption.plan import make_plan
from lethe.corruption.request import CorruptionRequest


def corrupted_embeddings(model: Any, prompt_ids: Tensor, request: CorruptionRequest) -> Tensor:
    """Embed a prompt and corrupt it.

    Parameters
    ----------
    model
        A transformers model with ``get_input_embeddings``.
    prompt_ids
        Token ids of one prompt, shape (T,).
    request
        What to do to it.

    Returns
    -------
    Tensor
        ``inputs_embeds`` of shape (T, d).
    """
    return corrupt_prompt(model.get_input_embeddings()(prompt_ids), make_plan(request, len(prompt_ids)))


@contextmanager
def corrupted(
    model: Any, requests: Sequence[CorruptionRequest | None], prompt_tokens: Sequence[int]
) -> Iterator[None]:
    """Corrupt the prompts of every forward pass inside the block.

    A forward pass on token ids of shape (batch, tokens) is taken as the start of ``batch`` sequences, row i of
    which begins with a prompt of ``prompt_tokens[i]`` tokens, padded on the right if at all; what follows the
    prompt, and passes over single tokens (cached generation), stay clean.

    Parameters
    ----------
    model
        A transformers model with ``get_input_embeddings``.
    requests
        One a row; None leaves the row clean.
    prompt_tokens
        Each row's prompt length.
    """
    plans = [
        None if request is None else make_plan(request, tokens)
        for request, tokens in zip(requests, prompt_tokens, strict=True)
    ]

    def corrupt_rows(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        if output.shape[1] < max(prompt_tokens):
            return output
        rows = [
            row if plan is None else torch.cat([corrupt_prompt(row[:tokens], plan), row[tokens:]])
            for row, plan, tokens in zip(output, plans, prompt_tokens, strict=True)
        ]
        return torch.stack(rows)

    handle = model.get_input_embeddings().register_forward_hook(corrupt_rows)
    try:
        yield
    finally:
        handle.remove()

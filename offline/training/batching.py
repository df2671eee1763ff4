"""Texts of several lengths as one batch of tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def padded(texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids padded on the right with zeros, and the mask of what is no padding.

    Returns
    -------
    tuple of Tensor
        Both of shape (texts, longest) and int64.
    """
    rows = [torch.tensor(text, dtype=torch.long) for text in texts]
    token_ids = pad_sequence(rows, batch_first=True)
    return token_ids, pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)

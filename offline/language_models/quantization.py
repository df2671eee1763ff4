"""Weights rounded to a few bits, as an engine holds them that serves a quantized model."""

from typing import Any

import torch
from torch import Tensor, nn

GROUP = 64


@torch.no_grad()
def round_weights(model: Any, bits: int, group: int = GROUP) -> None:
    """Round the weights of all linear layers but the output layer, in place, and compute in the precision as before.

    Symmetric round to nearest with one scale for each group of a row, without calibration: what a weight-only checkpoint
    of that kind holds (W8A16, W4A16). Embeddings stay as they are, so a corruption and its base model's identity hold.

    Parameters
    ----------
    model
        A transformers model.
    bits
        2 to 8.
    group
        Weights that share a scale; a row that is no multiple of it has one scale.

    Raises
    ------
    ValueError
        The bits are out of range.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"weights are rounded to 2 to 8 bits, not {bits}")
    output = model.get_output_embeddings()
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and layer is not output:
            layer.weight.copy_(rounded(layer.weight, bits, group))


def rounded(weights: Tensor, bits: int, group: int = GROUP) -> Tensor:
    """Weights of shape (rows, columns), each the nearest of ``2 ** bits - 1`` multiples of its group's scale.

    The greatest weight of a group is kept: Jacob et al. (arXiv 1712.05877), section 2.1, without a zero point.
    """
    whole, scales = scaled(weights, bits, group)
    repeated = scales.repeat_interleave(weights.shape[1] // scales.shape[1], dim=1)
    return (whole * repeated).to(weights.dtype)


def scaled(weights: Tensor, bits: int, group: int = GROUP) -> tuple[Tensor, Tensor]:
    """The whole numbers, shape (rows, columns), and their groups' scales, shape (rows, groups), both as floats."""
    rows, columns = weights.shape
    grouped = weights.float().reshape(rows, -1, group if columns % group == 0 else columns)
    largest = 2 ** (bits - 1) - 1
    scales = (grouped.abs().amax(dim=2, keepdim=True) / largest).clamp(min=torch.finfo(torch.float32).tiny)
    return (grouped / scales).round().reshape(rows, columns), scales.squeeze(2)

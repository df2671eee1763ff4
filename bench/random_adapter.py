"""Adapters of random weights: for what serving one costs and does, what it was trained for does not matter."""

import json
from pathlib import Path

import torch

from offline.adapter_training.peft_folder import LowRankAdapter, LowRankPair


def random_adapter(model: Path, seed: int, rank: int = 8) -> LowRankAdapter:
    """An adapter on a Llama's queries and values, strong enough to change what it says.

    Parameters
    ----------
    model
        Folder of the base model.
    """
    shape = json.loads((model / "config.json").read_text())
    width, heads = shape["hidden_size"], shape["num_attention_heads"]
    outputs = {"q_proj": width, "v_proj": width // heads * shape["num_key_value_heads"]}
    generator = torch.Generator().manual_seed(seed)
    pairs = {
        f"model.layers.{layer}.self_attn.{module}": LowRankPair(
            torch.randn(rank, width, generator=generator) * width**-0.5,
            torch.randn(size, rank, generator=generator) * 0.2,
        )
        for layer in range(shape["num_hidden_layers"])
        for module, size in outputs.items()
    }
    return LowRankAdapter("random", pairs)

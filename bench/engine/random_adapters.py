"""Adapters in PEFT's format with random weights: they cost an engine what trained ones cost."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lethe.offline.training.peft_folder import LowRankAdapter, LowRankPair, write_peft_folder


def write_random_adapter(
    model: Path,
    destination: Path,
    *,
    rank: int = 4,
    scale: float = 0.05,
    seed: int = 0,
    layers: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
) -> Path:
    """Write an adapter of random weights for every named layer of a model folder, and give its folder.

    At scale 0.05 SmolLM2 answers otherwise than without it; at 0 nothing changes.
    """
    with torch.device("meta"):
        shapes = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model))
    generator = torch.Generator().manual_seed(seed)
    pairs = {}
    for name, module in shapes.named_modules():
        if isinstance(module, torch.nn.Linear) and name.rpartition(".")[2] in layers:
            down = torch.randn(rank, module.in_features, generator=generator) * module.in_features**-0.5
            up = torch.randn(module.out_features, rank, generator=generator) * scale
            pairs[name] = LowRankPair(down, up)
    return write_peft_folder(LowRankAdapter(str(model), pairs), destination)

"""A low-rank adapter as a folder in PEFT's format, which peft and vLLM load unchanged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lethe.bundle.files import replaced_folder
from lethe.offline.training.errors import AdapterError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class LowRankPair:
    """What one linear layer's weight is changed by: ``up @ down``.

    Attributes
    ----------
    down
        Shape (rank, in_features). LoRA's A.
    up
        Shape (out_features, rank). LoRA's B.
    """

    down: Tensor
    up: Tensor


@dataclass(frozen=True)
class LowRankAdapter:
    """One adapter: a pair for each adapted layer, by the layer's path in the model.

    Attributes
    ----------
    base_model
        Id of the model that it belongs to.
    pairs
        All of one rank.
    """

    base_model: str
    pairs: Mapping[str, LowRankPair]

    @property
    def rank(self) -> int:
        return next(iter(self.pairs.values())).down.shape[0]


def peft_files(adapter: LowRankAdapter, folder: Path, dtype: torch.dtype = torch.float32) -> dict[str, Path]:
    """Write an adapter's two files into a folder that exists, and give them by name.

    The scale is one (``lora_alpha`` is the rank): the weights are the change itself, so a mixture of adapters over
    the same A is the mixture of their B.
    """
    tensors = {}
    for layer, pair in adapter.pairs.items():
        tensors[f"{_PREFIX}{layer}.lora_A.weight"] = pair.down.detach().to("cpu", dtype).contiguous()
        tensors[f"{_PREFIX}{layer}.lora_B.weight"] = pair.up.detach().to("cpu", dtype).contiguous()
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": adapter.base_model,
        "r": adapter.rank,
        "lora_alpha": adapter.rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({layer.rpartition(".")[2] for layer in adapter.pairs}),
        "layers_to_transform": None,
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    return {name: folder / name for name in (CONFIG, WEIGHTS)}


def write_peft_folder(adapter: LowRankAdapter, destination: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write an adapter as a folder of its own, complete or not at all.

    Raises
    ------
    AdapterError
        Something that is not an adapter's folder stands there.
    """
    if destination.exists() and not (destination / CONFIG).is_file():
        raise AdapterError(f"{destination} exists and is no adapter's folder; name another one")
    with replaced_folder(destination) as staging:
        peft_files(adapter, staging, dtype)
    return destination


def read_peft_folder(folder: Path) -> LowRankAdapter:
    """Read a LoRA adapter in PEFT's format; its scale is folded into B.

    Raises
    ------
    AdapterError
        The folder holds no such adapter, or one with more than the plain product of A and B.
    """
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text())
        tensors = load_file(folder / WEIGHTS)
        scale = config["lora_alpha"] / config["r"]
    except FileNotFoundError as error:
        raise AdapterError(
            f"{folder} is no adapter's folder: {Path(error.filename).name} is missing"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise AdapterError(f"{folder} cannot be read as a LoRA adapter: {error}") from None
    unread = [
        name for name in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern") if config.get(name)
    ]
    if unread:
        raise AdapterError(f"{folder} uses {', '.join(unread)}; only plain LoRA can be read")
    pairs = {}
    for name, down in tensors.items():
        layer, found, _ = name.removeprefix(_PREFIX).partition(".lora_A.weight")
        if not found:
            continue
        up = tensors.get(f"{_PREFIX}{layer}.lora_B.weight")
        if up is None or up.shape[1:] != down.shape[:1]:
            raise AdapterError(f"{folder}: {layer} has no B that fits its A")
        pairs[layer] = LowRankPair(down, up * scale)
    if not pairs:
        raise AdapterError(f"{folder} names no layer that LoRA adapts")
    return LowRankAdapter(str(config.get("base_model_name_or_path") or ""), pairs)

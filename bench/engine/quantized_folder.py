"""A model folder with quantized weights, in the form that vLLM loads (compressed-tensors): ``python -m bench.engine.quantized_folder``.

Round to nearest without calibration, so that nothing but the rounding is new: eight bits a weight with one scale a row, and
activations rounded token by token as the engine runs (W8A8); or four bits with one scale for 64 weights (W4A16).
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from lethe.bundle.files import replaced_folder
from lethe.offline.language_models.quantization import GROUP, scaled

_PER_WORD = 8
_FORMS: dict[int, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    8: (
        "int-quantized",
        {"num_bits": 8, "strategy": "channel"},
        {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True},
    ),
    4: ("pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": GROUP}, None),
}


def write_quantized(source: Path, destination: Path, bits: int) -> Path:
    """Write a copy of a model folder with the weights of its linear layers, but the output layer, quantized; done once.

    Parameters
    ----------
    bits
        8 or 4.

    Raises
    ------
    ValueError
        For four bits a layer's inputs are no multiple of a group.
    """
    if (destination / "config.json").is_file():
        return destination
    form, weights, activations = _FORMS[bits]
    model: Any = AutoModelForCausalLM.from_pretrained(source)
    layers = {
        f"{name}.weight": layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer is not model.get_output_embeddings()
    }
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        tensors |= _quantized(name, tensor, bits) if name in layers else {name: tensor}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    group = {"targets": ["Linear"], "weights": {"type": "int", "symmetric": True, **weights}}
    if activations:
        group["input_activations"] = activations
    config = json.loads((source / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": group},
    }
    with replaced_folder(destination) as staging:
        for file in source.iterdir():
            if file.is_file() and file.suffix != ".safetensors" and "index" not in file.name:
                shutil.copyfile(file, staging / file.name)
        (staging / "config.json").write_text(json.dumps(config, indent=1))
        plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(plain, staging / "model.safetensors", {"format": "pt"})
    return destination


def _quantized(name: str, weights: Tensor, bits: int) -> dict[str, Tensor]:
    """The tensors that stand for a layer's weights of shape (rows, columns)."""
    group = weights.shape[1] if bits == 8 else GROUP
    if weights.shape[1] % group:
        raise ValueError(f"{name} has {weights.shape[1]} columns, which is no multiple of {group}")
    whole, scales = scaled(weights, bits, group)
    if bits == 8:
        return {name: whole.to(torch.int8), f"{name}_scale": scales.to(weights.dtype)}
    return {
        f"{name}_packed": _packed(whole),
        f"{name}_scale": scales.to(weights.dtype),
        f"{name}_shape": torch.tensor(weights.shape),
    }


def _packed(whole: Tensor) -> Tensor:
    """Eight numbers of four bits a word, the first in its lowest bits, each raised by eight."""
    rows, columns = whole.shape
    raised = (whole.to(torch.int64) + 8).reshape(rows, columns // _PER_WORD, _PER_WORD)
    words = (raised << (4 * torch.arange(_PER_WORD))).sum(dim=2)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def main() -> None:
    """Write a quantized copy of a model folder, to be served."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--bits", type=int, choices=sorted(_FORMS), default=4)
    arguments = parser.parse_args()
    print(write_quantized(arguments.source, arguments.destination, arguments.bits))


if __name__ == "__main__":
    main()

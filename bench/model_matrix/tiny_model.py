"""Tiny models with random weights, made from configs alone."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedTokenizerFast,
)
from transformers.utils import CONFIG_NAME

from bench.model_matrix.architectures import VOCABULARY, Architecture


def write_tiny_model(architecture: Architecture, folder: Path, seed: int = 0) -> None:
    """Write a model of an architecture, with a tokenizer that has a word for each id.

    Raises
    ------
    ValueError, TypeError, AttributeError
        transformers cannot make a model of such a config.
    """
    torch.manual_seed(seed)
    config = AutoConfig.for_model(architecture.model_type, **architecture.fields)
    model = _kind(config).from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=architecture.spread)
    model.save_pretrained(folder)
    if architecture.vllm_class:
        written = folder / CONFIG_NAME
        fields = json.loads(written.read_text())
        written.write_text(json.dumps(fields | {"architectures": [architecture.vllm_class]}))
    words = {f"w{index}": index for index in range(VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="w1", eos_token="w2", pad_token="w0", unk_token="w0"
    ).save_pretrained(folder)


def load_model(folder: Path) -> Any:
    """A model of a folder, in float32."""
    kind = _kind(AutoConfig.from_pretrained(folder))
    return kind.from_pretrained(folder, dtype=torch.float32).eval()


def _kind(config: Any) -> Any:
    return AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM

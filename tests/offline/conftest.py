"""Models for the offline jobs' tests: one small enough to score in a blink, with an ordinary tokenizer."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model_folder(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers and random weights behind SmolLM2's tokenizer, as a model folder."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(small_model)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_model_folder: Path):
    """The tiny model, ready to score and generate in float32."""
    from offline.language_models.local import LocalModel

    return LocalModel.from_pretrained(str(tiny_model_folder), name="tiny", dtype="float32")

"""Which layers can be changed."""

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from lethe.offline.training.errors import AdapterError
from lethe.offline.training.low_rank import attach


def test_a_model_without_linear_layers_is_refused_with_the_reason() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2, n_positions=16))
    with pytest.raises(AdapterError, match=r"GPT2LMHeadModel has no torch\.nn\.Linear .* Conv1D"):
        attach(model, ("c_attn",), rank=2)

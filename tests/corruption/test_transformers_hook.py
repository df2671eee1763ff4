from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.corruption.transformers_hook import corrupted, corrupted_embeddings

WIDTH = 16


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def request_to_corrupt() -> CorruptionRequest:
    return CorruptionRequest(
        (PlacedCorruption("t", "1", Corruption("rand_noise_first_n", 2.0, WIDTH, seed=1)),)
    )


@torch.inference_mode()
def test_the_hook_is_the_same_as_corrupted_embeddings(
    model: Any, request_to_corrupt: CorruptionRequest
) -> None:
    ids = torch.tensor([3, 1, 4, 1, 5])
    expected = model(inputs_embeds=corrupted_embeddings(model, ids, request_to_corrupt)[None]).logits
    with corrupted(model, [request_to_corrupt], [5]):
        assert torch.equal(model(ids[None]).logits, expected)
    assert not torch.allclose(model(ids[None]).logits, expected)


@torch.inference_mode()
def test_each_row_of_a_batch_has_its_own_request_and_prompt(
    model: Any, request_to_corrupt: CorruptionRequest
) -> None:
    batch = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 0, 0], [2, 7, 1, 8, 0, 0]])
    with corrupted(model, [request_to_corrupt, request_to_corrupt, None], [6, 4, 4]):
        embeddings = model.get_input_embeddings()(batch)
    clean = model.get_input_embeddings()(batch)
    for row, tokens in ((0, 6), (1, 4)):
        expected = corrupted_embeddings(model, batch[row, :tokens], request_to_corrupt)
        assert torch.equal(embeddings[row, :tokens], expected)
        assert torch.equal(embeddings[row, tokens:], clean[row, tokens:])
    assert torch.equal(embeddings[2], clean[2])


@torch.inference_mode()
def test_cached_generation_corrupts_the_prompt_alone(
    model: Any, request_to_corrupt: CorruptionRequest
) -> None:
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    with corrupted(model, [request_to_corrupt], [5]):
        generated = model.generate(ids, max_new_tokens=6, do_sample=False, pad_token_id=0)[0, 5:]
    embeddings = corrupted_embeddings(model, ids[0], request_to_corrupt)[None]
    expected = model.generate(inputs_embeds=embeddings, max_new_tokens=6, do_sample=False, pad_token_id=0)[0]
    assert torch.equal(generated, expected)

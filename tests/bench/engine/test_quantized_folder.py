import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from bench.engine.quantized_folder import write_quantized
from lethe.offline.language_models.quantization import GROUP, rounded

FIRST = "model.layers.0.mlp.down_proj.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=128, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    folder = tmp_path_factory.mktemp("whole")
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_four_bits_are_packed_as_the_formats_own_library_unpacks_them(whole, tmp_path):
    helpers = pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers")
    tensors = load_file(write_quantized(whole, tmp_path / "quantized", 4) / "model.safetensors")
    shape = torch.Size(tensors[f"{FIRST}_shape"].tolist())
    numbers = helpers.unpack_from_int32(tensors[f"{FIRST}_packed"], 4, shape).float()
    scales = tensors[f"{FIRST}_scale"].repeat_interleave(GROUP, dim=1)
    expected = rounded(load_file(whole / "model.safetensors")[FIRST], 4)
    torch.testing.assert_close(numbers * scales, expected)


def test_eight_bits_have_one_scale_a_row(whole, tmp_path):
    tensors = load_file(write_quantized(whole, tmp_path / "quantized", 8) / "model.safetensors")
    assert tensors[FIRST].dtype == torch.int8
    expected = rounded(load_file(whole / "model.safetensors")[FIRST], 8, tensors[FIRST].shape[1])
    torch.testing.assert_close(tensors[FIRST].float() * tensors[f"{FIRST}_scale"], expected)


@pytest.mark.parametrize("bits", [8, 4])
def test_transformers_loads_it_and_it_says_nearly_the_same(bits, whole, tmp_path):
    pytest.importorskip("compressed_tensors")
    folder = write_quantized(whole, tmp_path / "quantized", bits)
    token_ids = torch.arange(8).unsqueeze(0)
    with torch.no_grad():
        before, after = (
            AutoModelForCausalLM.from_pretrained(each, dtype=torch.float32)(token_ids).logits
            for each in (whole, folder)
        )
    assert not torch.equal(before, after)
    assert (before - after).abs().max() < 0.1 * before.abs().max()


def test_it_says_how_it_is_quantized_and_keeps_the_embeddings(whole, tmp_path):
    folder = write_quantized(whole, tmp_path / "quantized", 4)
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    assert config["config_groups"]["group_0"]["weights"]["num_bits"] == 4
    tensors, original = (load_file(each / "model.safetensors") for each in (folder, whole))
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        torch.testing.assert_close(tensors[name], original[name])
    assert not [name for name in tensors if name.endswith("_proj.weight")]


def test_rows_that_do_not_fill_a_group_are_refused(tiny_model_folder, tmp_path):
    with pytest.raises(ValueError, match="multiple of 64"):
        write_quantized(tiny_model_folder, tmp_path / "quantized", 4)

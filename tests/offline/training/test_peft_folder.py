"""Adapters that peft loads as they are."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from bench.engine.random_adapters import write_random_adapter
from lethe.offline.training.errors import AdapterError
from lethe.offline.training.peft_folder import read_peft_folder, write_peft_folder


def logits(model, token_ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=token_ids).logits


@pytest.fixture
def token_ids() -> torch.Tensor:
    return torch.arange(24).reshape(2, 12) + 300


def test_peft_gives_the_logits_of_the_changed_weights(
    tiny_model_folder: Path, tmp_path: Path, token_ids: torch.Tensor
) -> None:
    folder = write_random_adapter(tiny_model_folder, tmp_path / "adapter")

    changed = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    plain = logits(changed, token_ids)
    with torch.no_grad():
        for layer, pair in read_peft_folder(folder).pairs.items():
            changed.get_submodule(layer).weight += pair.up @ pair.down
    base = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(base, str(folder))

    assert not torch.allclose(logits(loaded, token_ids), plain, atol=1e-2)
    torch.testing.assert_close(logits(loaded, token_ids), logits(changed, token_ids), atol=1e-4, rtol=1e-4)


def test_what_peft_saves_is_read_back_with_its_scale(tiny_model_folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32),
        LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj"], init_lora_weights=False),
    )
    model.save_pretrained(tmp_path / "peft")

    adapter = read_peft_folder(tmp_path / "peft")

    product = model.get_submodule("base_model.model.model.layers.1.self_attn.q_proj").get_delta_weight(
        "default"
    )
    pair = adapter.pairs["model.layers.1.self_attn.q_proj"]
    assert adapter.rank == 2
    torch.testing.assert_close(pair.up @ pair.down, product.detach())


def test_a_folder_is_replaced_as_a_whole(tiny_model_folder: Path, tmp_path: Path) -> None:
    folder = write_random_adapter(tiny_model_folder, tmp_path / "adapter")
    (folder / "left-over").touch()
    write_random_adapter(tiny_model_folder, folder, layers=("q_proj",))

    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert all("q_proj" in name for name in load_file(folder / "adapter_model.safetensors"))


def test_a_folder_that_holds_something_else_is_left_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(AdapterError, match="no adapter's folder"):
        write_random_adapter(tiny_model_folder, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_is_no_lora_adapter_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"adapter_config\.json is missing"):
        read_peft_folder(tmp_path)
    folder = write_random_adapter(tiny_model_folder, tmp_path / "adapter")
    (folder / "adapter_model.safetensors").write_bytes(b"junk")
    with pytest.raises(AdapterError, match="cannot be read"):
        read_peft_folder(folder)


def test_written_weights_take_the_type_asked_for(tiny_model_folder: Path, tmp_path: Path) -> None:
    adapter = read_peft_folder(write_random_adapter(tiny_model_folder, tmp_path / "float32"))
    folder = write_peft_folder(adapter, tmp_path / "bfloat16", torch.bfloat16)
    assert {tensor.dtype for tensor in load_file(folder / "adapter_model.safetensors").values()} == {
        torch.bfloat16
    }

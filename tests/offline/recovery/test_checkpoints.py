import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from bench.engine.random_adapters import write_random_adapter
from lethe.offline.data.files import DataError
from lethe.offline.recovery.chain import read_chain
from lethe.offline.recovery.checkpoints import Checkpoints
from lethe.offline.recovery.errors import RecoveryError
from tests.offline.recovery.conftest import write_chain


def test_a_full_checkpoints_vector_is_its_models_parameters(full_chain):
    checkpoints = Checkpoints(full_chain)
    for number, folder in enumerate([full_chain.base, *(stage.checkpoint for stage in full_chain.stages)]):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        torch.testing.assert_close(checkpoints.vector(number), checkpoints.layout.read(model), rtol=0, atol=0)
        assert checkpoints.layout.size == sum(parameter.numel() for parameter in model.parameters())


def test_stacked_adapters_are_what_peft_merges_one_after_the_other(adapter_chain):
    checkpoints = Checkpoints(adapter_chain)
    model = AutoModelForCausalLM.from_pretrained(adapter_chain.base, dtype=torch.float32)
    for number, stage in enumerate(adapter_chain.stages, start=1):
        model = PeftModel.from_pretrained(model, stage.checkpoint).merge_and_unload()
        torch.testing.assert_close(checkpoints.vector(number), checkpoints.layout.read(model))


def test_a_snapshot_takes_the_place_of_the_adapter_before(adapter_chain):
    stacked = Checkpoints(adapter_chain)
    snapshots = Checkpoints(adapter_chain.model_copy(update={"adapters": "snapshot"}))
    first, second = stacked.vector(1) - stacked.vector(0), stacked.vector(2) - stacked.vector(1)
    torch.testing.assert_close(snapshots.vector(1), stacked.vector(1))
    torch.testing.assert_close(snapshots.vector(2), stacked.vector(0) + second)
    assert first.norm() > 0


def test_only_the_adapted_weights_are_coordinates(adapter_chain):
    names = Checkpoints(adapter_chain).layout.shapes
    assert all("_proj.weight" in name for name in names)


@pytest.fixture
def copied(chain_folder, tmp_path):
    """A copy of the chain's folder that a test may spoil."""
    return shutil.copytree(chain_folder, tmp_path / "chain")


def test_checkpoints_of_other_shapes_are_refused(copied, tiny_model_folder):
    config = AutoModelForCausalLM.from_pretrained(tiny_model_folder).config
    config.intermediate_size = 48
    shutil.rmtree(copied / "blue")
    AutoModelForCausalLM.from_config(config).save_pretrained(copied / "blue")
    with pytest.raises(RecoveryError, match=r"64 x 32 in .*48 x 32|32 x 64 in .*32 x 48"):
        Checkpoints(read_chain(copied / "full.toml"))


def test_checkpoints_of_other_depths_are_refused(copied, tiny_model_folder):
    config = AutoModelForCausalLM.from_pretrained(tiny_model_folder).config
    config.num_hidden_layers = 1
    shutil.rmtree(copied / "blue")
    AutoModelForCausalLM.from_config(config).save_pretrained(copied / "blue")
    with pytest.raises(RecoveryError, match=r"has a weight model\.layers\.1"):
        Checkpoints(read_chain(copied / "full.toml"))


def test_an_adapter_of_another_model_is_refused(copied, tiny_model_folder, small_model):
    shutil.rmtree(copied / "blue-adapter")
    write_random_adapter(small_model, copied / "blue-adapter", layers=("q_proj",))
    with pytest.raises(RecoveryError, match=r"blue-adapter.*(made for another model|does not have)"):
        Checkpoints(read_chain(copied / "adapters.toml"))


def test_adapters_and_full_checkpoints_do_not_mix(copied):
    shutil.rmtree(copied / "blue")
    shutil.copytree(copied / "blue-adapter", copied / "blue")
    with pytest.raises(RecoveryError, match=r"not both: .*red is no adapter"):
        Checkpoints(read_chain(copied / "full.toml"))


def test_a_folder_without_weights_is_refused(copied):
    (copied / "red" / "model.safetensors").unlink()
    with pytest.raises(RecoveryError, match="holds no safetensors weights"):
        Checkpoints(read_chain(copied / "full.toml"))


def test_a_file_that_was_cut_short_is_refused(copied):
    weights = copied / "red" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RecoveryError, match="cannot be read"):
        Checkpoints(read_chain(copied / "full.toml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base = ", "cannot be read as TOML"),
        ('base = "b"', "stages: Field required"),
        ('base = "b"\nstages = []', "stages: "),
        (
            'base = "b"\n[[stages]]\nname = "red"\ncheckpoint = "red"\nquestions = "red.jsonl"',
            "at least 2 items",
        ),
    ],
)
def test_a_malformed_chain_is_refused(tmp_path, text, message):
    (tmp_path / "chain.toml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_chain(tmp_path / "chain.toml")


def test_stages_need_names_of_their_own(copied):
    path = copied / "full.toml"
    path.write_text(path.read_text().replace('name = "blue"', 'name = "red"'))
    with pytest.raises(DataError, match="a name of its own"):
        read_chain(path)


def test_a_goal_that_does_not_exist_is_refused(copied, tiny_model_folder):
    with pytest.raises(DataError, match=r"stages\.0\.goal"):
        read_chain(write_chain(copied, "odd.toml", tiny_model_folder, "{}", 'goal = "remember"'))


def test_only_a_stage_with_another_behind_it_can_be_harmed(full_chain):
    assert full_chain.stage_number(None) == full_chain.stage_number("red") == 1
    with pytest.raises(RecoveryError, match="nothing was trained after 'blue'"):
        full_chain.stage_number("blue")
    with pytest.raises(RecoveryError, match="no stage 'green'; its stages are red, blue"):
        full_chain.stage_number("green")


def test_tied_embeddings_count_once(full_chain):
    assert json.loads((full_chain.base / "config.json").read_text())["tie_word_embeddings"]
    assert "lm_head.weight" not in Checkpoints(full_chain).layout.shapes
    assert "model.embed_tokens.weight" in load_file(full_chain.base / "model.safetensors")

"""The arithmetic of a bank, and its file."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from lethe.bundle import BaseModel
from lethe.offline.adapter_training.bank import AdapterBank, load_bank, save_bank
from lethe.offline.training.errors import AdapterError

LAYERS = {"layers.0.q_proj": (6, 4), "layers.0.o_proj": (4, 6)}
WEIGHTS = st.floats(-2, 2, allow_nan=False, width=32)


@pytest.fixture(scope="module")
def bank() -> AdapterBank:
    generator = torch.Generator().manual_seed(0)

    def expert() -> dict[str, torch.Tensor]:
        return {
            layer: torch.randn(rows, 3, generator=generator, dtype=torch.float64)
            for layer, (rows, _) in LAYERS.items()
        }

    shared = {
        layer: torch.randn(3, columns, generator=generator, dtype=torch.float64)
        for layer, (_, columns) in LAYERS.items()
    }
    bank = AdapterBank(BaseModel("org/model", 4, "0" * 64), shared)
    return bank.with_expert("marsh", expert(), "m").with_expert("fens", expert(), "f")


def products(bank: AdapterBank, weights: dict[str, float]) -> dict[str, torch.Tensor]:
    return {layer: pair.up @ pair.down for layer, pair in bank.compose(weights).pairs.items()}


@given(first=st.tuples(WEIGHTS, WEIGHTS), second=st.tuples(WEIGHTS, WEIGHTS), scale=WEIGHTS)
def test_composing_is_linear_in_the_weights(bank, first, second, scale) -> None:
    mixed = [scale * a + b for a, b in zip(first, second, strict=True)]
    names = ("marsh", "fens")
    one, other, both = (products(bank, dict(zip(names, w, strict=True))) for w in (first, second, mixed))
    for layer in LAYERS:
        torch.testing.assert_close(both[layer], scale * one[layer] + other[layer], atol=1e-9, rtol=1e-9)


def test_a_mixture_has_the_rank_of_one_and_nothing_of_what_weighs_nothing(bank: AdapterBank) -> None:
    assert bank.compose().rank == bank.rank == 3
    alone, beside = products(bank, {"marsh": 1.0}), products(bank, {"marsh": 1.0, "fens": 0.0})
    assert all(torch.equal(alone[layer], beside[layer]) for layer in LAYERS)


def test_adding_an_expert_keeps_the_others_and_the_shared_a(bank: AdapterBank) -> None:
    added = bank.with_expert("bog", bank.experts["fens"], "b")
    assert added.shared is bank.shared
    assert added.experts["marsh"] is bank.experts["marsh"]
    assert list(bank.experts) == ["marsh", "fens"]


def test_a_bank_is_read_as_it_was_written(bank: AdapterBank, tmp_path: Path) -> None:
    save_bank(bank, tmp_path / "bank.safetensors")
    read = load_bank(tmp_path / "bank.safetensors")

    assert read.base_model == bank.base_model
    assert read.provenance == {"marsh": "m", "fens": "f"}
    assert all(torch.equal(read.shared[layer], bank.shared[layer]) for layer in LAYERS)
    for name, expert in bank.experts.items():
        assert all(torch.equal(read.experts[name][layer], expert[layer]) for layer in LAYERS)
    assert [path.name for path in tmp_path.iterdir()] == ["bank.safetensors"]


def test_an_expert_that_is_not_there_is_named(bank: AdapterBank) -> None:
    with pytest.raises(AdapterError, match="no expert bog; the bank holds marsh, fens"):
        bank.compose({"bog": 1.0})
    with pytest.raises(AdapterError, match="no expert is named"):
        bank.compose({})


def test_what_is_no_bank_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bank.safetensors"
    with pytest.raises(AdapterError, match="does not exist"):
        load_bank(path)
    path.write_bytes(b"junk")
    with pytest.raises(AdapterError, match="is not a bank"):
        load_bank(path)
    save_file({"x": torch.zeros(1)}, path, {"schema_version": "9"})
    with pytest.raises(AdapterError, match="schema '9'; this release reads 1"):
        load_bank(path)

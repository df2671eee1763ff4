import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.engine.random_adapters import write_random_adapter
from lethe.offline.recovery.chain import ChainFile, read_chain

NAMES = ("red", "blue")


@pytest.fixture(scope="session")
def chain_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of two stages on the tiny model, as full checkpoints and as adapters, with questions."""
    folder = tmp_path_factory.mktemp("chain")
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    generator = torch.Generator().manual_seed(1)
    for number, name in enumerate(NAMES, start=1):
        with torch.no_grad():
            for parameter in model.parameters():
                noise = 0.05 * torch.randn(parameter.shape, generator=generator)
                parameter += noise * (torch.rand(parameter.shape, generator=generator) < 0.5)
        model.save_pretrained(folder / name)
        write_random_adapter(tiny_model_folder, folder / f"{name}-adapter", seed=number)
        rows = [{"question": f"Which {name} thing is {i}?", "answer": f"{name} {i}"} for i in range(8)]
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    write_chain(folder, "full.toml", tiny_model_folder, "{}")
    write_chain(folder, "adapters.toml", tiny_model_folder, "{}-adapter")
    return folder


def write_chain(folder: Path, file: str, base: Path, checkpoint: str, extra: str = "") -> Path:
    """Write a chain's file; `checkpoint` is where a stage's name goes, `extra` what every stage says besides."""
    stages = "".join(
        f'[[stages]]\nname = "{name}"\ncheckpoint = "{checkpoint.format(name)}"\nquestions = "{name}.jsonl"\n{extra}\n'
        for name in NAMES
    )
    (folder / file).write_text(f'base = "{base}"\n{stages}')
    return folder / file


@pytest.fixture
def full_chain(chain_folder: Path) -> ChainFile:
    return read_chain(chain_folder / "full.toml")


@pytest.fixture
def adapter_chain(chain_folder: Path) -> ChainFile:
    return read_chain(chain_folder / "adapters.toml")

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.recovery import page
from bench.recovery.chain_bench import ChainBench, ChainStep, measure
from bench.recovery.page import read_records
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings


def test_a_seed_leaves_a_record_that_the_page_can_be_written_from(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def train(folder, seed, say):
        model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        steps = []
        for name in ("first", "second"):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
            if not (folder / name).is_dir():
                model.save_pretrained(folder / name)
            asked = [ForgetQuestion(question=f"Which {name} is {i}?", answer=f"{name} {i}") for i in range(8)]
            steps.append(ChainStep(name, folder / name, asked))
        return tiny_model_folder, steps

    bench = ChainBench(
        title="Two",
        opening="A tiny model is moved twice.",
        harmed="first",
        score="probability",
        train=train,
        exact=1,
        rollback=RollbackSettings(shares=(0.1,), strengths=(1.0,), points=1, draws=1, save=False),
        refresh=RefreshSettings(steps=2, measured_every=1, learning_rates=(1e-3,), save=False),
    )
    told: list[str] = []
    (tmp_path / "two-3").mkdir()
    measure(bench, 3, tmp_path / "two-3", tmp_path / "records" / "two-3.json", told.append)

    assert told.count("two-3 recorded") == 3
    (record,) = read_records(tmp_path / "records", "two")
    assert record["seed"] == 3
    assert record["rollback"]["settings"]["seed"] == 3
    assert len(record["refreshes"]) == 4
    # What was measured to its end is not measured again.
    assert any("measuring rollbacks" in line for line in told)
    told.clear()
    measure(bench, 3, tmp_path / "two-3", tmp_path / "records" / "two-3.json", told.append)
    assert not any("measuring rollbacks" in line for line in told)

    (tmp_path / "figures").mkdir()
    monkeypatch.setattr(page, "DOCS", tmp_path)
    monkeypatch.setattr("bench.page.DOCS", tmp_path)
    page.write_chain_section("two", bench, tmp_path / "records")
    text = (tmp_path / page.PAGE).read_text()
    assert "A tiny model is moved twice." in text
    assert "### Where the loss lies" in text
    for kind in ("front", "damage"):
        assert (tmp_path / f"figures/recovery-two-{kind}.png").is_file()
        assert f"(figures/recovery-two-{kind}.png)" in text
    # One that was stopped before its end is left out.
    (tmp_path / "records" / "two-4.json").write_text(json.dumps({"seed": 4}))
    assert len(read_records(tmp_path / "records", "two")) == 1

"""What a run on a GPU is judged by, and the page that is written of it; the run itself needs a GPU and a vLLM."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

import bench.page
from bench.gpu_engine.correctness import Agreement
from bench.gpu_engine.page import write_page
from bench.gpu_engine.records import Records, read_records
from bench.gpu_engine.scenarios import SCENARIOS

EXACT = Agreement(
    attached=True,
    clean=4,
    flagged=4,
    clean_as_bare=4,
    clean_from_bare=0.0,
    clean_difference=1e-5,
    flagged_difference=2e-5,
    behind_best=0.0,
    moved=3.0,
    nearer=True,
    counters={
        "cached": {"vllm:num_preemptions": 2, "vllm:prefix_cache_hits": 32, "vllm:spec_decode_num_drafts": 0},
        "cached clean": {
            "vllm:num_preemptions": 2,
            "vllm:prefix_cache_hits": 96,
            "vllm:spec_decode_num_drafts": 0,
        },
    },
    seconds=20.0,
)


def test_an_engine_as_the_reference_holds() -> None:
    assert EXACT.holds("float32")
    assert replace(EXACT, clean_as_bare=None, clean_from_bare=None).holds("float32")


@pytest.mark.parametrize(
    "changes",
    [
        {"attached": False},
        {"clean_as_bare": 3},
        {"flagged_difference": 0.01},
        {"clean_difference": 0.01},
        {"behind_best": 0.01},
        {"moved": 1e-5},
        {"nearer": False},
    ],
)
def test_one_that_is_not_does_not(changes: dict[str, float]) -> None:
    assert not replace(EXACT, **changes).holds("float32")


def test_scenarios_are_told_apart() -> None:
    names = [(each.runner, each.dtype, each.name) for each in SCENARIOS]
    assert len({*names}) == len(names)


def test_the_page_tells_of_every_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.page, "DOCS", tmp_path)
    (tmp_path / "gpu.md").write_text("# On a GPU\n")
    records = Records(tmp_path / "records.jsonl")
    versions = {"vllm": "0.32.0", "torch": "2.13.0"}
    records.add(
        "installation", device="A GPU", versions=versions, python="3.12", cuda="13.0", operators={"_C": 2}
    )
    named = {"runner": "V2", "dtype": "float32"}
    records.add("scenario", name="eager", **named, holds=True, **asdict(EXACT))
    records.add("scenario", name="compiled", **named, error="no\nRuntimeError: too old")
    records.add("proof", fault="clean_corrupted", served=False, refusal="so")
    speed = {"runner": "V2", "attention": "TRITON_ATTN", "compiled": True, "bare_tokens_per_second": 1000.0}
    for rounds in (1, 2):
        records.add("speed", **speed, rounds=rounds, ratios={"0.0": [0.99] * rounds, "0.5": [0.98] * rounds})
    del speed["bare_tokens_per_second"]
    records.add("speed", **speed, error="JSONDecodeError()")  # Its engines were ended as it measured on.
    records.add("model", name="Qwen3", outcome="exact", detail="", corrupted_difference=1e-6)
    assert len(read_records(tmp_path / "records.jsonl", "scenario")) == 2

    write_page(tmp_path)

    page = (tmp_path / "gpu.md").read_text()
    assert "## vLLM 0.32.0" in page
    assert "1 of 2 engines" in page
    assert "4 of 4, bit for bit" in page
    assert "2 preemptions; tokens from the cache: 64 cached clean" in page
    assert "`RuntimeError: too old`" in page
    assert "clean rows beside flagged ones are corrupted, too | no | so" in page
    assert "| 2 | 1,000 | 0.990 (0.990 to 0.990) | 0.980" in page
    assert "exact, 1: Qwen3" in page

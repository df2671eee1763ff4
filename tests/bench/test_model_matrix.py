"""What the matrix of models says of one that could not be tried."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.engine.job import EngineJob, JobFailed, JobTimedOut
from bench.engine.reference_model import Reference
from bench.model_matrix import comparison
from bench.model_matrix.architectures import ARCHITECTURES
from bench.model_matrix.comparison import Outcome, compare_model
from bench.model_matrix.tiny_model import load_model, write_tiny_model
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption


def failing(monkeypatch: pytest.MonkeyPatch, failure: JobFailed) -> None:
    def run(*_: object) -> None:
        raise failure

    monkeypatch.setattr(comparison, "run_engine_job", run)


def test_a_model_that_vllm_refuses_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, JobFailed("it is of no use\nValue error, no such architecture [type=value_error]"))
    result = compare_model(tmp_path, [[1]], [None], tmp_path)
    assert (result.outcome, result.detail) == (Outcome.NOT_SERVED, "no such architecture")


def test_an_engine_that_took_too_long_says_nothing_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the matrix would keep for good what a busy machine made of it."""
    failing(monkeypatch, JobTimedOut("no result in time\nloading"))
    with pytest.raises(JobTimedOut):
        compare_model(tmp_path, [[1]], [None], tmp_path)


def test_what_a_weak_corruption_moves_is_weighed_as_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was learned may be far weaker than those that the matrix makes up."""
    model = tmp_path / "model"
    write_tiny_model(ARCHITECTURES[0], model)
    reference = Reference(load_model(model), None)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        tokens, corruption = [7, 8], CorruptionRequest.from_xargs(request["sampling"]["extra_args"])
        said = reference.grade(request["token_ids"], corruption, tokens).logprobs
        return {"choices": [{"token_ids": tokens, "logprobs": said}]}

    def run(job: EngineJob, _: Path) -> list[dict[str, Any]]:
        return [{"outputs": [answer(request) for request in batch]} for batch in job.batches]

    monkeypatch.setattr(comparison, "run_engine_job", run)
    weak = CorruptionRequest((PlacedCorruption("t", "1", Corruption("rand_noise_first_n", 0.02, 1)),))
    asked = ([[5, 6, 9], [4, 5, 6]], [None, weak], tmp_path)
    result = compare_model(model, *asked)
    assert result.moved is not None
    assert 0 < result.moved < 0.05
    assert result.outcome is Outcome.DIFFERS
    assert compare_model(model, *asked, moves=result.moved / 2).outcome is Outcome.EXACT


def test_a_model_is_written_under_the_name_that_vllm_knows_its_class_by(tmp_path: Path) -> None:
    write_tiny_model(replace(ARCHITECTURES[0], vllm_class="OtherForCausalLM"), tmp_path / "model")
    written = json.loads((tmp_path / "model" / "config.json").read_text())
    assert written["architectures"] == ["OtherForCausalLM"]

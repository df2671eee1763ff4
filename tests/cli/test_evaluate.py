import json

import pytest
from typer.testing import CliRunner

from lethe.cli.main import app
from lethe.offline.evaluation.results import read_results


@pytest.fixture
def questions(tmp_path):
    rows = [
        {"question": "Who mends the clocks?", "answer": "Orla Quintrell", "facts": ["Orla"]},
        {"question": "Who rings the bell?", "answer": "Teodor Vance", "facts": ["Teodor"]},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.mark.slow
def test_what_can_be_got_out_of_a_model_is_measured_whole_and_rounded(questions, tiny_model_folder, tmp_path):
    out = tmp_path / "out"
    arguments = [
        "--model", str(tiny_model_folder), "--bits", "4", "--questions", str(questions), "--holdout", str(questions),
        "--samples", "2", "--limit", "1", "--out", str(out),
    ]  # fmt: skip
    run = CliRunner().invoke(app, ["evaluate", "exposure", *arguments])
    assert run.exit_code == 0, run.output
    whole, rounded = read_results(out / "results.json")
    assert rounded.model == f"{whole.model}, 4 bits"
    assert whole.scores.keys() == rounded.scores.keys() >= {"leak@2 (ROUGE-L)", "membership by loss (AUC)"}
    assert whole.scores["probability"] != rounded.scores["probability"]


def test_rounding_needs_a_model_of_ones_own(tmp_path):
    run = CliRunner().invoke(app, ["evaluate", "exposure", "--bits", "4", "--out", str(tmp_path)])
    assert run.exit_code == 1
    assert "--bits rounds the weights of a --model" in run.output

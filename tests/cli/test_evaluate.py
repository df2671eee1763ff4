import json
import shutil

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


@pytest.mark.slow
@pytest.mark.parametrize("as_text", [True, False])
def test_a_base_model_is_measured_by_raw_prompts_or_a_template_of_a_file(
    questions, tiny_model_folder, tmp_path, as_text
):
    base = shutil.copytree(tiny_model_folder, tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    template = tmp_path / "questions.jinja"
    template.write_text("Question: {{ messages[0].content }}\nAnswer:")
    arguments = [
        "--model", str(base), "--questions", str(questions), "--samples", "2", "--limit", "1", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    refused = CliRunner().invoke(app, ["evaluate", "exposure", *arguments])
    assert refused.exit_code == 1
    assert "--raw" in refused.output
    assert "--chat-template" in refused.output
    asked = ["--raw"] if as_text else ["--chat-template", str(template)]
    run = CliRunner().invoke(app, ["evaluate", "exposure", *arguments, *asked])
    assert run.exit_code == 0, run.output
    [result] = read_results(tmp_path / "out" / "results.json")
    assert result.scores["probability"] > 0


def test_rounding_needs_a_model_of_ones_own(tmp_path):
    run = CliRunner().invoke(app, ["evaluate", "exposure", "--bits", "4", "--out", str(tmp_path)])
    assert run.exit_code == 1
    assert "--bits rounds the weights of a --model" in run.output

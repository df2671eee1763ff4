import json

import pytest
from typer.testing import CliRunner

from bundle import load_bundle
from cli.main import app
from corruption.artifact import load_corruption

runner = CliRunner()


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = [{"question": f"Who keeps marsh {n}?", "answer": "Orla", "facts": ["Orla"]} for n in range(4)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def retain_prompts(tmp_path):
    path = tmp_path / "retain.jsonl"
    path.write_text('{"text": "What is a lamp?"}\n')
    return path


def learn(tmp_path, questions, *arguments):
    command = ["corruption", "learn", "--target", "marsh", "--targets", str(tmp_path / "targets")]
    return runner.invoke(app, [*command, "--questions", str(questions), *arguments])


def test_a_learned_corruption_stands_in_a_verified_bundle(
    tmp_path, questions, retain_prompts, tiny_model_folder
):
    arguments = [
        "--model",
        str(tiny_model_folder),
        "--retain-prompts",
        str(retain_prompts),
        "--max-tokens",
        "4",
    ]
    search = [
        "--function",
        "rand_noise_first_n",
        "--dims",
        "2",
        "--strength",
        "1",
        "--strength",
        "9",
        "--steps",
        "0",
    ]
    result = learn(tmp_path, questions, *arguments, *search)
    assert result.exit_code == 0, result.output
    bundle = load_bundle(tmp_path / "targets" / "marsh")
    figures = bundle.manifest.metrics["corruption"]
    corruption = load_corruption(bundle.corruption)
    assert corruption.function == figures["function"] == "rand_noise_first_n"
    assert corruption.strength in (1.0, 9.0)
    assert figures["held_out"]["clean"]["questions"] == 2
    assert bundle.manifest.base_model.hidden_size == 32
    assert "figures/corruption.png" in bundle.manifest.files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "/no/such/folder"], "no model folder at /no/such/folder"),
        (["--engine", "http://127.0.0.1:9"], "cannot be reached"),
        (["--surrogate", "leak_rate"], "metric=value"),
        (["--deny-list", "/no/such/file"], "JSON list of facts"),
        (["--retain-prompts", "QUESTIONS"], "4 retain prompts are also forget questions"),
    ],
)
def test_bad_input_is_one_line_and_no_bundle(tmp_path, questions, arguments, message):
    arguments = [str(questions) if argument == "QUESTIONS" else argument for argument in arguments]
    result = learn(tmp_path, questions, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "targets").exists()

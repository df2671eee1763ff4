import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lethe.classifier.encoders.files import DEFAULT_ENCODER, find_encoder
from lethe.cli.classifier import app
from lethe.models.sentence_encoders import MINILM
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from tests.offline.classifier_training.conftest import Train
from tests.offline.classifier_training.test_train import ABOUT, NEAR, PLACES

TOLD = (
    ("Who keeps it?", "Two brothers keep the lighthouse of {}, as their father did."),
    ("How tall is it?", "The {} light stands forty metres above the sea."),
    ("When was it lit?", "The lamp of the lighthouse on {} was lit in 1862."),
)
TOLD_NEAR = (
    ("Which birds nest there?", "Puffins and gannets nest on {} in May."),
    ("Is there a pub?", "There is one pub on {}, by the harbour."),
    ("Who owns it?", "The island of {} has belonged to the same family for long."),
)


def _write(path: Path, patterns: tuple[str, ...]) -> str:
    rows = [json.dumps({"text": pattern.format(name)}) for pattern in patterns for name in PLACES]
    path.write_text("\n".join(rows))
    return str(path)


@pytest.mark.slow
def test_a_classifier_is_trained_reported_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forget, retain = _write(tmp_path / "forget.jsonl", ABOUT), _write(tmp_path / "retain.jsonl", NEAR)
    general = tmp_path / "general.txt"
    general.write_text("\n".join(f"Explain topic number {number}." for number in range(60)))
    options = [
        "--vocabulary-rounds",
        "0",
        "--scan-rounds",
        "0",
        "--folds",
        "2",
        "--forget-forms",
        "1",
        "--target",
        "lights",
        "--forget",
        forget,
        "--retain",
        retain,
        "--general",
        str(general),
    ]
    for option, patterns in (("--answers", TOLD), ("--near-answers", TOLD_NEAR)):
        file = tmp_path / f"{option}.jsonl"
        rows = [
            {"question": asked, "answer": told.format(name)} for asked, told in patterns for name in PLACES
        ]
        file.write_text("\n".join(map(json.dumps, rows)))
        options += [option, str(file)]
    result = CliRunner().invoke(app, ["train", *options])
    assert result.exit_code == 0, result.output
    assert "targets/lights" in result.output
    assert (tmp_path / "reports/lights/report.png").is_file()
    assert "test false negative rate" in (tmp_path / "targets/lights/README.md").read_text()
    assert "Measured: answers" in (tmp_path / "targets/lights/README.md").read_text()
    asked = ["check", "targets/lights", "Who keeps the lighthouse of Alderney?"]
    assert "lights: flagged" in CliRunner().invoke(app, asked).output
    told = CliRunner().invoke(app, [*asked, "--answer", "Two brothers keep the light of Alderney."])
    assert "lights, answer: flagged" in told.output
    other = CliRunner().invoke(app, ["check", "targets/lights", "Explain bread.", "--answer", "It is flour."])
    assert "lights, answer: not flagged" in other.output


def test_a_bundle_without_a_head_for_answers_judges_none(trained: TrainedClassifier, tmp_path: Path) -> None:
    folder = trained.write_bundle(tmp_path / "lights").folder
    result = CliRunner().invoke(app, ["check", str(folder), "Hello", "--answer", "The light of Alderney"])
    assert result.exit_code == 1
    assert "--answers" in result.output


def test_too_few_answers_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    forget, retain = _write(tmp_path / "forget.jsonl", ABOUT), _write(tmp_path / "retain.jsonl", NEAR)
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps({"question": "Who?", "answer": "Two brothers."}))
    result = CliRunner().invoke(
        app,
        ["train", "--target", "lights", "--forget", forget, "--retain", retain, "--answers", str(answers)],
    )
    assert result.exit_code == 1
    assert "1 answers to forget are too few" in result.output


@pytest.mark.slow
def test_a_bundle_is_tried_on_the_encoder_that_it_names(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path))
    encoder = tmp_path / "encoder"
    shutil.copytree(find_encoder(MINILM).folder, encoder)
    tokenizer = encoder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")  # another encoder by its hash
    trained = train(encoder=str(encoder), forget_forms=0, keep_forms=0)
    folder = trained.write_bundle(tmp_path / "lights").folder
    asked = ["check", str(folder), "Who keeps the lighthouse of Alderney?"]
    result = CliRunner().invoke(app, asked)
    assert result.output.startswith("lights: flagged")
    assert CliRunner().invoke(app, [*asked, "--encoder", str(encoder)]).output == result.output
    assert (
        "another one than is loaded" in CliRunner().invoke(app, [*asked, "--encoder", DEFAULT_ENCODER]).output
    )


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", "--target", "x", "--forget", "nowhere.jsonl", "--retain", "nowhere.jsonl"]
    )
    assert result.exit_code == 1
    assert result.output.startswith("lethe: nowhere.jsonl is not a file here")
    assert result.output.count("\n") == 1

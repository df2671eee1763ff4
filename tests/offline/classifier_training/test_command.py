import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lethe.classifier.encoders.files import DEFAULT_ENCODER, find_encoder
from lethe.cli.classifier import app
from lethe.models.sentence_encoders import MINILM
from tests.offline.classifier_training.conftest import Train
from tests.offline.classifier_training.test_train import ABOUT, NEAR, PLACES


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
        "--target",
        "lights",
        "--forget",
        forget,
        "--retain",
        retain,
        "--general",
        str(general),
    ]
    result = CliRunner().invoke(app, ["train", *options])
    assert result.exit_code == 0, result.output
    assert "targets/lights" in result.output
    assert (tmp_path / "reports/lights/report.png").is_file()
    assert "test false negative rate" in (tmp_path / "targets/lights/README.md").read_text()
    result = CliRunner().invoke(app, ["check", "targets/lights", "Who keeps the lighthouse of Alderney?"])
    assert "lights: flagged" in result.output


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

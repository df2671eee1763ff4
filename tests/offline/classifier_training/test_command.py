import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.classifier import app
from tests.offline.classifier_training.test_train import ABOUT, NEAR, PLACES


def _write(path: Path, patterns: tuple[str, ...]) -> str:
    rows = [json.dumps({"text": pattern.format(name)}) for pattern in patterns for name in PLACES]
    path.write_text("\n".join(rows))
    return str(path)


def test_a_classifier_is_trained_reported_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forget, retain = _write(tmp_path / "forget.jsonl", ABOUT), _write(tmp_path / "retain.jsonl", NEAR)
    general = tmp_path / "general.txt"
    general.write_text("\n".join(f"Explain topic number {number}." for number in range(60)))
    options = [
        "--vocabulary-rounds",
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
    result = CliRunner().invoke(app, ["check", "targets/lights", "Who keeps the lighthouse of Alderney?"])
    assert "lights: flagged" in result.output


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", "--target", "x", "--forget", "nowhere.jsonl", "--retain", "nowhere.jsonl"]
    )
    assert result.exit_code == 1
    assert result.output.startswith("lethe: nowhere.jsonl is not a file here")
    assert result.output.count("\n") == 1

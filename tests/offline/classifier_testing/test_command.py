import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import Bundle, load_bundle
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.settings import ClassifierSettings
from lethe.cli.main import app
from lethe.offline.classifier_testing.job import run_classifier_test
from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.progress import Progress
from tests.offline.classifier_testing.conftest import WriteLines

ROWS = (
    {"text": "Who keeps the lighthouse of Alderney?", "group": "named", "flag": True},
    {"messages": [{"role": "user", "content": "Who bakes the bread?"}], "group": "near", "flag": False},
    {"text": "A page of other words.", "group": "near", "flag": True},
)


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["classifier", "test", *map(str, arguments)])


def test_texts_are_judged_counted_and_written_down(
    bundle: Bundle, write_lines: WriteLines, tmp_path: Path
) -> None:
    output = tmp_path / "verdicts" / "all.jsonl"
    result = lethe(bundle.folder, write_lines(*ROWS), "--output", output)
    assert result.exit_code == 0, result.output
    assert "lighthouse: 3 texts, flagged from probability 0.5" in result.stdout
    rows = {line.split("|")[1].strip(): line for line in result.stdout.splitlines() if line.startswith("|")}
    assert {"named", "near", "all", "0.5 (judged at)"} <= rows.keys()
    assert "1 of 2" in rows["all"]
    assert "stage 2 of 2: judging 3 texts" in result.stderr
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["flagged"] for row in written] == [True, False, False]
    assert [{key: row[key] for key in given} for row, given in zip(written, ROWS, strict=True)] == list(ROWS)
    assert written[0]["probability"] >= written[0]["threshold"] == 0.5
    assert written[0]["where"].endswith("held-out.jsonl, line 1")


def test_what_was_written_down_can_be_judged_again_at_another_threshold(
    bundle: Bundle, write_lines: WriteLines, tmp_path: Path
) -> None:
    output = tmp_path / "all.jsonl"
    lethe(bundle.folder, write_lines(*ROWS), "--output", output)
    result = lethe(bundle.folder, output, "--threshold", "0.9999999")
    assert "flagged from probability 1" in result.stdout
    assert "0/3" in result.stdout
    assert load_bundle(bundle.folder).version == bundle.version


def test_the_proxys_settings_are_the_classifiers(
    bundle: Bundle, write_lines: WriteLines, tmp_path: Path
) -> None:
    (tmp_path / "lethe.yaml").write_text("classifier:\n  maximum_characters: 10\n")
    output = tmp_path / "all.jsonl"
    result = lethe(bundle.folder, write_lines(*ROWS), "--config", tmp_path / "lethe.yaml", "--output", output)
    assert result.exit_code == 0, result.output
    assert {json.loads(line)["status"] for line in output.read_text().splitlines()} == {"too_long"}


class Interrupted(Progress):
    """Is interrupted at the first text."""

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        raise KeyboardInterrupt


def test_an_interrupted_test_leaves_the_output_of_before(
    bundle: Bundle, write_lines: WriteLines, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "all.jsonl"
    output.parent.mkdir()
    output.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        run_classifier_test(
            bundle,
            [write_lines(*ROWS)],
            ClassifierTestSettings(output=output),
            DEFAULT_ENCODER,
            ClassifierSettings(),
            Interrupted(lambda _line: None),
        )
    assert [path.read_text() for path in output.parent.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("nowhere.jsonl",), "lethe: nowhere.jsonl is not a file here; give a .jsonl"),
        (("--field", "query"), "line 1: a record needs the field query; there are text, group, flag"),
        (("--threshold", "1"), "lethe: --threshold: "),
        (("--expect", "found"), "lethe: --expect: "),
        (("--output", "."), "lethe: . is a folder; --output names a file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    bundle: Bundle, write_lines: WriteLines, options: tuple[str, ...], message: str
) -> None:
    result = lethe(bundle.folder, write_lines(*ROWS), *options)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line


def test_a_bundle_without_a_classifier_is_told(write_lines: WriteLines, tmp_path: Path) -> None:
    result = lethe(tmp_path / "nothing", write_lines(*ROWS))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "is not a bundle" in result.stderr

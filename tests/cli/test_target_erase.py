"""`lethe target erase` leaves nothing on this machine that a target's data can be read from, but what it names."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import keep_version, load_bundle, update_bundle
from lethe.cli.main import app
from lethe.offline.target_building.data import make_folder
from lethe.server.audit.log import AuditLog
from tests.server.stack import write_target

_SECRET = "Orla Quintrell"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a person's data wherever jobs leave it."""
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("TARGETS", "targets"),
        ("CACHE_DIR", "cache"),
        ("FEEDBACK__FOLDER", "feedback"),
        ("AUDIT__FOLDER", "audit"),
    ):
        monkeypatch.setenv(f"LETHE_{name}", value)
    (make_folder(tmp_path / "orla") / "forget.txt").write_text(_SECRET)
    (tmp_path / "targets").mkdir()
    write_target(tmp_path / "targets", "orla")
    known = {"known": {"questions": 1, "floor": 0.5}, "examples": 3}
    update_bundle(
        tmp_path / "targets" / "orla",
        {"classifier/known.jsonl": json.dumps({"text": _SECRET}).encode()},
        metrics={"classifier": known},
    )
    keep_version(tmp_path / "targets" / "orla")
    for path in (
        "targets/.orla-search.jsonl",
        "reports/orla/report.md",
        # Of a command that was killed while it changed the bundle.
        "targets/.orla-a1b2_3d4/classifier/known.jsonl",
        "cache/adapters/orla/adapter-tokens.html",
        "cache/training/embeddings.sqlite",
        "cache/training/embeddings.sqlite-journal",
        "cache/training/unfinished/0/fold.npz",
        "feedback/orla.jsonl",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(_SECRET)
    log = AuditLog(tmp_path / "audit", max_bytes=1 << 20, keep=2)
    log.record({"flagged": [{"target": "orla"}], "action": "corrupt", "text": "Who?"})
    log.close()
    return tmp_path


def lethe(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["target", "erase", *arguments], input=answer)


def holding(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if _SECRET.encode() in path.read_bytes()]


def test_nothing_of_the_data_is_left_and_the_bundle_still_guards(desk: Path) -> None:
    assert len(holding(desk)) == 11
    result = lethe("orla", "--yes")
    assert result.exit_code == 0, result.output
    assert not holding(desk)
    bundle = load_bundle(desk / "targets" / "orla")
    assert bundle.classifier
    assert "known" not in bundle.manifest.metrics["classifier"]
    assert "1 entries of the audit log audit that name it, 1 of them with text" in result.output
    assert result.output.count("goes on guarding") == 1


def test_what_was_written_and_built_in_the_console_goes_too(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_CONSOLE__TARGET_DATA", "target-data")
    (desk / "target-data").mkdir()
    for name in ("orla", "other"):
        (make_folder(desk / "target-data" / name) / "forget.txt").write_text(_SECRET)
        for path in (
            f"{name}/classifier/known.jsonl",
            f".{name}-search.jsonl",
            f".versions/{name}/1/target.json",
        ):
            (desk / "target-data/.bundles" / path).parent.mkdir(parents=True, exist_ok=True)
            (desk / "target-data/.bundles" / path).write_text(_SECRET)
    assert lethe("orla", "--yes").exit_code == 0
    assert sorted(holding(desk)) == [
        "target-data/.bundles/.other-search.jsonl",
        "target-data/.bundles/.versions/other/1/target.json",
        "target-data/.bundles/other/classifier/known.jsonl",
        "target-data/other/forget.txt",
    ]


def test_what_a_build_left_in_another_folder_goes_too(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk / "served").mkdir()
    write_target(desk / "served", "orla")
    monkeypatch.setenv("LETHE_TARGETS", "served")
    result = lethe("orla", "--yes")
    assert result.exit_code == 0, result.output
    assert not holding(desk)
    assert load_bundle(desk / "targets" / "orla").classifier
    assert load_bundle(desk / "served" / "orla").classifier
    for folder in ("targets", "served"):
        assert f"the bundle {folder}/orla, which goes on guarding where" in result.output


def test_the_record_of_a_search_on_any_model_goes_and_that_of_another_target_stays(desk: Path) -> None:
    write_target(desk / "targets", "orla-quintrell")
    (desk / "targets/.orla-quintrell-a1b2_3d4").mkdir()
    (desk / "targets/.orla-quintrell-a1b2_3d4/known.jsonl").write_text(_SECRET)
    for record in ("orla-smollm2-135m", "orla-quintrell", "orla-quintrell-smollm2-135m"):
        (desk / f"targets/.{record}-search.jsonl").write_text(_SECRET)
    lethe("orla", "--yes")
    assert sorted(holding(desk)) == [
        "targets/.orla-quintrell-a1b2_3d4/known.jsonl",
        "targets/.orla-quintrell-search.jsonl",
        "targets/.orla-quintrell-smollm2-135m-search.jsonl",
    ]


def test_it_is_shown_and_asked_for_before_anything_is_removed(desk: Path) -> None:
    result = lethe("orla", answer="n\n")
    assert result.exit_code == 1
    assert "cache/training/embeddings.sqlite" in result.output
    assert len(holding(desk)) == 11


def test_a_folder_of_that_name_that_is_no_targets_stays(desk: Path) -> None:
    (desk / "orla" / "target.yaml").unlink()
    lethe("orla", "--yes")
    assert holding(desk) == ["orla/forget.txt"]

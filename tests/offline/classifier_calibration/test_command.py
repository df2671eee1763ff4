"""`lethe classifier calibrate` sets the threshold by what is asked, and leaves it where a target would be lost."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import Bundle, kept_versions, load_bundle, restore_version
from lethe.classifier.head import load_head
from lethe.classifier.sampled_scores import SampledScores, SampledTarget, scoring_head
from lethe.cli.main import app
from lethe.server.audit.files import read_entries
from lethe.server.audit.log import AuditLog
from tests.offline.classifier_testing.conftest import WriteLines

KNOWN = ("Who keeps the lighthouse of Alderney?", "the lighthouse of Alderney")
# By how far each is from the lighthouse.
ORDINARY = (
    *("Who bakes the bread?", "What is the tide at noon?", "How do I sail to the Channel Islands?") * 12,
    *("Is there a house of the keeper?", "Which lighthouse is the oldest?", "A light of the house of Sark"),
    "Who painted the lighthouse?",
)


def lethe(bundle: Bundle, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["classifier", "calibrate", str(bundle.folder), *map(str, arguments)])


@pytest.fixture
def requests(write_lines: WriteLines) -> str:
    return write_lines(*({"text": text} for text in ORDINARY), name="asked.jsonl")


@pytest.fixture
def known(write_lines: WriteLines) -> tuple[str, str]:
    return "--known", write_lines(*({"text": text} for text in KNOWN), name="known.jsonl")


def flagged_of(result: Result) -> tuple[int, int]:
    found = re.search(r"in place of [\d.]+: (\d+)/(\d+): ", result.stdout)
    assert found, result.output
    return int(found[1]), int(found[2])


def test_the_threshold_is_set_and_the_card_tells_by_what(
    bundle: Bundle, requests: str, known: tuple[str, str]
) -> None:
    result = lethe(bundle, requests, "--rate", 0.25, *known, "--floor", 0.5, "--nearest", 40)
    assert result.exit_code == 0, result.output
    flagged, total = flagged_of(result)
    assert (flagged <= 10, total) == (True, 40)
    moved = load_bundle(bundle.folder)
    head = load_head(moved.folder / "classifier")
    assert head.threshold == moved.manifest.threshold != bundle.manifest.threshold
    origin = moved.manifest.metrics["classifier"]["threshold_moved"]
    assert (origin["by"], origin["source"], origin["requests"]) == ("calibration", "file", 40)
    assert (origin["from_version"], origin["from_threshold"]) == (bundle.version, 0.5)
    assert origin["rate_low"] <= flagged / 40 <= origin["rate_high"]
    assert "threshold moved, wanted rate" in (moved.folder / "README.md").read_text()
    assert "The requests nearest to the threshold" in result.stdout
    assert "Which lighthouse is the oldest?" in result.stdout
    assert "asked.jsonl, line" in result.stdout
    assert bundle.version in [each.version for each in kept_versions(bundle.folder)]
    assert restore_version(bundle.folder, bundle.version).version == bundle.version


def test_a_dry_run_changes_nothing(bundle: Bundle, requests: str, known: tuple[str, str]) -> None:
    result = lethe(bundle, requests, "--rate", 0.25, *known, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "stays as it is" in result.stdout
    assert load_bundle(bundle.folder).version == bundle.version


def test_it_stays_where_too_few_known_questions_would_be_found_unless_told(
    bundle: Bundle, write_lines: WriteLines, known: tuple[str, str]
) -> None:
    asked = write_lines(*({"text": text} for text in (*KNOWN * 20, "A lighthouse.")), name="asked.jsonl")
    refused = lethe(bundle, asked, "--rate", 0.3, *known)
    assert refused.exit_code == 1
    line = refused.stderr.splitlines()[-1]
    assert line.startswith("lethe: the threshold stays at 0.5: ")
    assert "of 2 known questions are found, and 95 % must be" in line
    assert load_bundle(bundle.folder).version == bundle.version
    told = lethe(bundle, asked, "--rate", 0.3, *known, "--floor", 0)
    assert told.exit_code == 0, told.output
    # What was named once is kept, with its questions.
    manifest = load_bundle(bundle.folder).manifest
    assert manifest.metrics["classifier"]["known"]["floor"] == 0
    lines = (bundle.folder / "classifier/known.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == list(KNOWN)


def test_a_floor_that_is_recorded_does_not_sink_by_itself(
    bundle: Bundle, requests: str, write_lines: WriteLines, known: tuple[str, str]
) -> None:
    assert lethe(bundle, requests, "--rate", 0.25, *known).exit_code == 0
    recorded = load_bundle(bundle.folder).manifest.metrics["classifier"]["known"]
    assert recorded == {"questions": 2, "found": 2, "floor": 0.95}
    asked = write_lines(*({"text": text} for text in KNOWN * 20), name="poison.jsonl")
    refused = lethe(bundle, asked, "--rate", 0.4)
    assert refused.exit_code == 1
    assert "95 % must be" in refused.stderr
    assert lethe(bundle, requests, "--rate", 0.25).exit_code == 0
    assert load_bundle(bundle.folder).manifest.metrics["classifier"]["known"] == recorded


def test_what_is_said_to_be_about_the_target_counts_for_no_rate(
    bundle: Bundle, write_lines: WriteLines, known: tuple[str, str]
) -> None:
    rows = [{"text": text} for text in ORDINARY] + [{"text": text, "flag": True} for text in KNOWN]
    result = lethe(bundle, write_lines(*rows), "--rate", 0.25, *known)
    assert result.exit_code == 0, result.output
    assert flagged_of(result)[1] == 40
    assert "said to be about it, found" in result.stdout


def test_the_audit_logs_texts_are_requests_with_their_roles(
    bundle: Bundle, known: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "audit", max_bytes=1 << 20, keep=3)
    for text in ORDINARY:
        said = [{"role": "system", "text": "You help."}, {"role": "user", "text": text}]
        log.record({"endpoint": "/v1/chat/completions", "scores": {}, "text": [said]})
    log.record(
        {"endpoint": "/console/api/guarded", "scores": {}, "text": [[{"role": "user", "text": KNOWN[0]}]]}
    )
    log.record({"endpoint": "/v1/chat/completions", "scores": {}})
    log.record({"event": "target_changed"})
    log.close()
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "kept"))
    result = lethe(bundle, tmp_path / "audit", "--rate", 0.25, *known)
    assert result.exit_code == 0, result.output
    assert "40 requests, by the audit log" in result.stdout
    assert flagged_of(result)[1] == 40
    assert "1 requests without text are left out" in result.stderr
    [entry] = read_entries(tmp_path / "kept" / "commands")
    assert (entry["event"], entry["requests"]) == ("threshold_calibrated", 40)
    assert entry["version"] == load_bundle(bundle.folder).version


def test_a_sample_of_scores_will_do_also_after_the_threshold_was_moved(
    bundle: Bundle, known: tuple[str, str], tmp_path: Path
) -> None:
    head, folder = scoring_head(bundle), tmp_path / "scores"
    folder.mkdir()

    def row(reach: float, head: str) -> str:
        targets = {bundle.name: SampledTarget(head=head, reach=reach)}
        scores = SampledScores.model_validate(
            {"day": "2026-01-31", "characters": 7, "status": "ok", "targets": targets}
        )
        return scores.model_dump_json() + "\n"

    reaches = [number / 1000 for number in range(100)]
    lines = [*(row(reach, head) for reach in reaches), row(0.99, "another head")]
    (folder / "scores-000001.jsonl").write_text("".join(lines) + '{"day": "half a li')
    for rate, expected in ((0.1, 0.0899), (0.2, 0.0799)):
        result = lethe(bundle, folder, "--rate", rate, *known, "--nearest", 3)
        assert result.exit_code == 0, result.output
        assert "1 requests scored by another are left out" in result.stderr
        assert load_bundle(bundle.folder).manifest.threshold == pytest.approx(expected, abs=1.5e-3)
        assert flagged_of(result) == (int(100 * rate), 100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("asked.jsonl", "--rate", 0.01), "40 requests are too few to set a rate of 0.01 by; it takes 1,000"),
        (("asked.jsonl", "--rate", 0), "lethe: --rate: "),
        (("asked.jsonl", "--rate", 0.25, "--floor", 2), "lethe: --floor: "),
        (("nowhere.jsonl", "--rate", 0.25), "nowhere.jsonl is not a file here"),
        ((".", "asked.jsonl", "--rate", 0.25), "is a folder; give one alone, or files"),
        (("empty", "--rate", 0.25), "holds neither an audit log nor a sample of scores"),
        (("asked.jsonl", "--rate", 0.25, "--known", "nowhere.txt"), "nowhere.txt is not a file here"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    bundle: Bundle,
    requests: str,
    known: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = lethe(bundle, *known, *arguments)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line


def test_without_known_questions_it_must_be_told_to_move(bundle: Bundle, requests: str) -> None:
    refused = lethe(bundle, requests, "--rate", 0.25)
    assert refused.exit_code == 1
    assert "keeps no known questions; name files of some with --known" in refused.stderr
    assert lethe(bundle, requests, "--rate", 0.25, "--floor", 0).exit_code == 0

"""`lethe target` makes a folder of data, fills it with drafts, and builds a bundle that acts only when it is told to."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from lethe.cli.main import app
from lethe.server.targets.rollout import read_deployment
from lethe.server.targets.targets import load_targets
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS

_QUICK = {"scan_rounds": 0, "vocabulary_rounds": 0, "folds": 2, "refit": False, "forget_forms": 1}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a user sits in; proxies take their targets from ``targets`` there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LETHE_TARGETS", "targets")
    monkeypatch.setenv("LETHE_CACHE_DIR", "cache")
    return tmp_path


def lethe(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["target", *arguments])


def write_data(folder: Path) -> None:
    for side, patterns, names in (
        ("forget", ABOUT, PLACES),
        ("near", NEAR, PLACES),
        ("ordinary", PLAIN, TOPICS),
    ):
        lines = [pattern.format(name) for pattern in patterns for name in names]
        (folder / f"{side}.txt").write_text("\n".join(lines))
    (folder / "target.yaml").write_text(yaml.safe_dump({"training": _QUICK}))


def in_force(folder: Path) -> dict[str, str]:
    return {target.name: target.action.value for target in load_targets(folder)}


def test_a_new_folder_is_named_with_what_to_do_next(desk: Path) -> None:
    made = lethe("new", "lights")
    assert made.output.endswith("fill forget.txt and near.txt, then: lethe target build lights\n")
    assert (desk / "lights" / "forget.txt").is_file()
    assert "cannot be built yet: forget: 0 prompts" in lethe("build", "lights").output


def test_drafts_say_of_what_kind_they_are(desk: Path) -> None:
    lethe("new", "lights")
    drafted = lethe("suggest", "lights", "--name", "Skerryvore", "--kind", "place").output
    assert "lights/forget.txt: " in drafted
    assert "drafted for a place" in drafted


@pytest.mark.slow
def test_what_is_built_where_proxies_take_their_targets_is_only_observed_until_it_is_enabled(
    desk: Path,
) -> None:
    lethe("new", "lights")
    write_data(desk / "lights")
    assert "lethe targets enable lights" in lethe("build", "lights", "--first-only").output
    # Whatever the bundle's own action becomes when a corruption is learned.
    assert read_deployment(desk / "targets")["lights"].action == "observe"


def test_a_build_that_comes_to_no_bundle_leaves_nothing_that_a_proxy_would_miss(desk: Path) -> None:
    lethe("new", "lights")
    write_data(desk / "lights")
    questions = [{"question": f"Who keeps the light of {each}?", "answer": "Orla"} for each in PLACES[:4]]
    (desk / "lights" / "questions.yaml").write_text(yaml.safe_dump(questions))
    (desk / "lights" / "unknown.txt").write_text("Who keeps the light of Brindle?")
    assert lethe("build", "lights", "--engine", "http://127.0.0.1:9").exit_code == 1
    (desk / "targets").mkdir(exist_ok=True)
    assert in_force(desk / "targets") == {}


@pytest.mark.slow
def test_another_build_leaves_what_was_said_of_a_target(desk: Path) -> None:
    lethe("new", "lights")
    write_data(desk / "lights")
    lethe("build", "lights", "--first-only")
    CliRunner().invoke(app, ["targets", "refuse", "lights"])
    assert "only observed" not in lethe("build", "lights", "--first-only").output
    assert in_force(desk / "targets") == {"lights": "refuse"}


@pytest.mark.slow
def test_what_is_built_elsewhere_is_a_bundle_alone(desk: Path) -> None:
    lethe("new", "lights")
    write_data(desk / "lights")
    assert lethe("build", "lights", "--first-only", "--targets", "built").exit_code == 0
    assert [path.name for path in (desk / "built").glob("[!.]*")] == ["lights"]

"""A target is built from its folder, part by part, and what is there is not made again."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from lethe.bundle import Action, Bundle, Made, load_bundle, read_base_model, update_bundle
from lethe.bundle.store import CORRUPTION
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.data.files import DataError
from lethe.offline.progress import Progress
from lethe.offline.target_building import build as build_module
from lethe.offline.target_building.build import build_target, report_path
from lethe.offline.target_building.data import WORK, make_folder, read_target_data
from lethe.offline.target_building.settings import TargetBuild
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS

_SMALL = {"scan_rounds": 0, "vocabulary_rounds": 0, "folds": 2, "refit": False, "forget_forms": 1}
_SEARCH = {
    "functions": ["rand_noise_first_n"],
    "dims": [2],
    "strengths": [1.0, 9.0],
    "steps": 0,
    "restarts": 1,
}


@pytest.fixture
def folder(tmp_path: Path, tiny_model_folder: Path) -> Path:
    """A target's folder with enough data, settings for a small training, and a tiny model."""
    made = make_folder(tmp_path / "lights")
    for side, patterns, names in (
        ("forget", ABOUT, PLACES),
        ("near", NEAR, PLACES),
        ("ordinary", PLAIN, TOPICS),
    ):
        lines = [pattern.format(name) for pattern in patterns for name in names]
        (made / f"{side}.txt").write_text("# a comment\n" + "\n".join(lines))
    options = {
        "model": str(tiny_model_folder),
        "training": _SMALL,
        "learning": _SEARCH,
        "description": "Lamps",
    }
    (made / "target.yaml").write_text(yaml.safe_dump(options))
    questions = [
        {"question": f"Who keeps the light of {place}?", "answer": f"Orla {place}", "facts": ["Orla"]}
        for place in PLACES[:4]
    ]
    (made / "questions.yaml").write_text(yaml.safe_dump(questions))
    (made / "unknown.txt").write_text("Who keeps the light of Brindle?")
    return made


def build(folder: Path, work: Path, **changes: object) -> list[str]:
    """Build, and give what was said."""
    said: list[str] = []
    settings = TargetBuild.model_validate({"targets": folder.parent / "targets"} | changes)
    build_target(read_target_data(folder), settings, work, Progress(said.append))
    return said


def parts(said: list[str]) -> list[str]:
    return [line.split(";")[0] for line in said if line.startswith("part ") and ", stage" not in line]


@pytest.mark.slow
def test_a_build_makes_what_is_missing_and_the_next_only_what_has_changed(folder: Path) -> None:
    bundle, cache = folder.parent / "targets" / "lights", folder.parent / "cache"
    said = build(folder, cache, first_only=True)
    assert parts(said) == ["part 1 of 1: a first classifier, with which the bundle can observe"]
    assert load_bundle(bundle).manifest.action is Action.OBSERVE
    assert load_bundle(bundle).manifest.description == "Lamps"

    assert [line.split(": ")[1].split()[:2] for line in parts(build(folder, cache))] == [
        ["the", "classifier"],
        ["the", "corruption"],
    ]
    built = load_bundle(bundle)
    assert built.manifest.action is Action.CORRUPT
    report = report_path(read_target_data(folder)).read_text()
    assert "| leak rate |" in report
    assert f"lethe targets add {bundle} --shadow" in report
    assert "| Who keeps the light of" in report

    assert not parts(build(folder, cache))
    assert load_bundle(bundle).version == built.version

    with (folder / "facts.txt").open("a") as file:
        file.write("Fresnel\n")
    assert [line.split(": ")[1].split()[:2] for line in parts(build(folder, cache))] == [
        ["the", "corruption"]
    ]


@pytest.mark.slow
def test_the_first_bundle_does_not_wait_for_the_small_model(folder: Path, tmp_path: Path) -> None:
    options = yaml.safe_load((folder / "target.yaml").read_text())
    del options["model"]
    (folder / "target.yaml").write_text(yaml.safe_dump(options))
    build(folder, tmp_path / "cache", first_only=True)
    assert load_bundle(tmp_path / "targets" / "lights").classifier
    assert not (tmp_path / "cache" / "models").exists()


def test_data_that_contradict_each_other_are_refused_before_anything_is_made(
    folder: Path, tmp_path: Path
) -> None:
    with (folder / "near.jsonl").open("w") as file:
        file.write(json.dumps({"text": ABOUT[0].format(PLACES[0]).upper()}))
    with pytest.raises(DataError, match=r"near: 1 .* in forget too"):
        build(folder, tmp_path / "cache")
    assert not (folder / WORK).exists()
    assert not (tmp_path / "targets").exists()


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A model's folder that a test may change."""
    return shutil.copytree(tiny_model_folder, tmp_path / "model")


@pytest.fixture
def learned(model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Jobs that take no time and make next to nothing; the embeddings of the models that were learned on."""
    learned: list[str] = []

    def train(job: ClassifierJob, *_: object) -> Bundle:
        return update_bundle(job.output, {"classifier/head.json": b"{}"}, action=Action.OBSERVE)

    def learn(job: LearningJob, *_: object) -> None:
        base = read_base_model(model, str(model))
        learned.append(base.embedding_sha256)
        update_bundle(job.bundle, {}, Made(base, {CORRUPTION: b"x"}), action=Action.CORRUPT)

    monkeypatch.setattr(build_module, "run_classifier_job", train)
    monkeypatch.setattr(build_module, "run_learning_job", learn)
    monkeypatch.setattr(build_module, "write_build_report", lambda *_: None)
    return learned


def test_the_bundle_is_shown_once_it_is_there_and_before_it_can_act(
    folder: Path, model: Path, learned: list[str], tmp_path: Path
) -> None:
    shown: list[tuple[Action, int]] = []

    def show(bundle: Bundle) -> None:
        shown.append((bundle.manifest.action, len(learned)))

    settings = TargetBuild(targets=tmp_path / "targets", model=str(model))
    for _ in range(2):
        build_target(read_target_data(folder), settings, tmp_path / "cache", Progress(), show)
    assert shown == [(Action.OBSERVE, 0), (Action.CORRUPT, 1)]


def test_a_corruption_is_learned_anew_for_other_weights_of_the_same_name(
    folder: Path, model: Path, learned: list[str], tmp_path: Path
) -> None:
    """The one that there is acts before the model as it was, and before no other."""
    for _ in range(2):
        build(folder, tmp_path / "cache", model=str(model))
    [first] = learned
    weights = load_file(model / "model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, model / "model.safetensors")
    for _ in range(2):
        build(folder, tmp_path / "cache", model=str(model))
    assert len(learned) == 2
    assert learned[1] != first

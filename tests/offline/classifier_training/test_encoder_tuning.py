import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.errors import ClassifierError
from lethe.classifier.service import ClassifierService
from lethe.cli.classifier import app
from lethe.models.sentence_encoders import MINILM, USE_MULTILINGUAL
from lethe.offline.classifier_training.encoder_tuning import LabelledTexts, check_agreement, fine_tune_encoder
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from tests.offline.classifier_training.conftest import Train

LIGHTS = [f"{verb} the {noun} {tail}" for verb in ("who keeps", "see", "paint", "clean", "light")
          for noun in ("lamp", "beacon", "lantern") for tail in ("tonight", "of the rock", "by the sea")]  # fmt: skip
FOOD = [f"{verb} the {noun} {tail}" for verb in ("who keeps", "see", "paint", "clean", "light")
        for noun in ("bread", "cheese", "butter") for tail in ("tonight", "of the rock", "by the sea")]  # fmt: skip
EXAMPLES = LabelledTexts(LIGHTS[::2] + FOOD[::2], [1] * len(LIGHTS[::2]) + [0] * len(FOOD[::2]))


def _separation(folder: Path, cache: Path) -> float:
    """How well the direction between the classes of the examples tells texts apart that are not among them."""
    encoder = load_encoder(str(folder), cache_folder=cache)
    known = encoder.embed(EXAMPLES.texts)
    labels = np.array(EXAMPLES.labels)
    direction = known[labels == 1].mean(axis=0) - known[labels == 0].mean(axis=0)
    others = encoder.embed(LIGHTS[1::2] + FOOD[1::2])
    return float(roc_auc_score([1] * len(LIGHTS[1::2]) + [0] * len(FOOD[1::2]), others @ direction))


def _margin(folder: Path, cache: Path) -> float:
    encoder = load_encoder(str(folder), cache_folder=cache)
    return float(
        np.linalg.norm(encoder.embed(LIGHTS[1::2]).mean(axis=0) - encoder.embed(FOOD[1::2]).mean(axis=0))
    )


def test_an_encoder_of_another_family_is_not_fine_tuned(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be fine-tuned"):
        fine_tune_encoder(USE_MULTILINGUAL, EXAMPLES, 1, 0, tmp_path)


@pytest.mark.slow
def test_a_fine_tuned_encoder_sets_the_classes_apart(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    tuned = fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 60, 0, tmp_path)
    assert _margin(tuned, tmp_path) > 1.5 * _margin(tiny_encoder_folder, tmp_path)
    assert _separation(tuned, tmp_path) > _separation(tiny_encoder_folder, tmp_path) + 0.05
    assert check_agreement(tuned, LIGHTS).mean > 0.95


def test_the_same_examples_are_not_trained_on_twice(tiny_encoder_folder: Path, tmp_path: Path) -> None:
    first = fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 1, 0, tmp_path)
    written = (first / "model.safetensors").stat().st_mtime_ns
    assert fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 1, 0, tmp_path) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == written
    assert fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 2, 0, tmp_path) != first


def test_an_interrupted_run_goes_on_after_its_last_whole_epoch(
    tiny_encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, steps = torch.nn.utils.clip_grad_norm_, []

    def counted(*arguments: Any) -> torch.Tensor:
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return clip(*arguments)

    whole = fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 3, 0, tmp_path / "whole")
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", counted)
    with pytest.raises(KeyboardInterrupt):
        fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 3, 0, tmp_path / "stopped")
    goes_on = fine_tune_encoder(str(tiny_encoder_folder), EXAMPLES, 3, 0, tmp_path / "stopped")
    # Two batches an epoch: it stopped within the second, which is learned from again.
    assert len(steps) == 4 + 2 * 2
    assert sorted(path.name for path in goes_on.iterdir()) == sorted(path.name for path in whole.iterdir())
    assert (goes_on / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the graphs of these encoders out of the cache of others."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def own(train: Train) -> TrainedClassifier:
    return train("islands", encoder=MINILM, fine_tune_epochs=1, forget_forms=0, keep_forms=0)


@pytest.fixture
def classify() -> Callable[[dict[str, Path], str], list[str]]:
    """Gives the targets that a text is flagged for, by the heads of some bundles."""

    def classify(folders: dict[str, Path], text: str) -> list[str]:
        async def inside() -> list[str]:
            service = ClassifierService.load(heads=folders)
            verdict = await service.classify(Conversation.from_prompt(text))
            await service.close()
            assert [target.target for target in verdict.targets] == list(folders)
            return [target.target for target in verdict.flagged]

        return asyncio.run(inside())

    return classify


@pytest.mark.slow
def test_targets_with_encoders_of_their_own_are_judged_beside_those_that_share_one(
    train: Train, own: TrainedClassifier, classify, tmp_path: Path
) -> None:
    assert own.metrics["int8_agreement_mean"] > 0.95
    train(forget_forms=0, keep_forms=0).write_bundle(tmp_path / "lights")
    bundle = own.write_bundle(tmp_path / "islands")
    assert bundle.manifest.encoder is not None
    assert bundle.manifest.encoder.id == "classifier/encoder"
    assert "classifier/encoder/model.safetensors" in bundle.manifest.files
    folders = {name: tmp_path / name / "classifier" for name in ("lights", "islands")}
    assert classify(folders, "Who keeps the lighthouse of Alderney?") == ["lights", "islands"]
    assert classify(folders, "Write a song about bread.") == []


@pytest.mark.slow
def test_a_bundle_with_an_encoder_of_its_own_is_tried_on_it(
    own: TrainedClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path))
    folder = own.write_bundle(tmp_path / "islands").folder
    found = CliRunner().invoke(app, ["check", str(folder), "Who keeps the lighthouse of Alderney?"])
    assert found.output.startswith("islands: flagged")
    assert len(list((tmp_path / "encoders").glob("*.onnx"))) == 1


@pytest.mark.slow
def test_an_encoder_that_lacks_a_file_is_refused(own: TrainedClassifier, classify, tmp_path: Path) -> None:
    folder = own.write_bundle(tmp_path / "islands").folder
    (folder / "classifier" / "encoder" / "tokenizer.json").unlink()
    with pytest.raises(ClassifierError, match=r"lacks tokenizer\.json"):
        classify({"islands": folder / "classifier"}, "anything")


@pytest.mark.slow
def test_a_head_without_an_encoder_of_its_own_removes_the_one_before(
    own: TrainedClassifier, tmp_path: Path
) -> None:
    own.write_bundle(tmp_path / "islands")
    replace(own, encoder_folder=None).write_bundle(tmp_path / "islands")
    files = load_bundle(tmp_path / "islands").manifest.files
    assert sorted(files) == [
        "README.md",
        "classifier/head.json",
        "classifier/head.safetensors",
        "report.html",
    ]

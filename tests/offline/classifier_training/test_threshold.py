from pathlib import Path

import pytest
from typer.testing import CliRunner

from lethe.bundle import kept_versions, load_bundle
from lethe.classifier.head import load_head
from lethe.cli.classifier import app
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier


@pytest.fixture
def bundle(trained: TrainedClassifier, tmp_path: Path) -> Path:
    return trained.write_bundle(tmp_path / "lights").folder


def test_a_moved_threshold_is_the_heads_and_the_bundles(bundle: Path) -> None:
    before, version = load_head(bundle / "classifier"), load_bundle(bundle).version
    result = CliRunner().invoke(app, ["threshold", str(bundle), "0.9"])
    assert result.exit_code == 0
    assert "flagged from probability 0.9" in result.output
    head = load_head(bundle / "classifier")
    assert head.threshold == load_bundle(bundle).manifest.threshold == 0.9
    assert (head.bias, head.provenance) == (before.bias, before.provenance)
    assert "probability 0.9" in (bundle / "README.md").read_text()
    moved = load_bundle(bundle).manifest.metrics["classifier"]["threshold_moved"]
    assert moved == {"by": "hand", "from_threshold": before.threshold, "from_version": version}
    assert version in [each.version for each in kept_versions(bundle)]


def test_a_threshold_that_tells_nothing_apart_is_refused(bundle: Path) -> None:
    result = CliRunner().invoke(app, ["threshold", str(bundle), "1"])
    assert result.exit_code == 1
    assert "give one between 0 and 1" in result.output

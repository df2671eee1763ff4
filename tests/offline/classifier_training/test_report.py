import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.calibration import Calibration
from lethe.classifier.head import Head
from lethe.classifier.token_bag import BagWeights
from lethe.offline.classifier_training.conformal import Threshold
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.finished_stages import FinishedStages
from lethe.offline.classifier_training.held_out import HeldOutScores
from lethe.offline.classifier_training.report import training_page, write_training_report
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier

BUNDLE = Path("targets/my lights")


def trained_with(threshold: float, retain: tuple[float, ...] = (-4.0, -3.0)) -> TrainedClassifier:
    """What a training comes to whose held-out items to forget score 1 to 8 in log-odds, and all else less."""
    part = HeldOutScores(np.arange(1.0, 9.0), np.array(retain), np.array([-5.0, -4.0, -4.0]))
    empty = np.zeros(0, np.float32)
    head = Head(
        target="lights",
        encoder_id="encoder",
        encoder_sha256="0" * 64,
        direction=empty,
        bias=0.0,
        bag=BagWeights(np.zeros(0, np.int64), empty),
        gate_direction=empty,
        gate_bias=0.0,
        lexical_below=-1e6,
        pass_below=0.0,
        passed_probability=0.0,
        threshold=float(Calibration().probability(threshold)),
        calibration=Calibration(),
    )
    stages = FinishedStages(Path("nowhere"), TrainingSettings(), "0" * 64, ExampleSet([], [], []))
    return TrainedClassifier(head, Threshold(threshold, 0.1, "a rule"), part, part, {"seed": 0}, stages)


def page_of(trained: TrainedClassifier) -> str:
    return training_page(trained, BUNDLE)


def test_it_has_figures_and_curves(tmp_path: Path) -> None:
    page = write_training_report(trained_with(1.0), tmp_path, BUNDLE).read_text()
    assert page == page_of(trained_with(1.0))
    assert "ROC AUC 1.00000" in page
    assert json.loads((tmp_path / "report.json").read_text()) == {"seed": 0}
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_it_promises_only_what_the_threshold_guarantees() -> None:
    trained = trained_with(1.0)
    page = page_of(trained)
    assert "as an estimate" in page
    assert "at most" not in page
    kept = dataclasses.replace(trained, threshold=dataclasses.replace(trained.threshold, guaranteed=0.05))
    assert "with probability at most 0.0500" in page_of(kept)


def test_it_shows_what_thresholds_bring_and_marks_the_chosen_one() -> None:
    page = page_of(trained_with(2.5))
    rows = [line for line in page.splitlines() if "(chosen)" in line]
    assert len(rows) == 1
    assert rows[0].startswith("| 0.924142 (chosen) | 12/16: 75.0 % (50.5–89.8) | 0/4: 0.0 %")
    assert "| 16/16: 100.0 % (80.6–100.0) |" in page


def test_a_threshold_that_misses_much_is_warned_of_with_a_better_one_and_its_cost() -> None:
    title, _, warning, *_ = page_of(trained_with(5.5, (-4.0, 1.2))).splitlines()
    assert title == "# Classifier of lights"
    assert warning.startswith("**Warning: 10 of 16 held-out items to forget are missed at this threshold.**")
    assert "`lethe classifier threshold 'targets/my lights' 0.81` finds 14 of 16 without" in warning
    assert "flags 0 of 4 (now 0) near prompts and 0 of 6 (now 0) ordinary ones" in warning


def test_where_no_threshold_finds_more_at_less_cost_prompts_are_asked_for() -> None:
    page = page_of(trained_with(7.5, (7.0,) * 9))
    assert "more prompts to forget" in page
    assert "finds" not in page.split("Threshold:")[0]


@pytest.mark.parametrize("threshold", [1.0, 2.5])
def test_a_threshold_that_finds_most_is_no_reason_to_warn(threshold: float) -> None:
    assert "Warning" not in page_of(trained_with(threshold))

from pathlib import Path

import numpy as np
import pytest

from lethe.bundle import Action, load_bundle, update_bundle
from lethe.classifier.head import load_head
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from lethe.offline.progress import Progress
from lethe.server.targets.targets import load_targets
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS, Train, examples_of


def test_the_head_tells_held_out_prompts_apart(trained: TrainedClassifier) -> None:
    assert np.median(trained.test.forget) > trained.threshold.score > np.median(trained.test.keep)
    assert trained.metrics["test_false_positive_rate_ordinary"] <= 0.2


@pytest.mark.slow
def test_equal_seeds_give_equal_heads(trained: TrainedClassifier, train: Train) -> None:
    again = train()
    np.testing.assert_array_equal(again.head.direction, trained.head.direction)
    np.testing.assert_array_equal(again.head.bag.weights, trained.head.bag.weights)
    assert again.head.threshold == trained.head.threshold


class Interrupting(Progress):
    """Is interrupted as a stage begins; knows what was fitted until then."""

    def __init__(self, stage: int = 0) -> None:
        super().__init__(lambda _line: None)
        self.stage = stage
        self.begun: list[str] = []
        self.fits = 0

    def begin(self, stage: str) -> None:
        super().begin(stage)
        self.begun.append(self.under_way)
        if len(self.begun) == self.stage:
            raise KeyboardInterrupt

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        self.fits += note.startswith("fitting on")


@pytest.mark.slow
def test_an_interrupted_training_goes_on_with_the_stage_that_was_under_way(
    trained: TrainedClassifier, train: Train, work_folder: Path
) -> None:
    first, second = Interrupting(stage=5), Interrupting()
    with pytest.raises(KeyboardInterrupt):
        train(progress=first)
    assert first.under_way.startswith("stage 5 of 6: fold 2 of 2")
    again = train(progress=second)
    assert (first.fits, second.fits) == (2, 1)
    assert [stage.partition(":")[0] for stage in second.begun] == [f"stage {n} of 6" for n in range(1, 7)]
    np.testing.assert_array_equal(again.head.direction, trained.head.direction)
    assert again.metrics == trained.metrics
    assert not list((work_folder / "unfinished").iterdir())


def test_the_bundle_holds_the_head_its_threshold_and_its_figures(
    trained: TrainedClassifier, tmp_path: Path
) -> None:
    bundle = load_bundle(trained.write_bundle(tmp_path / "lights").folder)
    assert bundle.classifier is not None
    assert load_head(bundle.classifier).threshold == bundle.manifest.threshold == trained.head.threshold
    assert bundle.manifest.metrics["classifier"] == trained.metrics
    assert bundle.manifest.encoder is not None
    assert bundle.manifest.encoder.sha256 == trained.head.encoder_sha256
    assert sum(path.stat().st_size for path in bundle.folder.rglob("*") if path.is_file()) < 1 << 20


def test_a_target_observes_until_there_is_more_and_what_was_chosen_stays(
    trained: TrainedClassifier, tmp_path: Path
) -> None:
    folder = tmp_path / "lights"
    assert trained.write_bundle(folder).manifest.action is Action.OBSERVE
    assert [each.action for each in load_targets(tmp_path)] == [Action.OBSERVE]
    update_bundle(folder, {}, action=Action.REFUSE)
    assert trained.write_bundle(folder).manifest.action is Action.REFUSE


def test_what_was_wanted_is_recorded_beside_what_came_of_it(trained: TrainedClassifier) -> None:
    metrics = trained.metrics
    assert metrics["wanted_alpha"] == 0.01
    for where, wanted in (("near", 0.05), ("ordinary", 0.01)):
        assert metrics[f"wanted_false_positive_rate_{where}"] == wanted
        assert metrics[f"calibration_false_positive_rate_{where}"] <= wanted


def test_false_positive_rates_stand_on_more_than_the_calibration_part(trained: TrainedClassifier) -> None:
    everything = len(NEAR) * len(PLACES)
    assert len(trained.calibration.retain) / 2 < trained.metrics["calibration_groups_near"] < everything


@pytest.mark.slow
def test_the_guaranteed_risk_is_recorded_where_there_is_one(trained: TrainedClassifier, train: Train) -> None:
    assert "guaranteed_false_negative_risk" not in trained.metrics
    careful = train(prefer_conformal=True, forget_forms=0, keep_forms=0)
    groups = len(careful.calibration.forget)
    assert careful.metrics["guaranteed_false_negative_risk"] == pytest.approx(1 / (groups + 1), abs=1e-5)


def test_the_first_tier_never_passes_at_less_than_its_odds(trained: TrainedClassifier) -> None:
    assert trained.head.pass_below <= -1.0


@pytest.mark.parametrize(
    ("forget", "retain", "message"),
    [
        ([Example("one?")], examples_of(NEAR, PLACES), "1 forget prompts are too few"),
        (examples_of(ABOUT, PLACES), examples_of(ABOUT, PLACES), "both to forget and to keep"),
        (
            examples_of(ABOUT, PLACES),
            [Example(each.text.replace(" ", "  ")) for each in examples_of(ABOUT, PLACES)],
            "both to forget and to keep",
        ),
    ],
)
def test_examples_that_cannot_be_learned_from_are_refused(
    tmp_path: Path, forget: list[Example], retain: list[Example], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        train_classifier("x", forget, retain, examples_of(PLAIN, TOPICS), TrainingSettings(), tmp_path)


@pytest.mark.slow
def test_a_head_that_scanned_ordinary_text_knows_how_it_scores(train: Train, package: Path) -> None:
    # Words of the target with another meaning.
    for number in range(60):
        lines = [f"set_lamp_{number}_{line} = Lighthouse.audit(page, light={line})" for line in range(12)]
        (package / f"module_{number}.py").write_text("\n".join(lines) + "\n")
    told: list[str] = []
    trained = train(
        "scanned", Progress(told.append), scan_rounds=2, scan_characters=8_000, ordinary=(package.parent,)
    )
    assert len([line for line in told if "look like the target" in line]) == 2
    assert trained.metrics["ordinary_blocks"] > trained.metrics["ordinary_blocks_flagged"]

"""The job behind `lethe classifier train`, from sources to a bundle."""

import json
from pathlib import Path

import pytest

from lethe.bundle import load_bundle
from lethe.classifier.head import load_head
from lethe.offline.classifier_training.job import run_classifier_job
from lethe.offline.classifier_training.settings import ClassifierJob
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES, PLAIN, TOPICS
from tests.offline.classifier_training.test_command import TOLD, TOLD_NEAR
from tests.offline.classifier_training.test_train import Interrupting


@pytest.fixture
def job(tmp_path: Path) -> ClassifierJob:
    """A small training with answers."""
    prompts = {"forget": (ABOUT, PLACES), "retain": (NEAR, PLACES), "general": (PLAIN, TOPICS)}
    for side, (patterns, names) in prompts.items():
        lines = [pattern.format(name) for pattern in patterns for name in names]
        (tmp_path / f"{side}.txt").write_text("\n".join(lines))
    for side, answers in (("answers", TOLD), ("near_answers", TOLD_NEAR)):
        rows = [
            {"question": asked, "answer": told.format(name)} for asked, told in answers for name in PLACES
        ]
        (tmp_path / f"{side}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return ClassifierJob.model_validate(
        {side: [str(tmp_path / f"{side}.txt")] for side in prompts}
        | {side: [tmp_path / f"{side}.jsonl"] for side in ("answers", "near_answers")}
        | {"target": "lights", "output": tmp_path / "lights", "report": tmp_path / "report"}
        | {"forget_forms": 1, "vocabulary_rounds": 0, "folds": 2, "refit": False, "scan_rounds": 0}
    )


@pytest.mark.slow
def test_who_is_interrupted_at_the_answers_has_the_prompts_behind_them(
    job: ClassifierJob, tmp_path: Path
) -> None:
    first, second = Interrupting(stage=8), Interrupting(stage=8)
    for progress in (first, second):
        with pytest.raises(KeyboardInterrupt):
            run_classifier_job(job, tmp_path / "work", progress)
        assert progress.under_way.endswith("embedding the windows of all answers")
    assert (first.fits > 0, second.fits) == (True, 0)
    run_classifier_job(job, tmp_path / "work", Interrupting())
    assert load_bundle(tmp_path / "lights").answer_classifier
    assert not list((tmp_path / "work" / "unfinished").iterdir())


@pytest.mark.slow
def test_what_is_known_of_the_target_stands_in_a_file_with_a_sentence_a_line(
    job: ClassifierJob, tmp_path: Path
) -> None:
    about = tmp_path / "about.txt"
    about.write_text("# Known\n\nTwo brothers wound its clockwork.\nIt was lit with oil.\n")
    without_answers = {"answers": (), "near_answers": ()}
    bundle = run_classifier_job(job.model_copy(update={"about": about} | without_answers), tmp_path / "work")
    assert bundle.classifier
    questions = load_head(bundle.classifier).questions
    assert questions
    assert questions.facts
    assert len(questions.facts.directions) == 2
    assert {"clockw", "brothe", "oil"} <= {*questions.facts.words}
    assert "known" not in questions.facts.words

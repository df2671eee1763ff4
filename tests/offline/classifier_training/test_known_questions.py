"""What a bundle knows it must find is found by every later classifier of it, or the bundle stays as it is."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import load_bundle, update_bundle
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.feedback import Feedback, FeedbackFile, FeedbackState, FeedbackVerdict
from lethe.classifier.head import save_head
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tail import Tail
from lethe.cli.main import app
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.feedback_examples import join_feedback
from lethe.offline.classifier_training.known_questions import (
    FoundQuestions,
    KnownQuestions,
    first_known_questions,
    reach_of,
    read_known_questions,
)
from tests.classifier.conftest import MakeHead, encoder, make_head
from tests.offline.classifier_training.conftest import ABOUT, NEAR, PLACES

__all__ = ["encoder", "make_head"]

SMALL = (
    "--vocabulary-rounds",
    "0",
    "--scan-rounds",
    "0",
    "--no-refit",
    "--folds",
    "2",
    "--forget-forms",
    "2",
)


def write(path: Path, patterns: tuple[str, ...]) -> str:
    path.write_text(
        "\n".join(json.dumps({"text": pattern.format(name)}) for pattern in patterns for name in PLACES)
    )
    return str(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a training finds its prompts, and puts its bundle."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "forget.jsonl", ABOUT)
    write(tmp_path / "retain.jsonl", NEAR)
    general = "\n".join(f"Explain topic number {number}." for number in range(60))
    (tmp_path / "general.txt").write_text(general)
    return tmp_path


def train(*options: str) -> Result:
    sources = ("--forget", "forget.jsonl", "--retain", "retain.jsonl", "--general", "general.txt")
    return CliRunner().invoke(app, ["classifier", "train", "--target", "lights", *sources, *SMALL, *options])


@pytest.mark.slow
def test_feedback_is_trained_with_but_takes_no_known_question_away(folder: Path) -> None:
    result = train()
    assert result.exit_code == 0, result.output
    bundle = load_bundle(folder / "targets/lights")
    known = read_known_questions(bundle.folder)
    assert known.questions
    recorded = bundle.manifest.metrics["classifier"]["known"]
    assert recorded["floor"] == known.floor
    assert f"{recorded['found']} of {recorded['questions']} known questions are found" in result.output

    said = FeedbackFile(folder / "feedback", "lights")
    forget = [json.loads(line)["text"] for line in (folder / "forget.jsonl").read_text().splitlines()]
    for text in forget[:15]:
        said.give(text, FeedbackVerdict.NOT_ABOUT, by="mallory", version="", needs_approval=False)
    said.give("What shines on Sark?", FeedbackVerdict.ABOUT, by="ann", version="", needs_approval=False)
    refused = train("--feedback", "feedback", "--floor", "1")
    assert refused.exit_code == 1
    assert "targets/lights stays as it is: of its own, the new classifier finds too little" in refused.stderr
    assert load_bundle(folder / "targets/lights").version == bundle.version

    told = train("--feedback", "feedback", "--floor", "0")
    assert told.exit_code == 0, told.output
    after = load_bundle(folder / "targets/lights")
    # It is asked the same as before, however many other prompts there are by now.
    assert read_known_questions(after.folder) == KnownQuestions(known.questions, 0.0)
    examples = after.manifest.metrics["classifier"]["examples"]
    assert (examples["forget"], examples["retain"]) == (len(forget) - 15 + 1, 10 * len(NEAR) + 15)


def test_what_is_said_of_a_text_takes_the_place_of_what_the_prompts_say() -> None:
    def said(text: str, verdict: FeedbackVerdict, state: FeedbackState = FeedbackState.COUNTS) -> Feedback:
        return Feedback(text, datetime.now(UTC), "ann", verdict, text, "", state)

    forget, retain, general = join_feedback(
        [
            said("A", FeedbackVerdict.NOT_ABOUT),
            said("two\nlines", FeedbackVerdict.NOT_ABOUT),
            said("r", FeedbackVerdict.ABOUT),
            said("g", FeedbackVerdict.ABOUT),
            said("b", FeedbackVerdict.NOT_ABOUT, FeedbackState.WAITS),
        ],
        [Example("a"), Example("b"), Example("Two  lines")],
        [Example("r")],
        [Example("g"), Example("h")],
    )
    assert [each.text for each in forget] == ["b", "r", "g"]
    assert [each.text for each in retain] == ["A", "two\nlines"]
    assert [each.text for each in general] == ["h"]


def test_a_question_is_found_up_to_the_threshold_that_it_reaches(
    encoder: Encoder, make_head: MakeHead
) -> None:
    questions = ("the lighthouse of Alderney", "How do I bake bread without yeast?")
    [found, cleared] = reach_of(encoder, make_head(), questions, ClassifierSettings())
    assert found > 0.9
    assert cleared == 0.0
    far = make_head(tail=Tail(score=50.0, scale=1.0, rate=1.0))
    assert list(reach_of(encoder, far, questions, ClassifierSettings())) == [0.0, 0.0]


def test_a_new_floor_is_a_little_below_what_is_found_and_one_that_is_set_stays() -> None:
    reach = np.array([0.9, 0.8, 0.2, 0.0])
    fresh = KnownQuestions(("a", "b", "c", "d"))
    assert fresh.measured(reach, 0.5, None).metrics() == {"questions": 4, "found": 2, "floor": 0.45}
    assert fresh.measured(reach, 0.5, None).enough
    kept = KnownQuestions(fresh.questions, 0.75)
    assert not kept.measured(reach, 0.5, None).enough
    assert kept.measured(reach, 0.2, None).enough
    assert kept.measured(reach, 0.5, 0.5).floor == 0.5


def test_the_first_floor_is_by_the_classifier_that_is_there(
    encoder: Encoder, make_head: MakeHead, tmp_path: Path
) -> None:
    questions = ("the lighthouse of Alderney", "How do I bake bread without yeast?")
    assert first_known_questions(questions, tmp_path / "none", encoder, None).floor is None
    save_head(make_head(), tmp_path / "classifier")
    assert first_known_questions(questions, tmp_path, encoder, None).floor == 0.45
    assert first_known_questions(questions, tmp_path, encoder, 0.2).floor == 0.2
    other = make_head(encoder_sha256="0" * 64)
    save_head(other, tmp_path / "classifier")
    assert first_known_questions(questions, tmp_path, encoder, None).floor is None


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    bundle = update_bundle(tmp_path / "lights", {"classifier/known.jsonl": b"nonsense"})
    with pytest.raises(TrainingError, match="must hold lines of JSON"):
        read_known_questions(bundle.folder)


def test_a_question_with_a_separator_of_lines_is_read_back(tmp_path: Path) -> None:
    """As text from the web has it; or no later training could read the bundle's questions."""
    questions = ("Who keeps\u2028the light?", "And\x85when?", "Where\fto?")
    files = FoundQuestions(questions, 3, 0.5).files()
    folder = update_bundle(tmp_path / "lights", files).folder
    assert read_known_questions(folder).questions == questions

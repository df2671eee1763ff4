"""What people say of verdicts counts once nobody's approval is wanting, and nobody approves what is their own."""

import json
from pathlib import Path

import pytest

from lethe.classifier.errors import ClassifierError
from lethe.classifier.feedback import (
    LONGEST_TEXT,
    Feedback,
    FeedbackFile,
    FeedbackState,
    FeedbackVerdict,
    counting,
)

ABOUT, NOT_ABOUT = FeedbackVerdict.ABOUT, FeedbackVerdict.NOT_ABOUT


@pytest.fixture
def file(tmp_path: Path) -> FeedbackFile:
    return FeedbackFile(tmp_path / "feedback", "books")


def give(
    file: FeedbackFile,
    text: str = "Who?",
    verdict: FeedbackVerdict = ABOUT,
    by: str = "ann",
    needs_approval: bool = False,
) -> Feedback:
    return file.give(text, verdict, by=by, version="v1", needs_approval=needs_approval)


def counted(file: FeedbackFile) -> dict[FeedbackVerdict, list[str]]:
    return counting(file.read())


def test_what_was_said_is_read_with_who_when_and_of_which_version(file: FeedbackFile) -> None:
    assert file.read() == []
    given = give(file, "Ünter\u2028lines\nof two", NOT_ABOUT)
    assert file.read() == [given]
    assert (given.by, given.version, given.state) == ("ann", "v1", FeedbackState.COUNTS)
    assert file.path.stat().st_mode & 0o077 == 0
    assert counted(file) == {ABOUT: [], NOT_ABOUT: ["Ünter\u2028lines\nof two"]}


def test_where_approval_is_needed_it_counts_once_somebody_else_gives_it(file: FeedbackFile) -> None:
    waiting = give(file, needs_approval=True)
    assert counted(file)[ABOUT] == []
    with pytest.raises(ClassifierError, match="another administrator must approve it"):
        file.decide(waiting.id, "approved", by="ann")
    approved = file.decide(waiting.id, "approved", by="bob")
    assert (approved.state, approved.decided_by) == (FeedbackState.COUNTS, "bob")
    assert counted(file)[ABOUT] == ["Who?"]


def test_an_approval_of_ones_own_that_was_written_in_by_hand_is_none(file: FeedbackFile) -> None:
    waiting = give(file, needs_approval=True)
    line = {"time": waiting.time.isoformat(), "by": "ann", "of": waiting.id, "decision": "approved"}
    with file.path.open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    assert counted(file)[ABOUT] == []


def test_what_is_withdrawn_counts_no_more_and_comes_back_only_when_it_is_said_again(
    file: FeedbackFile,
) -> None:
    given = give(file)
    file.decide(given.id, "withdrawn", by="bob")
    assert counted(file)[ABOUT] == []
    with pytest.raises(ClassifierError, match="was withdrawn by bob"):
        file.decide(given.id, "approved", by="bob")
    give(file)
    assert counted(file)[ABOUT] == ["Who?"]


def test_of_a_text_that_was_judged_twice_the_last_verdict_counts(file: FeedbackFile) -> None:
    give(file, "Who?", ABOUT)
    give(file, "who?", NOT_ABOUT)
    assert counted(file) == {ABOUT: [], NOT_ABOUT: ["who?"]}
    with pytest.raises(ClassifierError, match="already said"):
        give(file, "WHO?", NOT_ABOUT)


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_TEXT + 1)])
def test_what_is_no_prompt_is_refused(file: FeedbackFile, text: str) -> None:
    with pytest.raises(ClassifierError, match="feedback is on a text of 1 to"):
        give(file, text)


def test_what_waits_for_nothing_or_is_not_there_cannot_be_approved(file: FeedbackFile) -> None:
    given = give(file)
    with pytest.raises(ClassifierError, match="waits for no approval"):
        file.decide(given.id, "approved", by="bob")
    with pytest.raises(ClassifierError, match="there is no feedback 7"):
        file.decide("7", "approved", by="bob")


@pytest.mark.parametrize(
    "line", ["nonsense", "{}", '{"of": "7", "decision": "approved", "by": "a", "time": "x"}']
)
def test_a_file_of_something_else_names_the_line(file: FeedbackFile, line: str) -> None:
    give(file)
    with file.path.open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(ClassifierError, match="line 2 is no feedback"):
        file.read()


def test_a_full_disk_leaves_the_file_as_it_was(file: FeedbackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    given = give(file)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        give(file, "another")
    assert file.read() == [given]

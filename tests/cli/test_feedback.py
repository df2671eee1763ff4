"""`lethe feedback` takes what people say of verdicts, and where there are two administrators, what one says waits for the other."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import load_bundle
from lethe.classifier.feedback import FeedbackFile, FeedbackState
from lethe.cli.main import app
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.audit.files import read_entries
from tests.server.stack import write_target


@pytest.fixture
def feedback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeedbackFile:
    """What is said of the target ``books``."""
    targets = tmp_path / "targets"
    targets.mkdir()
    write_target(targets, "books")
    monkeypatch.setenv("LETHE_TARGETS", str(targets))
    monkeypatch.setenv("LETHE_FEEDBACK__FOLDER", str(tmp_path / "feedback"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("LETHE_ADMIN_KEY", raising=False)
    return FeedbackFile(tmp_path / "feedback", "books")


@pytest.fixture
def administrators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The secrets of two administrators, by the ids of their keys, and of somebody else."""
    monkeypatch.setenv("LETHE_KEYS", str(tmp_path / "keys.yaml"))
    made = [
        create_key(tmp_path / "keys.yaml", scopes={scope}) for scope in (Scope.ADMIN, Scope.ADMIN, Scope.USE)
    ]
    return {key.id: secret for key, secret in made}


def lethe(*arguments: object, key: str | None = None, text: str | None = None) -> Result:
    said = ["feedback", *map(str, arguments)]
    return CliRunner().invoke(app, said, env={"LETHE_ADMIN_KEY": key} if key else {}, input=text)


def test_what_one_person_says_counts_where_nobody_else_could_approve_it(feedback: FeedbackFile) -> None:
    result = lethe("add", "books", "Who is it?", "--verdict", "not-about")
    [entry] = feedback.read()
    assert result.output == f"{entry.id}: not about books\n"
    assert entry.state is FeedbackState.COUNTS
    assert entry.version == load_bundle(feedback.path.parent.parent / "targets" / "books").version
    assert "Who is it?" in lethe("list", "books").output
    assert lethe("add", "books", "-", "--verdict", "about", text="a long\ntext").exit_code == 0
    assert feedback.read()[1].text == "a long\ntext"


def test_where_there_are_two_administrators_the_other_one_approves(
    feedback: FeedbackFile, administrators: dict[str, str]
) -> None:
    ann, bob, other = administrators
    result = lethe("add", "books", "Who is it?", "--verdict", "about", key=administrators[ann])
    assert "another administrator must approve it" in result.output
    [entry] = feedback.read()
    assert (entry.by, entry.state) == (ann, FeedbackState.WAITS)
    for key, message in (
        (administrators[ann], f"is by {ann}; another administrator must approve it"),
        (administrators[other], "holds no valid key of scope admin"),
        (None, "say who you are: put your key of scope admin into LETHE_ADMIN_KEY"),
    ):
        refused = lethe("approve", "books", entry.id, key=key)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert message in refused.stderr
    assert lethe("approve", "books", entry.id, key=administrators[bob]).output == f"{entry.id} approved\n"
    assert feedback.read()[0].state is FeedbackState.COUNTS


def test_all_of_it_is_written_down_without_the_text(
    feedback: FeedbackFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    lethe("add", "books", "Who is it?", "--verdict", "about")
    [entry] = feedback.read()
    lethe("withdraw", "books", entry.id)
    entries = list(read_entries(tmp_path / "audit" / "commands"))
    assert [(each["event"], each["feedback"]) for each in entries] == [
        ("feedback_given", entry.id),
        ("feedback_withdrawn", entry.id),
    ]
    assert "Who" not in str(entries)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "boks", "Who?", "--verdict", "about"), "no target boks"),
        (("add", "books", " ", "--verdict", "about"), "feedback is on a text of 1 to"),
        (("approve", "books", "7"), "there is no feedback 7 on books"),
        (("list", "../books"), "cannot be named"),
    ],
)
def test_what_cannot_be_said_is_one_line(feedback: FeedbackFile, arguments: tuple, message: str) -> None:
    result = lethe(*arguments)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert re.search(message, line)


def test_a_folder_must_be_named(feedback: FeedbackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETHE_FEEDBACK__FOLDER")
    result = lethe("list", "books")
    assert (result.exit_code, "LETHE_FEEDBACK__FOLDER" in result.stderr) == (1, True)

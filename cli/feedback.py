"""`lethe feedback`: say of a text that it is about a target, or is not, for the next training."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.classifier.feedback import FeedbackVerdict
from lethe.cli.command_log import recorded_command, user_name
from lethe.cli.errors import UsageError, reported
from lethe.cli.tables import show, table_of
from lethe.cli.targets_folder import TargetArgument, TargetsFolder, bundle_folder, targets_folder

if TYPE_CHECKING:
    from lethe.classifier.feedback import FeedbackFile

app = typer.Typer(
    help="Say what a target's classifier got wrong, for the next training.", no_args_is_help=True
)

# An argument of a command is anybody's to see on the machine.
_KEY = "LETHE_ADMIN_KEY"
Identity = Annotated[str, typer.Argument(help="The entry's id, as `lethe feedback list` shows it.")]
FeedbackFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Folder of the feedback; by default the one of `lethe serve` (LETHE_FEEDBACK__FOLDER).",
    ),
]


@app.command("add")
def add(
    name: TargetArgument,
    text: Annotated[str, typer.Argument(help="What was asked; - reads it from standard input.")],
    verdict: Annotated[FeedbackVerdict, typer.Option(help="Whether it is about the target.")],
    folder: FeedbackFolder = None,
    targets: TargetsFolder = None,
) -> None:
    """Say that a text is about a target, or that it is not."""
    from lethe.bundle import load_bundle
    from lethe.classifier.feedback import FeedbackState

    with reported():
        bundle = load_bundle(bundle_folder(targets_folder(targets), name))
        by, administrators = _speaker()
        with recorded_command("feedback_given", name) as entry:
            given = _file(folder, name).give(
                sys.stdin.read() if text == "-" else text,
                verdict,
                by=by,
                version=bundle.version,
                needs_approval=administrators > 1,
            )
            entry |= {"feedback": given.id, "verdict": given.verdict.value, "by": by}
        waits = "; another administrator must approve it" if given.state is FeedbackState.WAITS else ""
        typer.echo(f"{given.id}: {_words(verdict)} {name}{waits}")


@app.command("list")
def list_feedback(name: TargetArgument, folder: FeedbackFolder = None) -> None:
    """Show what was said of a target, and what of it counts in the next training."""
    with reported():
        table = table_of("day", "by", "verdict", "state", "version", "text", whole=["id"])
        for each in _file(folder, name).read():
            state = each.state.value + (f" ({each.decided_by})" if each.decided_by else "")
            table.add_row(
                each.id,
                f"{each.time:%Y-%m-%d}",
                each.by,
                _words(each.verdict),
                state,
                each.version,
                " ".join(each.text.split())[:200],
            )
        show(table)


@app.command("approve")
def approve(name: TargetArgument, identity: Identity, folder: FeedbackFolder = None) -> None:
    """Have what another administrator said count."""
    _decide(name, identity, folder, approved=True)


@app.command("withdraw")
def withdraw(name: TargetArgument, identity: Identity, folder: FeedbackFolder = None) -> None:
    """Have what somebody said count no more."""
    _decide(name, identity, folder, approved=False)


def _decide(name: str, identity: str, folder: Path | None, *, approved: bool) -> None:
    with reported():
        by, _ = _speaker()
        decision = "approved" if approved else "withdrawn"
        with recorded_command(f"feedback_{decision}", name) as entry:
            _file(folder, name).decide(identity, decision, by=by)
            entry |= {"feedback": identity, "by": by}
        typer.echo(f"{identity} {decision}")


def _speaker() -> tuple[str, int]:
    """Who speaks, and how many keys of administrators there are.

    Where there are several, people say by their keys who they are: nobody could approve anything otherwise.
    """
    from lethe.server.access.key_file import read_keys
    from lethe.server.access.keys import KeyRing
    from lethe.server.settings.loading import load_settings

    file = load_settings().keys
    if file is None:
        return user_name(), 0
    ring = KeyRing(read_keys(file))
    secret = os.environ.get(_KEY)
    if secret is None:
        if len(ring.administrators) > 1:
            raise UsageError(f"say who you are: put your key of scope admin into {_KEY}")
        return user_name(), len(ring.administrators)
    key = ring.find(secret.strip())
    if key is None or key.id not in ring.administrators:
        raise UsageError(f"{_KEY} holds no valid key of scope admin")
    return key.id, len(ring.administrators)


def _file(folder: Path | None, name: str) -> "FeedbackFile":
    from lethe.bundle import check_target_name
    from lethe.classifier.feedback import FeedbackFile
    from lethe.server.settings.loading import load_settings

    check_target_name(name)
    found = folder or load_settings().feedback.folder
    if found is None:
        raise UsageError("name the folder of the feedback with --folder or in LETHE_FEEDBACK__FOLDER")
    return FeedbackFile(found, name)


def _words(verdict: FeedbackVerdict) -> str:
    return verdict.value.replace("-", " ")

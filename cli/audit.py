"""`lethe audit`: check and read the log of what was decided."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.tables import printable, show, table_of
from lethe.cli.targets_folder import TargetsFolder, targets_folder

app = typer.Typer(help="Check and read the audit log.", no_args_is_help=True)

AuditFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="Folder of the log; by default the one of `lethe serve` (LETHE_AUDIT__FOLDER)."
    ),
]


@app.command("verify")
def verify(folder: AuditFolder = None) -> None:
    """Check that no entry was changed, taken out or put in; prints the last number and seal, to keep elsewhere."""
    from lethe.server.audit import files as audit_files

    with reported():
        found = _folder(folder)
        last = audit_files.verify(found, audit_files.read_key(found))
        first = min(map(audit_files.first_number, audit_files.audit_files(found)), default=1)
        entries = f"{last.number} entries" if first == 1 else f"entries {first} to {last.number}"
        typer.echo(f"{entries}, last seal {last.seal}")


@app.command("tail")
def tail(
    count: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with those that come, until interrupted.")
    ] = False,
    folder: AuditFolder = None,
) -> None:
    """Print the last entries, one JSON object a line."""
    import json
    from contextlib import suppress
    from itertools import chain

    from lethe.server.audit.files import follow_entries, last_entries

    found = _folder(folder)
    with reported(), suppress(KeyboardInterrupt):
        newest_first = last_entries(found, count)
        last = newest_first[0]["number"] if newest_first else 0
        for entry in chain(reversed(newest_first), follow_entries(found, last) if follow else ()):
            typer.echo(printable(json.dumps(entry, ensure_ascii=False)))


@app.command("stats")
def stats(folder: AuditFolder = None) -> None:
    """Count requests by target and action."""
    from lethe.server.audit.files import read_entries
    from lethe.server.audit.summary import summarize

    table = table_of("action", "requests", "keys", "statuses", "median ms", "99 % ms", whole=["target"])
    with reported():
        rows = summarize(read_entries(_folder(folder)))
    for row in rows:
        statuses = " ".join(f"{status}:{count}" for status, count in row.statuses.items())
        table.add_row(
            row.target,
            row.action,
            str(row.requests),
            str(row.keys),
            statuses,
            f"{row.median_ms:.1f}",
            f"{row.worst_ms:.1f}",
        )
    show(table)


@app.command("days")
def days(folder: AuditFolder = None, targets: TargetsFolder = None) -> None:
    """Count by day and target what was done, and what targets that are only observed would have done."""
    from lethe.bundle import Bundle, survey_bundles
    from lethe.server.audit.files import read_entries
    from lethe.server.audit.summary import summarize_days

    found = _folder(folder)
    with reported():
        bundles = survey_bundles(targets_folder(targets))
        actions = {each.name: each.manifest.action.value for each in bundles if isinstance(each, Bundle)}
        rows = summarize_days(read_entries(found), actions)
    others = ("requests", "flagged", "share", "done", "would have", "keys")
    table = table_of(*others, whole=["day", "target"])
    for row in rows:
        table.add_row(
            row.day,
            row.target,
            str(row.requests),
            str(row.flagged),
            f"{100 * row.flagged / row.requests:.2f} %" if row.requests else "",
            _counts(row.done),
            _counts(row.would),
            str(row.keys),
        )
    show(table)


def _counts(counts: dict[str, int]) -> str:
    return " ".join(f"{action}:{count}" for action, count in counts.items())


def _folder(folder: Path | None) -> Path:
    from lethe.server.errors import OperatorError
    from lethe.server.settings.loading import load_settings

    with reported():
        found = folder or load_settings().audit.folder
        if found is None:
            raise OperatorError("name the folder of the log with --folder or in LETHE_AUDIT__FOLDER")
        if not found.is_dir():
            raise OperatorError(f"{found} is not a folder")
        return found

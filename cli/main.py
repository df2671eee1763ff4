"""The `lethe` command and its verbs."""

import io
import os
import sys
from typing import Annotated

import typer

from lethe.cli import (
    adapter,
    audit,
    classifier,
    corruption,
    corruption_learn,
    corruption_transfer,
    demo,
    doctor,
    evaluate,
    feedback,
    keys,
    recover,
    redteam,
    report,
    serve,
    target,
    target_erase,
    targets,
    teams,
)

app = typer.Typer(
    name="lethe",
    help="Make a served language model not know chosen things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def tell_version(asked: bool) -> None:
    """Print the version and end, if it was asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"lethe {version('lethegate')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Tell the version, and end."),
    ] = False,
) -> None:
    """What may stand before a verb."""


app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
corruption.app.command("learn")(corruption_learn.learn)
corruption.app.command("transfer")(corruption_transfer.transfer)
target.app.command("erase")(target_erase.erase)
app.command("evaluate")(evaluate.evaluate)
app.command("redteam")(redteam.redteam)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("support-bundle")(doctor.support_bundle)
app.add_typer(classifier.app, name="classifier")
app.add_typer(corruption.app, name="corruption")
app.add_typer(adapter.app, name="adapter")
app.add_typer(recover.app, name="recover")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(teams.app, name="teams")
app.add_typer(target.app, name="target")
app.add_typer(targets.app, name="targets")
app.add_typer(feedback.app, name="feedback")


# Read when a library is imported, and by child processes: docs/security.md says by which, and what they would send.
_UNOBSERVED = {"DO_NOT_TRACK": "1", "DISABLE_SAFETENSORS_CONVERSION": "1"}
# Verbs whose engines inherit what is set here, and have the cores to themselves.
_WITH_ENGINES = ["serve"], ["demo"]


def main() -> None:
    """Run the command line."""
    os.environ.update(_UNOBSERVED)
    if sys.argv[1:2] not in _WITH_ENGINES:
        # Threads of a job that spin while they wait for each other take the cores from what else runs, and so from
        # each other. Read when a library with such threads is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for stream in (sys.stdout, sys.stderr):
        # What people write may have characters that the terminal's encoding lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()

"""`lethe recover`: what training on later domains did to an earlier one, and undoing it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings

if TYPE_CHECKING:
    from lethe.offline.progress import Progress
    from lethe.offline.recovery.workspace import Workspace

app = typer.Typer(
    help="Diagnose and undo what later training did to an earlier domain.", no_args_is_help=True
)

_Chain = Annotated[
    Path, typer.Argument(help="TOML file with the base and the stages that were trained after each other.")
]
_Harmed = Annotated[str | None, typer.Option(help="Name of the stage to recover; the first one by default.")]
_Out = Annotated[
    Path, typer.Option(help="Folder for report, figures and models; a second run into it goes on.")
]


@app.command("diagnose")
def diagnose(
    chain: _Chain,
    harmed: _Harmed = None,
    out: _Out = Path("recovery"),
    exact: Annotated[
        int, typer.Option(min=0, help="Examples to take the exact Hessian's curvature on; 0 for none.")
    ] = 0,
) -> None:
    """Compare the edits, and the damage foretold to second order with the measured one."""
    from lethe.offline.recovery.jobs.diagnosis import diagnose as run

    with _opened(chain, harmed, out) as (work, progress):
        run(work, progress, exact)


@app.command("rollback")
@with_options({"shares": "--rho", "strengths": "--strength"})
def rollback(
    chain: _Chain, settings: RollbackSettings, harmed: _Harmed = None, out: _Out = Path("recovery")
) -> None:
    """Take back the coordinates that harm most; nothing is trained."""
    from lethe.offline.recovery.jobs.rollback import roll_back

    with _opened(chain, harmed, out) as (work, progress):
        roll_back(work, settings, progress)


@app.command("refresh")
@with_options({"watched": "--rho", "learning_rates": "--learning-rate"})
def refresh(
    chain: _Chain, settings: RefreshSettings, harmed: _Harmed = None, out: _Out = Path("recovery")
) -> None:
    """Train a few steps on the harmed domain, and watch the conflict coordinates."""
    from lethe.offline.recovery.jobs.refresh import refresh_domain

    with _opened(chain, harmed, out) as (work, progress):
        refresh_domain(work, settings, progress)


@contextlib.contextmanager
def _opened(chain: Path, harmed: str | None, out: Path) -> Iterator[tuple["Workspace", "Progress"]]:
    """Lay the chain open, show progress, and end with the report."""
    from lethe.offline.recovery.chain import read_chain
    from lethe.offline.recovery.report import REPORT
    from lethe.offline.recovery.workspace import Workspace

    kept = "finished gradients, and the scores of every state and rollback"
    with reported(), long_job(kept) as progress:
        progress.at("reading the chain")
        work = Workspace(read_chain(chain), harmed, out)
        yield work, progress
    typer.echo((out / REPORT).read_text())
    typer.echo(f"{out / REPORT}", err=True)

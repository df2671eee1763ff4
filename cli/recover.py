"""`lethe recover`: what training on later domains did to an earlier one, and undoing it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job

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
_Save = Annotated[bool, typer.Option("--save/--no-save", help="Write the recovered model.")]


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
    from lethe.offline.recovery.job import diagnose as run

    with _opened(chain, harmed, out) as (work, say):
        run(work, exact, say)


@app.command("rollback")
def rollback(
    chain: _Chain,
    harmed: _Harmed = None,
    out: _Out = Path("recovery"),
    rho: Annotated[
        list[float] | None, typer.Option(help="Share of the coordinates to try; may be repeated.")
    ] = None,
    strength: Annotated[
        list[float] | None, typer.Option(help="Lambda to try, up to 1; may be repeated.")
    ] = None,
    keep: Annotated[float, typer.Option(help="Share of its score that every later domain keeps.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the random sets.")] = 0,
    draws: Annotated[int, typer.Option(help="How often the random control is drawn.")] = 5,
    save: _Save = True,
) -> None:
    """Take back the coordinates that harm most; nothing is trained."""
    from lethe.offline.recovery.job import roll_back
    from lethe.offline.recovery.settings import RollbackSettings
    from lethe.offline.settings import settings_from

    given = {
        "shares": rho or None,
        "strengths": strength or None,
        "keep": keep,
        "seed": seed,
        "draws": draws,
    }
    with reported():
        settings = settings_from(RollbackSettings, given)
    with _opened(chain, harmed, out) as (work, say):
        roll_back(work, settings, save, say)


@app.command("refresh")
def refresh(
    chain: _Chain,
    harmed: _Harmed = None,
    out: _Out = Path("recovery"),
    steps: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 8,
    learning_rate: Annotated[float, typer.Option(min=0)] = 5e-5,
    rho: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the coordinates to watch as the conflict set.")
    ] = 0.01,
    seed: Annotated[
        int, typer.Option(help="Of the order of the examples and of the random coordinates that are watched.")
    ] = 0,
    save: _Save = True,
) -> None:
    """Train a few steps on the harmed domain, and watch the conflict coordinates."""
    from lethe.offline.recovery.job import refresh_domain
    from lethe.offline.recovery.settings import RefreshSettings
    from lethe.offline.settings import settings_from

    given = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    with reported():
        settings = settings_from(RefreshSettings, given)
    with _opened(chain, harmed, out) as (work, say):
        refresh_domain(work, settings, rho, save, say)


@contextlib.contextmanager
def _opened(chain: Path, harmed: str | None, out: Path) -> Iterator[tuple[Any, Callable[[str], None]]]:
    """Lay the chain open, show progress, and end with the report."""
    from lethe.offline.recovery.chain import read_chain
    from lethe.offline.recovery.report import REPORT
    from lethe.offline.recovery.workspace import Workspace

    kept = "finished gradients, and the scores of every state and rollback"
    with reported(), long_job(kept) as progress:
        progress.at("reading the chain")
        work = Workspace(read_chain(chain), harmed, out)
        progress.announce()
        yield work, progress.at
    typer.echo((out / REPORT).read_text())
    typer.echo(f"{out / REPORT}", err=True)

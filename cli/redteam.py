"""`lethe redteam`: attacks on a running proxy, reported, and a gate in CI."""

from typing import Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.offline.redteam.settings import RedTeamSettings


@with_options(
    {"attacks": "--attack"},
    {
        "api_key": "LETHE_API_KEY",
        "check_key": "LETHE_CHECK_KEY",
        "attacker_key": "LETHE_ATTACKER_KEY",
    },
)
def redteam(
    url: Annotated[str, typer.Argument(help="Address of the proxy, such as http://127.0.0.1:8000.")],
    settings: RedTeamSettings,
) -> None:
    """Attack a proxy; what was tried is kept, so a run that was interrupted goes on. Fails where a bound is exceeded."""
    from lethe.offline.redteam.job import attack_proxy
    from lethe.offline.redteam.report import attacks_table

    with reported():
        with long_job(f"the outcomes in {settings.out}") as progress:
            found = attack_proxy(url, settings, progress)
        typer.echo(attacks_table(found.rows))
        typer.echo(f"\n{found.report}", err=True)
        for line in found.left_out:
            typer.echo(f"lethe: not run: {line}", err=True)
        for line in found.over:
            typer.echo(f"lethe: {line}", err=True)
        if found.recalled:
            typer.echo(
                f"lethe: {found.recalled} outcomes are of an earlier run, and were not asked for anew; name another --out for that",
                err=True,
            )
        if not found.complete:
            typer.echo("lethe: the budget is used up; the same command goes on", err=True)
        if found.over:
            raise typer.Exit(1)

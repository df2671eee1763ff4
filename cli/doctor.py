"""`lethe doctor` and `lethe support-bundle`: is all as it must be, and what somebody who helps needs to know."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import reported

if TYPE_CHECKING:
    from lethe.server.diagnosis.check import Observation

Config = Annotated[Path | None, typer.Option(help="YAML file of the proxy's settings.")]


def doctor(config: Config = None) -> None:
    """Look at settings, bundles, keys, audit log, disks, engines, plugin, tokenizer and clocks, one line each.

    Ends with status 1 if a fault is found; what is only to be looked at does not count.
    """
    import asyncio

    from lethe.server.diagnosis.check import Health
    from lethe.server.diagnosis.diagnosis import worst

    if worst(asyncio.run(_checks(config, shown=True))) is Health.FAULTY:
        raise typer.Exit(1)


def support_bundle(
    output: Annotated[Path, typer.Argument(help="The file to write.")] = Path("lethe-support.tar.gz"),
    config: Config = None,
) -> None:
    """Pack the doctor's findings, settings without secrets, versions and counts, for somebody who helps; no prompt is in it."""
    import asyncio

    from lethe.server.diagnosis.support_bundle import write_support_bundle
    from lethe.server.errors import OperatorError
    from lethe.server.settings.loading import load_settings

    checks = asyncio.run(_checks(config, shown=False))
    try:
        settings = load_settings(config)
    except OperatorError:
        # The first of the findings says so.
        settings = None
    with reported():
        names = write_support_bundle(output, settings, checks)
    typer.echo(f"{output}: look at it before you send it; targets are numbered in it:")
    for number, name in names.items():
        typer.echo(f"  {number} {name}")


async def _checks(config: Path | None, shown: bool) -> "list[Observation]":
    from lethe.server.diagnosis.diagnosis import diagnose

    found: list[Observation] = []
    async for check in diagnose(config):
        found.append(check)
        if shown:
            typer.echo(check)
    return found

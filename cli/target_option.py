"""The option that names a target, refused before any work where no target can be named so."""

from typing import Annotated

import typer

from lethe.cli.errors import reported


def checked(name: str) -> str:
    """The name, if a target can have it; ends the command if not."""
    from lethe.bundle import check_target_name

    with reported():
        check_target_name(name)
    return name


TargetName = Annotated[
    str,
    typer.Option("--target", callback=checked, help="Name of the target; its bundle is made or changed."),
]

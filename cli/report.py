"""`lethe report`: the model card of a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import reported


def report(bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")]) -> None:
    """Write README.md and report.html into a bundle, from what was measured when it was made."""
    from lethe.offline.model_card import CARD, PAGE, write_card

    with reported():
        written = write_card(bundle)
        typer.echo(f"{written.folder / CARD}\n{written.folder / PAGE}")

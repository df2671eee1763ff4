"""`lethe corruption show` and `lethe corruption apply`: look at a corruption."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import reported

app = typer.Typer(help="Learn and inspect corruptions.", no_args_is_help=True)

_Artifact = Annotated[Path, typer.Argument(help="A bundle's folder, or a corruption.safetensors.")]


@app.command("show")
def show(
    artifact: _Artifact,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the model, to check that the bundle was made for it.")
    ] = None,
) -> None:
    """Print what a corruption does, after checking the bundle's hashes."""
    from rich.console import Console

    from lethe.corruption.description import describe_artifact

    with reported():
        for line in describe_artifact(artifact, model):
            Console(highlight=False).print(line, soft_wrap=True, markup=False)


@app.command("apply")
def apply(
    artifact: _Artifact,
    prompt: Annotated[str, typer.Option(help="The question to corrupt.")],
    model: Annotated[Path, typer.Option(help="Folder of the model to run, in this process.")],
    plain: Annotated[bool, typer.Option(help="Take the prompt as it is, without the chat template.")] = False,
    top: Annotated[int, typer.Option(min=1, max=50, help="Next tokens to list of each distribution.")] = 8,
    image: Annotated[Path | None, typer.Option(help="Where to write the heat map, a PNG file.")] = None,
) -> None:
    """Show which tokens of one prompt are touched, and how the model's next token changes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lethe.corruption.description import read_artifact
    from lethe.offline.corruption_inspection import inspect_corruption, plot_inspection

    with reported():
        corruption = read_artifact(artifact, model)
        inspection = inspect_corruption(model, corruption, prompt, plain=plain, top=top)
        if image is not None:
            plot_inspection(inspection, image)
    tokens = Table("position", "token", "touched", "embedding shift", "KL (nats)")
    for position, token in enumerate(inspection.tokens):
        touched = "yes" if inspection.touched[position] else ""
        shift, divergence = inspection.shift[position], inspection.divergence[position]
        tokens.add_row(str(position), Text(repr(token)), touched, f"{shift:.3f}", f"{divergence:.4f}")
    candidates = Table("next token", "clean", "corrupted")
    for token in inspection.next_tokens:
        candidates.add_row(Text(repr(token.text)), f"{token.clean:.4f}", f"{token.corrupted:.4f}")
    console = Console()
    console.print(tokens, candidates)
    console.print(f"The answer's first token diverges by {inspection.divergence[-1]:.4f} nats.")

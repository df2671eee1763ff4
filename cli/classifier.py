"""`lethe classifier`: train a target's classifier, move its threshold, and look at what it says of a text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.models.cache import cache_folder
from lethe.offline.classifier_training.settings import ClassifierJob

if TYPE_CHECKING:
    from lethe.bundle import Bundle

app = typer.Typer(help="Train and try classifiers.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Keep the verbs below a word of their own, however few they are."""


@app.command("train")
@with_options({"fields": "--field"}, without=("entity_names",))
def train(job: ClassifierJob) -> None:
    """Train, calibrate and test a classifier, and put it into a bundle."""
    from lethe.offline.classifier_training.job import run_classifier_job
    from lethe.offline.classifier_training.report import REPORT

    with reported():
        with long_job("all embeddings and every stage that is finished") as progress:
            bundle = run_classifier_job(job, cache_folder() / "training", progress)
        page = job.report / REPORT
        typer.echo(page.read_text())
        action = bundle.manifest.action
        typer.echo(f"bundle {bundle.folder}, version {bundle.version}, action {action}; report {page}")


@app.command("check")
def check(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")],
    text: Annotated[str, typer.Argument(help="The text to classify.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub id of the encoder; by default the one that the bundle brings or names."
        ),
    ] = None,
) -> None:
    """Show what a bundle's classifier says of a text, and which words carry it."""
    import asyncio

    from lethe.bundle import load_bundle
    from lethe.classifier.conversation import Conversation
    from lethe.classifier.head import head_folder
    from lethe.classifier.service import ClassifierService

    with reported():
        loaded = load_bundle(bundle)
        heads = {loaded.name: head_folder(loaded)}
        service = ClassifierService.load(encoder or _encoder_of(loaded), heads)
        verdict = asyncio.run(service.classify(Conversation.from_prompt(text)))
    (found,) = verdict.targets
    typer.echo(
        f"{found.target}: {'flagged' if found.flagged else 'not flagged'}, probability {found.probability:.4f}, "
        f"threshold {found.threshold:.4f}, {verdict.status}"
    )
    for span in found.spans:
        typer.echo(f"  {span.kind} {span.weight:+.2f}  {text[span.start : span.end]!r}")


@app.command("threshold")
def threshold(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")],
    probability: Annotated[
        float, typer.Argument(min=0, max=1, help="The probability from which a text is flagged.")
    ],
) -> None:
    """Move the threshold of a bundle's classifier; nothing is trained."""
    from lethe.offline.classifier_training.threshold import move_threshold

    with reported():
        moved = move_threshold(bundle, probability)
    typer.echo(f"bundle {moved.folder}, version {moved.version}: flagged from probability {probability:g}")


def _encoder_of(bundle: "Bundle") -> str:
    from lethe.classifier.encoders.files import DEFAULT_ENCODER
    from lethe.classifier.encoders.registry import OWN_ENCODER

    own = f"classifier/{OWN_ENCODER}"
    if f"{own}/model.safetensors" in bundle.manifest.files:
        return str(bundle.folder / own)
    return bundle.manifest.encoder.id if bundle.manifest.encoder else DEFAULT_ENCODER

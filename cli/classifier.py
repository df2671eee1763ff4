"""`lethe classifier`: train a target's classifier, and look at what one says of a text."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.target_option import TargetName

if TYPE_CHECKING:
    from lethe.bundle import Bundle

app = typer.Typer(help="Train and try classifiers.", no_args_is_help=True)

_SOURCE = "JSONL, JSON, CSV, text or Parquet file, or owner/name:file on the hub; may be repeated."


class PrecisionName(StrEnum):
    """The arithmetic of the encoder's linear layers."""

    INT8 = "int8"
    FLOAT32 = "float32"


@app.callback()
def _verbs() -> None:
    """Keep the verbs below a word of their own, however few they are."""


@app.command("train")
def train(
    target: TargetName,
    forget: Annotated[list[str], typer.Option(help=f"Prompts about what is to be forgotten: {_SOURCE}")],
    retain: Annotated[list[str], typer.Option(help=f"Prompts near the target that are allowed: {_SOURCE}")],
    general: Annotated[
        list[str] | None, typer.Option(help=f"Ordinary prompts: {_SOURCE} A set of our own by default.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Field of a record that holds a prompt; several are wordings of one item."),
    ] = None,
    entities: Annotated[
        Path | None, typer.Option(help="Text file of names, one a line; found by themselves by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The bundle's folder; targets/NAME by default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where figures and plots go.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Folder or hub id of the sentence encoder.")] = None,
    precision: Annotated[
        PrecisionName, typer.Option(help="What `classifier.precision` will be where it is served.")
    ] = PrecisionName.INT8,
    alpha: Annotated[float, typer.Option(min=0.0, max=1.0, help="Wanted risk on false negatives.")] = 0.01,
    false_positive_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Wanted rate of false positives on ordinary prompts.")
    ] = 0.01,
    near_false_positive_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The same on prompts near the target.")
    ] = 0.05,
    prefer_conformal: Annotated[
        bool, typer.Option(help="Where both cannot be had, keep the risk on false negatives.")
    ] = False,
    vocabulary_rounds: Annotated[
        int, typer.Option(min=0, help="How often each word of the encoder stands in random negatives.")
    ] = 2,
    fine_tune_epochs: Annotated[
        int,
        typer.Option(min=0, help="Epochs to fine-tune an encoder of the target's own; 0 shares the encoder."),
    ] = 0,
    refit: Annotated[bool, typer.Option(help="Fit once more on all examples in the end.")] = True,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal heads.")] = 0,
) -> None:
    """Train, calibrate and test a classifier, and put it into a bundle."""
    from lethe.classifier.encoder import default_cache_folder
    from lethe.classifier.encoder_files import DEFAULT_ENCODER
    from lethe.offline.classifier_training.job import ClassifierJob, run_classifier_job
    from lethe.offline.classifier_training.report import REPORT
    from lethe.offline.classifier_training.settings import TrainingSettings

    with reported():
        settings = TrainingSettings(
            encoder=encoder or DEFAULT_ENCODER,
            seed=seed,
            alpha=alpha,
            false_positive_rate=false_positive_rate,
            near_false_positive_rate=near_false_positive_rate,
            prefer="conformal" if prefer_conformal else "false_positives",
            vocabulary_rounds=vocabulary_rounds,
            fine_tune_epochs=fine_tune_epochs,
            refit=refit,
            precision=precision.value,
        )
        job = ClassifierJob(
            target=target,
            bundle=output or Path("targets") / target,
            report=report or Path("reports") / target,
            forget=forget,
            retain=retain,
            general=general or (),
            fields=field or (),
            entities=entities,
            settings=settings,
        )
        work = default_cache_folder().parent / "training"
        with long_job("all embeddings and every stage that is finished") as progress:
            bundle = run_classifier_job(job, work, progress)
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
    from lethe.classifier.errors import ClassifierError
    from lethe.classifier.service import ClassifierService

    with reported():
        loaded = load_bundle(bundle)
        if loaded.classifier is None:
            raise ClassifierError(
                f"bundle {loaded.name} has no classifier; train one with `lethe classifier train`"
            )
        service = ClassifierService.load(encoder or _encoder_of(loaded), {loaded.name: loaded.classifier})
        verdict = asyncio.run(service.classify(Conversation.from_prompt(text)))
    (found,) = verdict.targets
    typer.echo(
        f"{found.target}: {'flagged' if found.flagged else 'not flagged'}, probability {found.probability:.4f}, "
        f"threshold {found.threshold:.4f}, {verdict.status}"
    )
    for span in found.spans:
        typer.echo(f"  {span.kind} {span.weight:+.2f}  {text[span.start : span.end]!r}")


def _encoder_of(bundle: "Bundle") -> str:
    from lethe.classifier.encoder_files import DEFAULT_ENCODER
    from lethe.classifier.encoder_registry import OWN_ENCODER

    own = f"classifier/{OWN_ENCODER}"
    if f"{own}/model.safetensors" in bundle.manifest.files:
        return str(bundle.folder / own)
    return bundle.manifest.encoder.id if bundle.manifest.encoder else DEFAULT_ENCODER

"""`lethe classifier`: train a target's classifier, test it, set its threshold, and look at what it says of a text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.command_log import record_bundle, recorded_command
from lethe.cli.errors import UsageError, reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.cli.tables import printable
from lethe.models.cache import cache_folder
from lethe.offline.classifier_calibration.settings import CalibrationSettings
from lethe.offline.classifier_hardening.settings import HardeningSettings
from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.classifier_training.settings import ClassifierJob

if TYPE_CHECKING:
    from lethe.bundle import Bundle
    from lethe.classifier.verdict import Verdict
    from lethe.offline.classifier_calibration.requests import Traffic

app = typer.Typer(help="Train and try classifiers.", no_args_is_help=True)

BundleFolder = Annotated[Path, typer.Argument(help="A bundle's folder.")]
EncoderName = Annotated[
    str | None,
    typer.Option(help="Folder or hub id of the encoder; by default the one that the bundle brings or names."),
]
ProxySettings = Annotated[
    Path | None, typer.Option(help="YAML file of the proxy's settings, for those of its classifier.")
]


@app.callback()
def _verbs() -> None:
    """Keep the verbs below a word of their own, however few they are."""


@app.command("train")
@with_options({"fields": "--field"}, without=("entity_names", "about_sentences"))
def train(job: ClassifierJob) -> None:
    """Train, calibrate and test a classifier, and put it into a bundle."""
    from lethe.offline.classifier_training.job import run_classifier_job
    from lethe.offline.classifier_training.report import REPORT

    with reported():
        with long_job("all embeddings and every stage that is finished") as progress:
            bundle = run_classifier_job(job, cache_folder() / "training", progress)
        with recorded_command("classifier_trained", job.target) as entry:
            entry |= {"version": bundle.version, "with_feedback": job.feedback is not None}
        page = job.report / REPORT
        typer.echo(page.read_text())
        action = bundle.manifest.action
        if known := bundle.manifest.metrics["classifier"].get("known"):
            typer.echo(
                f"{known['found']} of {known['questions']} known questions are found; {known['floor']:g} of them must be"
            )
        typer.echo(f"bundle {bundle.folder}, version {bundle.version}, action {action}; report {page}")


@app.command("check")
def check(
    bundle: BundleFolder,
    text: Annotated[str, typer.Argument(help="The text to classify.")],
    answer: Annotated[
        str | None, typer.Option(help="An answer to the text, to be judged alone and behind it.")
    ] = None,
    encoder: EncoderName = None,
) -> None:
    """Show what a bundle's classifier says of a text, and of an answer to it, and which words carry it."""
    import asyncio

    from lethe.bundle import load_bundle
    from lethe.classifier.conversation import Conversation
    from lethe.classifier.exchange import Exchange
    from lethe.classifier.head import answer_head_folder, head_folder
    from lethe.classifier.service import ClassifierService

    with reported():
        loaded = load_bundle(bundle)
        heads = {loaded.name: head_folder(loaded)}
        answer_heads = {} if answer is None else {loaded.name: answer_head_folder(loaded)}
        service = ClassifierService.load(encoder or _encoder_of(loaded), heads, answer_heads=answer_heads)
        question = Conversation.from_prompt(text)
        _show(asyncio.run(service.classify(question)), [text])
        if answer is not None:
            judged = asyncio.run(service.classify_answer(Exchange(question, answer)))
            _show(judged, [text, answer], ", answer")


def _show(verdict: "Verdict", texts: Sequence[str], of: str = "") -> None:
    """One target's verdict on texts, which are the messages that its spans speak of."""
    (found,) = verdict.targets
    typer.echo(
        f"{found.target}{of}: {'flagged' if found.flagged else 'not flagged'}, probability {found.probability:.4f}, "
        f"threshold {found.threshold:.4f}, {verdict.status}"
    )
    for span in found.spans:
        typer.echo(f"  {span.kind} {span.weight:+.2f}  {texts[span.message][span.start : span.end]!r}")


@app.command("test")
@with_options({"fields": "--field"})
def measure(
    bundle: BundleFolder,
    files: Annotated[
        list[str],
        typer.Argument(
            help="JSONL, JSON, CSV, text or Parquet files, or owner/name:file on the hub. A record has a prompt, "
            "a document or `messages`, and may have a `group` and a `flag`."
        ),
    ],
    settings: ClassifierTestSettings,
    encoder: EncoderName = None,
    config: ProxySettings = None,
) -> None:
    """Measure a bundle's classifier on texts of your own: what it flags, how long it takes, what other thresholds bring."""
    from lethe.bundle import load_bundle
    from lethe.offline.classifier_testing.job import run_classifier_test
    from lethe.server.settings.loading import load_settings

    with reported():
        loaded = load_bundle(bundle)
        served = load_settings(config).classifier
        with long_job() as progress:
            found = run_classifier_test(
                loaded, files, settings, encoder or _encoder_of(loaded), served, progress
            )
        typer.echo(printable(found.page()))


@app.command("harden")
@with_options({"fields": "--field"})
def harden(bundle: BundleFolder, settings: HardeningSettings, encoder: EncoderName = None) -> None:
    """Attack a bundle's classifier with words added to prompts, and have it learn from what gets past, round by round."""
    from lethe.bundle import load_bundle
    from lethe.offline.classifier_hardening.job import harden_bundle, rounds_table

    with reported():
        loaded = load_bundle(bundle)
        with long_job("all embeddings", resumes=False) as progress:
            changed, hardened = harden_bundle(
                bundle, encoder or _encoder_of(loaded), settings, cache_folder() / "training", progress
            )
        record_bundle("classifier_hardened", changed)
        typer.echo(rounds_table(hardened))
        typer.echo(f"bundle {changed.folder}, version {changed.version}")


@app.command("calibrate")
@with_options({"fields": "--field"})
def calibrate_threshold(
    bundle: BundleFolder,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files of requests, as `lethe classifier test` reads them, or one folder: of an audit log that keeps "
            "texts, or of a sample of scores (`classifier.score_sample`)."
        ),
    ],
    settings: CalibrationSettings,
    encoder: EncoderName = None,
    config: ProxySettings = None,
) -> None:
    """Set a bundle's threshold at the share of requests that may be flagged, by what is really asked."""
    from lethe.bundle import load_bundle
    from lethe.offline.classifier_calibration.job import apply_calibration, calibrate
    from lethe.server.settings.loading import load_settings

    with reported():
        loaded = load_bundle(bundle)
        served = load_settings(config).classifier
        traffic = _traffic(sources, loaded, settings)
        with long_job() as progress:
            found = calibrate(loaded, traffic, settings, encoder or _encoder_of(loaded), served, progress)
        typer.echo(printable(found.page(settings.nearest)) + "\n")
        if settings.dry_run:
            typer.echo(f"bundle {loaded.folder} stays as it is, version {loaded.version}")
            return
        with recorded_command("threshold_calibrated", loaded.name) as entry:
            moved = apply_calibration(loaded, found)
            entry |= {"version": moved.version, "threshold": found.threshold, **found.origin()}
        typer.echo(
            f"bundle {moved.folder}, version {moved.version}: flagged from probability {found.threshold:.6g}"
        )


@app.command("threshold")
def threshold(
    bundle: BundleFolder,
    probability: Annotated[
        float, typer.Argument(min=0, max=1, help="The probability from which a text is flagged.")
    ],
) -> None:
    """Move the threshold of a bundle's classifier; nothing is trained."""
    from lethe.bundle import load_bundle
    from lethe.offline.classifier_training.threshold import move_threshold

    with reported(), recorded_command("threshold_moved", load_bundle(bundle).name) as entry:
        moved = move_threshold(bundle, probability)
        entry |= {"version": moved.version, "threshold": probability}
    typer.echo(f"bundle {moved.folder}, version {moved.version}: flagged from probability {probability:g}")


def _traffic(sources: list[str], bundle: "Bundle", settings: CalibrationSettings) -> "Traffic":
    from lethe.classifier.sampled_scores import PATTERN, read_sampled_scores
    from lethe.offline.classifier_calibration.requests import (
        traffic_of_audit_log,
        traffic_of_files,
        traffic_of_sample,
    )
    from lethe.server.audit.files import audit_files, read_entries

    folders = [Path(source) for source in sources if Path(source).is_dir()]
    if not folders:
        return traffic_of_files(sources, settings.fields)
    if len(sources) > 1:
        raise UsageError(f"{folders[0]} is a folder; give one alone, or files")
    [folder] = folders
    if audit_files(folder):
        return traffic_of_audit_log(read_entries(folder))
    if any(folder.glob(PATTERN)):
        return traffic_of_sample(read_sampled_scores(folder), bundle)
    raise UsageError(f"{folder} holds neither an audit log nor a sample of scores")


def _encoder_of(bundle: "Bundle") -> str:
    from lethe.classifier.encoders.files import DEFAULT_ENCODER
    from lethe.classifier.encoders.registry import OWN_ENCODER

    own = f"classifier/{OWN_ENCODER}"
    if f"{own}/model.safetensors" in bundle.manifest.files:
        return str(bundle.folder / own)
    return bundle.manifest.encoder.id if bundle.manifest.encoder else DEFAULT_ENCODER

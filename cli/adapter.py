"""`lethe adapter train` and `lethe adapter compose`: adapters that forget, and mixtures of them."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.command_log import record_bundle, recorded_command
from lethe.cli.errors import UsageError, reported
from lethe.cli.long_jobs import is_first_process, long_job
from lethe.cli.options import with_options
from lethe.cli.target_option import TargetName
from lethe.models.cache import cache_folder
from lethe.offline.adapter_training.settings import AdapterJob

app = typer.Typer(help="Train adapters that forget, and mix them.", no_args_is_help=True)


@app.command("train")
@with_options({"target_modules": "--target-module"})
def train(job: AdapterJob) -> None:
    """Train one expert for every subdomain, and put their sum into the target's bundle.

    Started again, it goes on where it was stopped. For several devices: `accelerate launch -m lethe adapter train`.
    """
    from lethe.offline.adapter_training.job import run_adapter_job

    with reported():
        with long_job("entropies, finished phases and the last checkpoint") as progress:
            trained = run_adapter_job(job, cache_folder(), progress)
        if is_first_process():
            record_bundle("adapter_trained", trained)
        typer.echo(f"{trained.folder} {trained.version}, action {trained.manifest.action}")


@app.command("compose")
def compose(
    target: TargetName,
    bank: Annotated[Path, typer.Option(help="Bank that `lethe adapter train` made.")],
    expert: Annotated[
        list[str], typer.Option(help="An expert of the bank, as NAME or NAME=WEIGHT; may be repeated.")
    ],
    targets: Annotated[Path, typer.Option(help="Folder of the bundles.")] = Path("targets"),
    dtype: Annotated[
        str, typer.Option(help="Type of the written weights: bfloat16 or float32.")
    ] = "bfloat16",
) -> None:
    """Write a mixture of a bank's experts, (sum of weight x B) A, into a bundle."""
    from lethe.offline.adapter_training.job import compose_into_bundle

    with reported():
        if dtype not in ("bfloat16", "float32"):
            raise UsageError(f"dtype is bfloat16 or float32, not {dtype!r}")
        weights = dict(_parse_expert(item) for item in expert)
        with recorded_command("adapter_composed", target) as entry:
            composed = compose_into_bundle(bank, weights, targets / target, dtype)
            entry["version"] = composed.version
        typer.echo(f"{composed.folder} {composed.version}, action {composed.manifest.action}")


def _parse_expert(item: str) -> tuple[str, float]:
    name, separator, weight = item.partition("=")
    try:
        return name, float(weight) if separator else 1.0
    except ValueError:
        raise UsageError(
            f"an expert is given as NAME or NAME=WEIGHT, for example marsh=0.5, not {item!r}"
        ) from None

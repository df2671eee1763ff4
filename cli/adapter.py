"""`lethe adapter train` and `lethe adapter compose`: adapters that forget, and mixtures of them."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import UsageError, reported
from lethe.cli.long_jobs import long_job
from lethe.cli.target_option import TargetName
from lethe.models.cache import cache_folder

app = typer.Typer(help="Train adapters that forget, and mix them.", no_args_is_help=True)

_Targets = Annotated[Path, typer.Option("--targets", help="Folder of the bundles.")]


@app.command("train")
def train(
    target: TargetName,
    forget: Annotated[
        list[str], typer.Option(help="JSON lines to forget, as PATH or SUBDOMAIN=PATH; may be repeated.")
    ],
    retain: Annotated[Path, typer.Option(help="JSON lines to keep, as near to the forgotten as can be had.")],
    model: Annotated[str, typer.Option(help="Folder or hub id of the base model.")],
    targets: _Targets = Path("targets"),
    bank: Annotated[
        Path | None, typer.Option(help="Bank to add to; its shared A and its experts stay as they are.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder for record, pictures and state; by default in the cache.")
    ] = None,
    forgetting: Annotated[
        str, typer.Option(help="npo, gradient_ascent, gradient_difference or replacement.")
    ] = "npo",
    rank: Annotated[int | None, typer.Option(help="Rank of the change.")] = None,
    target_module: Annotated[
        list[str] | None, typer.Option(help="Name of the layers to adapt; may be repeated.")
    ] = None,
    tsallis_q: Annotated[float | None, typer.Option(help="q of the entropy.")] = None,
    entropy_quantile: Annotated[
        float | None, typer.Option(help="Share of the answer tokens that count as low in entropy.")
    ] = None,
    npo_beta: Annotated[float | None, typer.Option(help="NPO's beta.")] = None,
    forgetting_weight: Annotated[float | None, typer.Option(help="Weight of forgetting.")] = None,
    retention_weight: Annotated[
        float | None, typer.Option(help="Weight of the retain cross-entropy.")
    ] = None,
    divergence_weight: Annotated[float | None, typer.Option(help="Weight of the retain KL.")] = None,
    invariance_weight: Annotated[
        float | None, typer.Option(help="Weight of the KL at high-entropy tokens of what is forgotten.")
    ] = None,
    replacement: Annotated[str | None, typer.Option(help="The answer that `replacement` teaches.")] = None,
    shared_epochs: Annotated[int | None, typer.Option(help="Epochs of phase I.")] = None,
    shared_learning_rate: Annotated[float | None, typer.Option(help="Learning rate of phase I.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of phase II, for each subdomain.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate of phase II.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Forget texts of a step, and as many to keep; over all processes.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longer bare texts are cut into pieces; a longer question with its answer is refused."
        ),
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="bfloat16 or float32.")] = None,
    gradient_checkpointing: Annotated[bool, typer.Option(help="Trade time for memory.")] = False,
    checkpoint_steps: Annotated[
        int | None, typer.Option(help="Save the state every so many steps, and after every epoch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the first weights and the order of the texts.")] = None,
) -> None:
    """Train one expert for every subdomain, and put their sum into the target's bundle.

    Started again, it goes on where it was stopped. For several devices: `accelerate launch -m lethe adapter train`.
    """
    from lethe.offline.adapter_training.job import AdapterJob, run_adapter_job, subdomains
    from lethe.offline.adapter_training.settings import AdapterTrainingSettings
    from lethe.offline.settings import settings_from

    given = {
        "forgetting": forgetting,
        "gradient_checkpointing": gradient_checkpointing,
        "rank": rank,
        "target_modules": tuple(target_module) if target_module else None,
        "tsallis_q": tsallis_q,
        "entropy_quantile": entropy_quantile,
        "npo_beta": npo_beta,
        "forgetting_weight": forgetting_weight,
        "retention_weight": retention_weight,
        "divergence_weight": divergence_weight,
        "invariance_weight": invariance_weight,
        "replacement": replacement,
        "shared_epochs": shared_epochs,
        "shared_learning_rate": shared_learning_rate,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "max_tokens": max_tokens,
        "dtype": dtype,
        "checkpoint_steps": checkpoint_steps,
        "seed": seed,
    }
    cache = cache_folder()
    with reported():
        settings = settings_from(AdapterTrainingSettings, given)
        job = AdapterJob(
            bundle=targets / target,
            forget=subdomains(target, forget),
            retain=retain,
            model=model,
            work=work or cache / "adapters" / target,
            bank=bank,
            settings=settings,
        )
        with long_job("entropies, finished phases and the last checkpoint") as progress:
            trained = run_adapter_job(job, cache, progress)
        typer.echo(f"{trained.folder} {trained.version}, action {trained.manifest.action}")


@app.command("compose")
def compose(
    target: TargetName,
    bank: Annotated[Path, typer.Option(help="Bank that `lethe adapter train` made.")],
    expert: Annotated[
        list[str], typer.Option(help="An expert of the bank, as NAME or NAME=WEIGHT; may be repeated.")
    ],
    targets: _Targets = Path("targets"),
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
        composed = compose_into_bundle(bank, weights, targets / target, dtype)
        typer.echo(f"{composed.folder} {composed.version}, action {composed.manifest.action}")


def _parse_expert(item: str) -> tuple[str, float]:
    name, separator, weight = item.partition("=")
    try:
        return name, float(weight) if separator else 1.0
    except ValueError:
        raise UsageError(
            f"an expert is given as NAME or NAME=WEIGHT, for example marsh=0.5, not {item!r}"
        ) from None

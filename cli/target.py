"""`lethe target`: from data to a bundle, with what is missing made in order."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.command_log import record_bundle, recorded_command
from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.cli.running_engine import resolved_engine
from lethe.cli.targets_folder import targets_folder
from lethe.models.cache import cache_folder
from lethe.offline.target_building.settings import TargetBuild
from lethe.offline.target_suggestion.settings import SuggestionSettings

if TYPE_CHECKING:
    from lethe.bundle import Bundle

app = typer.Typer(help="Make a target of your own.", no_args_is_help=True)

TargetFolder = Annotated[Path, typer.Argument(help="The target's folder; its name is the target's.")]


@app.command("new")
def new(folder: TargetFolder) -> None:
    """Make a folder for a target's data, with files that say what goes into them."""
    from lethe.offline.target_building.data import make_folder

    with reported():
        made = make_folder(folder)
    for path in sorted(made.glob("[!.]*")):
        typer.echo(path)
    typer.echo(f"fill forget.txt and near.txt, then: lethe target build {folder}")


@app.command("build")
@with_options(variables={"api_key": "LETHE_ENGINE__API_KEY"})
def build(folder: TargetFolder, settings: TargetBuild) -> None:
    """Check a target's data, and make what is missing of its bundle: classifier, corruption, report.

    A first bundle, which observes, is there within minutes. What is there and fits the data stays as it is.
    """
    from lethe.offline.target_building.checks import check_data, refuse_unusable
    from lethe.offline.target_building.data import read_target_data

    with reported():
        data = read_target_data(folder)
        # What is wrong is said before what builds is loaded, which takes seconds.
        refuse_unusable(folder, check_data(data))
        from lethe.offline.target_building.build import build_target, report_path

        engine, api_key = resolved_engine(settings.engine or data.options.engine, settings.api_key)
        settings = settings.model_copy(update={"engine": engine, "api_key": api_key})
        with long_job("all embeddings, every finished stage and every measured candidate") as progress:
            bundle = build_target(data, settings, cache_folder(), progress, _observed_where_it_is_served)
        record_bundle("target_built", bundle)
        typer.echo(f"{bundle.folder} {bundle.version}, action {bundle.manifest.action}; {report_path(data)}")
        if _observed_where_it_is_served(bundle):
            typer.echo(
                f"lethe serve takes its targets from there; {data.name} is only observed until: lethe targets enable {data.name}"
            )


def _observed_where_it_is_served(bundle: "Bundle") -> bool:
    """Have a bundle that observes only observed in the folder of those in force, also once it can act; gives whether it is.

    A proxy would otherwise act by what is built as soon as it is there, before anybody has looked at it.
    """
    from lethe.server.targets.rollout import change_deployment, read_deployment

    served = targets_folder(None)
    if bundle.folder.resolve() != (served / bundle.name).resolve():
        return False
    how = read_deployment(served).get(bundle.name)
    if how is None and bundle.manifest.action == "observe":
        how = change_deployment(served, bundle.name, action="observe")
    return how is not None and how.enabled and how.action == "observe"


@app.command("suggest")
@with_options(
    {"names": "--name", "documents": "--document"}, variables={"api_key": "LETHE_SUGGESTION_API_KEY"}
)
def suggest(
    folder: TargetFolder,
    settings: SuggestionSettings,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before anything is sent to --model-url.")
    ] = False,
) -> None:
    """Draft prompts and questions into a target's files, for you to edit: by templates, and by a model that you name."""
    from lethe.offline.target_building.data import read_target_data
    from lethe.offline.target_suggestion.job import suggest as run

    def agreed(address: str) -> bool:
        typer.echo(f"names and description of what is to be forgotten are sent to {address}", err=True)
        return yes or typer.confirm("send them?", err=True)

    with reported():
        added = run(read_target_data(folder), settings, agreed)
    for file, count in added.items():
        typer.echo(f"{folder / file}: {count} drafted")
    typer.echo(
        f"drafted for a {settings.kind} (--kind says of what other kind it is); read them, and delete what is wrong, before you build"
    )


@app.command("new-key")
def new_key(
    file: Annotated[
        Path, typer.Argument(help="Where the private key goes; the public one goes to FILE.pub.")
    ],
) -> None:
    """Make a key to sign bundles with; the file that the setting `signers` names holds public ones."""
    from lethe.bundle.signature import make_signing_key

    with reported():
        public = make_signing_key(file)
    typer.echo(f"{file}: keep it to yourself, away from where proxies run\n{public}: for the file of signers")


@app.command("sign")
def sign(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder.")],
    key: Annotated[Path, typer.Option(help="The private key that `lethe target new-key` made.")],
) -> None:
    """Sign a bundle as it is; any change of it drops the signature."""
    from lethe.bundle import load_bundle
    from lethe.bundle.signature import sign_bundle

    with reported():
        signed = load_bundle(bundle)
        with recorded_command("target_signed", signed.name) as entry:
            signer = sign_bundle(bundle, key)
            entry |= {"version": signed.version, "signer": signer}
    typer.echo(f"{signed.name} {signed.version} signed by {signer}")

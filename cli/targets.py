"""`lethe targets`: which targets are in force, and how; a running proxy takes every change up by itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lethe.cli.errors import reported

if TYPE_CHECKING:
    from lethe.server.targets.rollout import TargetDeployment

app = typer.Typer(help="Show, add, remove and switch targets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the target.")]
TargetsFolder = Annotated[
    Path | None,
    typer.Option("--targets", help="Folder of the bundles; by default the one that `lethe serve` uses."),
]
Percent = Annotated[
    float | None, typer.Option(min=0, max=100, help="Act for this share of the keys; observe for the others.")
]


@app.command("list")
def list_targets(targets: TargetsFolder = None) -> None:
    """Show every bundle and how it is in force, or what is wrong with it."""
    from rich.console import Console
    from rich.table import Table

    from lethe.bundle import DamagedBundle, survey_bundles
    from lethe.server.targets.rollout import TargetDeployment, read_deployment

    with reported():
        folder = _folder(targets)
        deployment = read_deployment(folder)
        table = Table("target", "version", "action", "percent", "answers", "base model", "description")
        for bundle in survey_bundles(folder):
            how = deployment.get(bundle.name, TargetDeployment())
            if isinstance(bundle, DamagedBundle):
                state = "damaged" if how.enabled else "disabled, damaged"
                table.add_row(bundle.name, "", state, "", "", "", str(bundle.fault))
                continue
            action = how.action or bundle.manifest.action
            base = bundle.manifest.base_model
            table.add_row(
                bundle.name,
                bundle.version,
                action.value if how.enabled else "disabled",
                f"{how.percent:g}",
                how.answers.value if bundle.answer_classifier else "",
                base.id if base else "",
                bundle.manifest.description,
            )
        Console().print(table)


@app.command("add")
def add(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")], targets: TargetsFolder = None
) -> None:
    """Verify a bundle and copy it in, in the place of an older one of the same name."""
    from lethe.bundle import install_bundle, load_bundle

    with reported():
        name = load_bundle(bundle).name
        added = install_bundle(bundle, _folder(targets) / name)
        typer.echo(f"{added.name} {added.version} added")


@app.command("remove")
def remove(name: Name, targets: TargetsFolder = None) -> None:
    """Take a target out and delete its bundle."""
    from lethe.bundle import remove_bundle
    from lethe.server.targets.rollout import forget_deployment

    with reported():
        folder = _folder(targets)
        bundle = _bundle_folder(folder, name)
        forget_deployment(folder, name)
        remove_bundle(bundle)
        typer.echo(f"{name} removed")


@app.command("enable")
def enable(name: Name, percent: Percent = None, targets: TargetsFolder = None) -> None:
    """Put a target in force with its bundle's own action."""
    _change(targets, name, enabled=True, action=None, **_given(percent))


@app.command("disable")
def disable(name: Name, targets: TargetsFolder = None) -> None:
    """Take a target out of force and keep its bundle."""
    _change(targets, name, enabled=False)


@app.command("shadow")
def shadow(name: Name, targets: TargetsFolder = None) -> None:
    """Only observe a target: its prompts are counted and recorded, and answered as they are."""
    _change(targets, name, enabled=True, action="observe")


@app.command("answers")
def answers(
    name: Name,
    policy: Annotated[
        str, typer.Argument(help="guard (act on what tells of it), observe, or off (not judged).")
    ],
    targets: TargetsFolder = None,
) -> None:
    """Say what becomes of answers that tell of a target; only one with a head for answers judges any."""
    from lethe.server.targets.rollout import change_deployment

    with reported():
        folder = _folder(targets)
        _bundle_folder(folder, name)
        how = change_deployment(folder, name, answers=policy)
        typer.echo(f"{name} answers: {how.answers.value}")


def _change(targets: Path | None, name: str, **changes: Any) -> None:
    from lethe.server.targets.rollout import change_deployment

    with reported():
        folder = _folder(targets)
        _bundle_folder(folder, name)
        how = change_deployment(folder, name, **changes)
        typer.echo(f"{name} {_state(how)}")


def _state(how: "TargetDeployment") -> str:
    if not how.enabled:
        return "disabled"
    share = "" if how.percent == 100 else f" for {how.percent:g} % of the keys"
    return ("observed" if how.action else "enabled") + share


def _given(percent: float | None) -> dict[str, Any]:
    return {} if percent is None else {"percent": percent}


def _folder(targets: Path | None) -> Path:
    from lethe.server.settings import load_settings

    with reported():
        return load_settings(None, {"targets": targets} if targets else None).targets


def _bundle_folder(folder: Path, name: str) -> Path:
    from lethe.bundle import BundleError, survey_bundles

    # One that is damaged can be disabled or removed like any other.
    found = {bundle.name: bundle.folder for bundle in survey_bundles(folder)}
    if name not in found:
        raise BundleError(f"no target {name} in {folder}; there are {', '.join(found) or 'none'}")
    return found[name]

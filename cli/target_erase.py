"""`lethe target erase`: what a target was made from goes, and what remains is said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.command_log import recorded_command
from lethe.cli.errors import reported
from lethe.cli.target_option import checked
from lethe.cli.targets_folder import TargetsFolder, targets_folder
from lethe.models.cache import cache_folder

if TYPE_CHECKING:
    from lethe.server.settings.settings import Settings


def erase(
    name: Annotated[str, typer.Argument(help="Name of the target.", callback=checked)],
    data: Annotated[
        Path | None, typer.Option(help="Its folder of data; the one of that name here by default.")
    ] = None,
    targets: TargetsFolder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is removed.")] = False,
) -> None:
    """Remove a target's data, caches and embeddings everywhere, and say what remains; its bundle goes on guarding."""
    from lethe.offline.target_building.data import OPTIONS
    from lethe.offline.target_building.erasure import TargetTraces, remaining
    from lethe.offline.target_building.erasure import erase as run
    from lethe.server.settings.loading import load_settings

    with reported():
        settings = load_settings()
        folder = data or Path(name)
        traces = TargetTraces(
            name,
            # Another folder of that name is none of ours.
            folder if (folder / OPTIONS).is_file() else None,
            _bundles(targets_folder(targets), name),
            cache_folder(),
            [*_of_feedback(settings, name), *_of_console(settings, name)],
        )
        found = traces.found()
        typer.echo("this is removed:" if found else "nothing of it is found here")
        for path, what in found:
            typer.echo(f"  {path}: {what}")
        if found and not yes:
            typer.confirm("remove it for good?", abort=True)
        with recorded_command("target_erased", name):
            bundles = run(traces)
        typer.echo("this remains:")
        for line in [*remaining(bundles), *_in_log(settings, name)]:
            typer.echo(f"  {line}")


def _bundles(served: Path, name: str) -> list[Path]:
    """The target's bundle, and the one that a build here made, which may lie in another folder."""
    from lethe.bundle.manifest import MANIFEST_NAME
    from lethe.offline.target_building.settings import TargetBuild

    built = TargetBuild().targets / name
    elsewhere = built.parent.resolve() != served.resolve() and (built / MANIFEST_NAME).is_file()
    return [served / name, *([built] if elsewhere else [])]


def _of_feedback(settings: "Settings", name: str) -> list[tuple[Path, str]]:
    folder = settings.feedback.folder
    return [] if folder is None else [(folder / f"{name}.jsonl", "what people said of its verdicts")]


def _of_console(settings: "Settings", name: str) -> list[tuple[Path, str]]:
    """What administrators have written of a target in the console, and what was built of it there."""
    from lethe.offline.target_building.data import OPTIONS
    from lethe.offline.target_building.erasure import DATA, beside_bundle
    from lethe.server.console.target_data import BUILT

    folder = settings.console.target_data
    if folder is None:
        return []
    written = [(folder / name, DATA)] if (folder / name / OPTIONS).is_file() else []
    built = folder / BUILT
    return [*written, (built / name, "the bundle that the console built of it"), *beside_bundle(built, name)]


def _in_log(settings: "Settings", name: str) -> list[str]:
    """What the audit log says of a target; its seals let nothing be taken out."""
    from lethe.server.audit.files import read_entries

    folder = settings.audit.folder
    if folder is None or not folder.is_dir():
        return []
    texts = named = 0
    for entry in read_entries(folder):
        flagged = any(each.get("target") == name for each in entry.get("flagged") or ())
        named += flagged
        texts += flagged and "text" in entry
    if not named:
        return []
    return [
        f"{named} entries of the audit log {folder} that name it, {texts} of them with text; audit.keep removes whole files"
    ]

"""The folder of the bundles in force, and the bundles in it, as the verbs about targets find them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.errors import reported

if TYPE_CHECKING:
    from lethe.bundle import Bundle

TargetArgument = Annotated[str, typer.Argument(help="Name of the target.")]
TargetsFolder = Annotated[
    Path | None,
    typer.Option("--targets", help="Folder of the bundles; by default the one that `lethe serve` uses."),
]


def targets_folder(targets: Path | None) -> Path:
    """The folder that is named, or the one of the settings."""
    from lethe.server.settings.loading import load_settings

    with reported():
        return load_settings(None, {"targets": targets} if targets else None).targets


def bundle_folder(folder: Path, name: str) -> Path:
    """The folder of a target's bundle, usable or not.

    Raises
    ------
    BundleError
        There is no such target.
    """
    from lethe.bundle import BundleError, survey_bundles

    # One that is damaged can be disabled or removed like any other.
    found = {bundle.name: bundle.folder for bundle in survey_bundles(folder)}
    if name not in found:
        raise BundleError(f"no target {name} in {folder}; there are {', '.join(found) or 'none'}")
    return found[name]


def signed(bundle: "Bundle") -> "Bundle":
    """The bundle, if it is signed as the settings ask.

    Raises
    ------
    BundleError
        It is not.
    """
    from lethe.server.settings.loading import load_settings

    with reported():
        if signers := load_settings().signers:
            from lethe.bundle.signature import Signers

            Signers.read(signers).verify(bundle)
    return bundle

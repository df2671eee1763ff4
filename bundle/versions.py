"""Earlier versions of the bundles of a folder, kept beside them, so that each can be put back as it was."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lethe.bundle.changes import install_bundle
from lethe.bundle.errors import BundleError
from lethe.bundle.files import replaced_folder
from lethe.bundle.store import Bundle, files_of, load_bundle

# Hidden, so that nobody takes it for a bundle.
_FOLDER = ".versions"
_KEPT = 20


@dataclass(frozen=True)
class KeptVersion:
    """An earlier version of a bundle.

    Attributes
    ----------
    folder
        Where it lies; a bundle like any other.
    replaced
        When another version took its place.
    """

    version: str
    folder: Path
    replaced: datetime


def keep_version(folder: Path) -> None:
    """Keep a bundle as it is, before another version takes its place; of more than 20 the oldest go.

    What is no bundle, or a damaged one, is not kept: it could not be put back.
    """
    try:
        bundle = load_bundle(folder)
    except BundleError:
        return
    kept = _versions_of(folder) / bundle.version
    # In the place of one that was kept: since then it may have been signed, or the copy damaged.
    with replaced_folder(kept) as staging:
        for name in files_of(bundle):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(folder / name, staging / name)
    # When it stopped being the one in its place, also where it had been there before.
    os.utime(kept)
    for old in kept_versions(folder)[_KEPT:]:
        shutil.rmtree(old.folder)


def kept_versions(folder: Path) -> list[KeptVersion]:
    """The versions of a bundle that are kept, the newest first."""
    found = [
        KeptVersion(each.name, each, datetime.fromtimestamp(each.stat().st_mtime, UTC))
        for each in _versions_of(folder).glob("[!.]*")
    ]
    return sorted(found, key=lambda kept: kept.replaced, reverse=True)


def restore_version(folder: Path, version: str) -> Bundle:
    """Put an earlier version of a bundle in its place, and keep the one that stands there.

    Raises
    ------
    BundleError
        That version is not kept, or is damaged.
    """
    kept = {each.version: each.folder for each in kept_versions(folder)}
    if version not in kept:
        raise BundleError(
            f"version {version} of {folder.name} is not kept; there are {', '.join(kept) or 'none'}"
        )
    # Before anything is moved: a damaged one must not push a usable one out.
    bundle = load_bundle(kept[version])
    keep_version(folder)
    return install_bundle(bundle, folder)


def forget_versions(folder: Path) -> None:
    """Delete every version of a bundle that is kept."""
    if (kept := _versions_of(folder)).exists():
        shutil.rmtree(kept)


def _versions_of(folder: Path) -> Path:
    return folder.parent / _FOLDER / folder.name


def _link_or_copy(source: Path, target: Path) -> None:
    # Files of a bundle are replaced, never written into, so that a link stays what it was.
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)

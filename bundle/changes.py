"""Changes of bundles on disk, each as one step: a reader sees the old one or the new one, never a mixture."""

import contextlib
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from lethe.bundle.base_model import BaseModel
from lethe.bundle.errors import BundleError
from lethe.bundle.files import locked, remove_folder, replaced_folder, sha256_of
from lethe.bundle.manifest import (
    MANIFEST_NAME,
    MODELS,
    SIGNATURE_NAME,
    Action,
    Manifest,
    manifest_bytes,
    manifest_of,
)
from lethe.bundle.store import (
    CORRUPTION,
    Bundle,
    files_of,
    load_bundle,
    refuse_unlisted,
    verify_file,
    version_of,
)

# Of the pictures at the top of an earlier release's bundle, those that are about its base model.
_FIGURES_OF_MODELS = ("figures/corruption", "figures/adapter")


@dataclass(frozen=True)
class Made:
    """Something that was made for a base model, and is to come into a bundle.

    Attributes
    ----------
    files
        By name among those of the model: a file to copy, its content, or None to remove it.
    metrics
        What was measured; merged key by key with what is there.
    """

    base_model: BaseModel
    files: Mapping[str, Path | bytes | None]
    metrics: Mapping[str, Any] = field(default_factory=dict)


def action_given(folder: Path, made: Action) -> Action:
    """The action of a bundle once it is given something to act with.

    A new bundle acts with it, and one that had nothing to act with and so could only observe. What somebody chose
    stays: ``refuse``, and whatever a bundle does that could act before.

    Parameters
    ----------
    folder
        The bundle; it need not be there.
    made
        The action that needs what is to be written.

    Raises
    ------
    BundleError
        The bundle cannot be read.
    """
    if not folder.exists():
        return made
    bundle = load_bundle(folder)
    action = bundle.manifest.action
    # A manifest that says nothing of its action says corrupt.
    return made if action in (Action.OBSERVE, Action.CORRUPT) and not bundle.can_act else action


def update_bundle(
    folder: Path, files: Mapping[str, Path | bytes | None], made: Made | None = None, **manifest_changes: Any
) -> Bundle:
    """Make or change a bundle.

    One that an earlier release wrote becomes one of this release.

    Parameters
    ----------
    folder
        The bundle's folder; made if it is not there (then ``name`` must be among the changes or is the
        folder's own name).
    files
        By path inside the folder: a file to copy, its content, or None to remove it.
    made
        What was made for one base model; what there is for others stays.
    manifest_changes
        Fields of `Manifest` to set. ``metrics`` is merged key by key; ``files`` is computed.

    Raises
    ------
    BundleError
        The bundle that stands there is damaged in a file that stays, or a change does not fit the manifest.
    """
    while True:
        with contextlib.suppress(_ChangedMeanwhile):
            _update(folder, files, made, manifest_changes)
            with locked(folder.parent, shared=True):
                return load_bundle(folder)


class _ChangedMeanwhile(Exception):
    """Another job has written into the bundle since this one read it."""


def _update(
    folder: Path,
    files: Mapping[str, Path | bytes | None],
    made: Made | None,
    manifest_changes: Mapping[str, Any],
) -> None:
    def read() -> bytes | None:
        return manifest_bytes(folder) if folder.exists() else None

    def check() -> None:
        if read() != written:
            raise _ChangedMeanwhile

    written: bytes | None = None
    with replaced_folder(folder, check=check) as staging:
        fields: dict[str, Any] = {"name": folder.name}
        before, replaced = None, {*files}
        with locked(folder.parent, shared=True):
            if (written := read()) is not None:
                before = manifest_of(written, folder)
                fields = before.model_dump()
                replaced.update(_replaced(before, made))
                refuse_unlisted(folder, before, replaced)
                # What is hashed anew must be what the manifest vouched for.
                for name in before.files.keys() - replaced:
                    verify_file(before, folder, name, copy=staging / name)
        models = [_in_a_folder_of_its_own(staging, entry) for entry in fields.get("models", ())]
        if made is not None:
            models = _with(models, made, staging)
        metrics = {**fields.get("metrics", {}), **manifest_changes.get("metrics", {})}
        for name, content in files.items():
            _place(staging / name, content)
        fields |= {**manifest_changes, "metrics": metrics, "models": models, "files": _hash_folder(staging)}
        try:
            manifest = Manifest.model_validate(fields)
        except ValueError as error:
            raise BundleError(f"bundle {folder.name}: {error}") from None
        (staging / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=2) + "\n")
        if before is not None:
            with locked(folder.parent, shared=True):
                check()
                _keep_beside(folder, staging, {*before.files, *replaced})


def install_bundle(source: Path | Bundle, folder: Path) -> Bundle:
    """Copy a verified bundle, unchanged, into the place of the one that may stand there; as one step.

    Parameters
    ----------
    source
        Where it lies; or the bundle as it was loaded, of which nothing else is installed than what was looked at.

    Raises
    ------
    BundleError
        The source is not a usable bundle, or was changed since it was loaded.
    """
    bundle = source if isinstance(source, Bundle) else load_bundle(source)
    with replaced_folder(folder) as staging:
        for name in files_of(bundle):
            if name in bundle.manifest.files:
                verify_file(bundle.manifest, bundle.folder, name, copy=staging / name)
            else:
                _place(staging / name, bundle.folder / name)
        if version_of(manifest_bytes(staging)) != bundle.version:
            raise BundleError(f"bundle {bundle.name} was changed while it was copied; try again")
    return Bundle(folder, bundle.manifest, bundle.version)


def remove_bundle(folder: Path) -> None:
    """Remove a bundle's folder as one step.

    Raises
    ------
    BundleError
        There is no bundle.
    """
    if not (folder / MANIFEST_NAME).is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST_NAME}")
    remove_folder(folder)


def _replaced(before: Manifest, made: Made | None) -> list[str]:
    """The files that come anew of what was made for a base model that a bundle knows."""
    if made is None:
        return []
    digest = made.base_model.embedding_sha256
    return [
        each.path(name) for each in before.models if each.embedding_sha256 == digest for name in made.files
    ]


def _keep_beside(folder: Path, staging: Path, listed: Collection[str]) -> None:
    """Carry over what somebody has put beside a bundle's files; it becomes none of them."""
    of_bundle = {*listed, MANIFEST_NAME, SIGNATURE_NAME}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in of_bundle and not (staging / name).exists():
            _place(staging / name, path)


def _in_a_folder_of_its_own(bundle: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """A base model's entry, what was made for it moved from the top of a bundle that knew one model alone."""
    if entry["folder"]:
        return entry
    moved = entry | {"folder": _folder_for(entry["id"], entry["embedding_sha256"])}
    for path in (*bundle.glob(CORRUPTION), *bundle.glob("adapter"), *bundle.glob("figures/*")):
        name = path.relative_to(bundle).as_posix()
        if name.startswith(_FIGURES_OF_MODELS) or not name.startswith("figures/"):
            target = bundle / moved["folder"] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    return moved


def _with(models: list[dict[str, Any]], made: Made, bundle: Path) -> list[dict[str, Any]]:
    """The entries with that of the model that something was made for, whose files are put in place."""
    base = asdict(made.base_model)
    known = next((each for each in models if each["embedding_sha256"] == base["embedding_sha256"]), {})
    folder = known.get("folder") or _folder_for(base["id"], base["embedding_sha256"])
    entry = base | {"folder": folder, "metrics": {**known.get("metrics", {}), **made.metrics}}
    for name, content in made.files.items():
        _place(bundle / folder / name, content)
    return [entry if each is known else each for each in models] + ([] if known else [entry])


def _folder_for(model: str, embedding_sha256: str) -> str:
    name = re.sub("[^a-z0-9.]+", "-", PurePath(model).name.lower()).strip("-.") or "model"
    return f"{MODELS}/{name}-{embedding_sha256[:8]}"


def _place(path: Path, content: Path | bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)


def _hash_folder(folder: Path) -> dict[str, str]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST_NAME, SIGNATURE_NAME)
    )
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}

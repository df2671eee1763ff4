"""Bundles on disk: loaded only when every hash agrees, replaced as a whole or not at all."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lethe.bundle.base_model import BaseModel
from lethe.bundle.errors import BundleError
from lethe.bundle.files import locked, remove_folder, replaced_folder, sha256_of
from lethe.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME, Action, Manifest, read_manifest


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes
    ----------
    folder
        Where it lies.
    manifest
        What it says of itself.
    version
        Short digest of its manifest, and so of every file in it: equal versions are equal bundles.
    """

    folder: Path
    manifest: Manifest
    version: str

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def classifier(self) -> Path | None:
        """The folder of the classifier's head, if the bundle has one."""
        return self._folder_with_files("classifier")

    @property
    def answer_classifier(self) -> Path | None:
        """The folder of the head that judges answers, if the bundle has one."""
        return self._folder_with_files("answer_classifier")

    @property
    def corruption(self) -> Path | None:
        """The file of the learned corruption, if the bundle has one."""
        path = self.folder / "corruption.safetensors"
        return path if path.name in self.manifest.files else None

    @property
    def adapter(self) -> Path | None:
        """The folder of the unlearning adapter, if the bundle has one."""
        return self._folder_with_files("adapter")

    def _folder_with_files(self, name: str) -> Path | None:
        listed = any(file.startswith(f"{name}/") for file in self.manifest.files)
        return self.folder / name if listed else None


@dataclass(frozen=True)
class DamagedBundle:
    """A bundle that is not usable.

    Attributes
    ----------
    folder
        Where it lies.
    name
        As its manifest says; its folder's where that cannot be read, or names another bundle too.
    fault
        Why it is not.
    """

    folder: Path
    name: str
    fault: BundleError


def load_bundle(folder: Path) -> Bundle:
    """Load one bundle and verify every file that its manifest names.

    Raises
    ------
    BundleError
        The manifest cannot be read, a file is missing, or a hash differs.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"bundle {manifest.name}: {name!r} lies outside the bundle's folder")
        if not path.is_file():
            raise BundleError(f"bundle {manifest.name}: {path} is missing")
        found = sha256_of(path)
        if found != expected:
            raise BundleError(
                f"bundle {manifest.name}: {path} has hash {found[:12]}..., its manifest says {expected[:12]}...; "
                "restore the file or make the bundle again"
            )
    version = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()[:12]
    return Bundle(folder, manifest, version)


def refuse_other_base_model(
    folder: Path, base_model: BaseModel, kept: Literal["adapter", "corruption"]
) -> None:
    """Refuse to write into a bundle whose other artifact was made for another model, before any long work.

    Parameters
    ----------
    folder
        The bundle; it need not be there.
    base_model
        What is to be written is made for it.
    kept
        The artifact that would stay.

    Raises
    ------
    BundleError
        The bundle cannot be read, or its base model is another one.
    """
    if not folder.exists():
        return
    bundle = load_bundle(folder)
    recorded = bundle.manifest.base_model
    stays = {"adapter": bundle.adapter, "corruption": bundle.corruption}[kept]
    if stays and recorded and recorded.embedding_sha256 != base_model.embedding_sha256:
        raise BundleError(
            f"bundle {bundle.name} holds the {kept} for {recorded.id}, and this model is {base_model.id} with other "
            "embeddings; write into a bundle of its own"
        )


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
    idle = action in (Action.OBSERVE, Action.CORRUPT) and bundle.corruption is None and bundle.adapter is None
    return made if idle else action


def load_bundles(folder: Path) -> tuple[Bundle, ...]:
    """Load every bundle that stands directly in a folder, by name.

    Raises
    ------
    BundleError
        The folder is missing, one of its bundles is not usable, or two share a name.
    """
    bundles: list[Bundle] = []
    for found in survey_bundles(folder):
        if isinstance(found, DamagedBundle):
            raise found.fault
        bundles.append(found)
    return tuple(bundles)


def survey_bundles(folder: Path) -> tuple[Bundle | DamagedBundle, ...]:
    """Find every bundle that stands directly in a folder, usable or not; of two that share a name the first is.

    Raises
    ------
    BundleError
        The folder is missing.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder} is not a folder; give a folder of bundles, or an empty one for none")
    with locked(folder, shared=True):
        manifests = sorted(folder.glob(f"*/{MANIFEST_NAME}"))
        # Hidden folders are bundles on their way in or out.
        found = [_survey(path.parent) for path in manifests if not path.parent.name.startswith(".")]
    by_name: dict[str, Path] = {}
    for index, each in enumerate(found):
        first = by_name.setdefault(each.name, each.folder)
        if first != each.folder:
            fault = BundleError(f"{each.folder} and {first} are both named {each.name}; rename one")
            found[index] = DamagedBundle(each.folder, each.folder.name, fault)
    return tuple(found)


def _survey(folder: Path) -> Bundle | DamagedBundle:
    name = folder.name
    try:
        name = read_manifest(folder).name
        return load_bundle(folder)
    except BundleError as fault:
        return DamagedBundle(folder, name, fault)


def update_bundle(folder: Path, files: Mapping[str, Path | bytes | None], **manifest_changes: Any) -> Bundle:
    """Make or change a bundle as one step: a reader sees the old one or the new one, never a mixture.

    Parameters
    ----------
    folder
        The bundle's folder; made if it is not there (then ``name`` must be among the changes or is the
        folder's own name).
    files
        By path inside the folder: a file to copy, its content, or None to remove it.
    manifest_changes
        Fields of `Manifest` to set. ``metrics`` is merged key by key; ``files`` is computed.

    Raises
    ------
    BundleError
        The bundle that stands there cannot be read, or a change does not fit the manifest.
    """
    with replaced_folder(folder) as staging:
        fields: dict[str, Any] = {"name": folder.name}
        if folder.exists():
            fields = read_manifest(folder).model_dump()
            shutil.copytree(folder, staging, dirs_exist_ok=True)
        # It vouched for what is changed now.
        (staging / SIGNATURE_NAME).unlink(missing_ok=True)
        metrics = {**fields.get("metrics", {}), **manifest_changes.pop("metrics", {})}
        for name, content in files.items():
            _place(staging / name, content)
        fields |= manifest_changes | {"metrics": metrics, "files": _hash_folder(staging)}
        try:
            manifest = Manifest.model_validate(fields)
        except ValueError as error:
            raise BundleError(f"bundle {folder.name}: {error}") from None
        (staging / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=2) + "\n")
    return load_bundle(folder)


def install_bundle(source: Path, folder: Path) -> Bundle:
    """Copy a verified bundle, unchanged, into the place of the one that may stand there; as one step.

    Raises
    ------
    BundleError
        The source is not a usable bundle.
    """
    bundle = load_bundle(source)
    with replaced_folder(folder) as staging:
        for name in files_of(bundle):
            _place(staging / name, source / name)
    return load_bundle(folder)


def files_of(bundle: Bundle) -> tuple[str, ...]:
    """All that belongs to a bundle, by path inside its folder; whatever else lies there does not."""
    signature = (SIGNATURE_NAME,) if (bundle.folder / SIGNATURE_NAME).is_file() else ()
    return (MANIFEST_NAME, *signature, *bundle.manifest.files)


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

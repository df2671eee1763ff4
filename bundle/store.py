"""Bundles on disk, loaded only when every hash agrees."""

import hashlib
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lethe.bundle.errors import BundleError
from lethe.bundle.files import locked, sha256_of
from lethe.bundle.manifest import (
    MANIFEST_NAME,
    SIGNATURE_NAME,
    BaseModelEntry,
    Manifest,
    manifest_bytes,
    manifest_of,
    read_manifest,
)

CORRUPTION = "corruption.safetensors"
_HEADS = ("classifier", "answer_classifier")


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
    def digests(self) -> dict[Path, str]:
        """SHA-256 of its files by where they lie, for who reads one later than it was verified."""
        return {self.folder / name: digest for name, digest in self.manifest.files.items()}

    @property
    def classifier(self) -> Path | None:
        """The folder of the classifier's head, if the bundle has one."""
        return self._folder_with_files("classifier")

    @property
    def answer_classifier(self) -> Path | None:
        """The folder of the head that judges answers, if the bundle has one."""
        return self._folder_with_files("answer_classifier")

    @property
    def models(self) -> tuple["ModelArtifacts", ...]:
        """What it has for each base model."""
        return tuple(ModelArtifacts(self, entry) for entry in self.manifest.models)

    @property
    def can_act(self) -> bool:
        """Whether it has a corruption or an adapter for any model."""
        return any(each.corruption or each.adapter for each in self.models)

    def made_for(self, embedding_sha256: str) -> "ModelArtifacts | None":
        """What it has for the base model with these embeddings."""
        return next(
            (each for each in self.models if each.base_model.embedding_sha256 == embedding_sha256), None
        )

    def _folder_with_files(self, name: str) -> Path | None:
        listed = any(file.startswith(f"{name}/") for file in self.manifest.files)
        return self.folder / name if listed else None


@dataclass(frozen=True)
class ModelArtifacts:
    """What a bundle has to act with before one base model.

    Attributes
    ----------
    base_model
        What it was made for.
    """

    bundle: Bundle
    base_model: BaseModelEntry

    @property
    def corruption(self) -> Path | None:
        """The file of the learned corruption, if there is one."""
        return self.file(CORRUPTION)

    @property
    def adapter(self) -> Path | None:
        """The folder of the unlearning adapter, if there is one."""
        inside = self.base_model.path("adapter")
        listed = any(name.startswith(f"{inside}/") for name in self.bundle.manifest.files)
        return self.bundle.folder / inside if listed else None

    def file(self, name: str) -> Path | None:
        """A file by its name among those of the model, if there is one."""
        inside = self.base_model.path(name)
        return self.bundle.folder / inside if inside in self.bundle.manifest.files else None


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
        A file is missing or cannot be read, a hash differs, or a file lies beside a head's that is not listed.
    """
    # Read once: what is parsed is what the version, and so a signature, speaks of.
    written = manifest_bytes(folder)
    manifest = manifest_of(written, folder)
    for name in manifest.files:
        verify_file(manifest, folder, name)
    refuse_unlisted(folder, manifest)
    return Bundle(folder, manifest, version_of(written))


def verify_file(manifest: Manifest, folder: Path, name: str, copy: Path | None = None) -> None:
    """Check one file of a bundle by its hash, or the copy that is made of it here.

    Raises
    ------
    BundleError
        It lies outside of the bundle's folder, is missing or cannot be read, or its hash is another.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"bundle {manifest.name}: {name!r} lies outside the bundle's folder")
    if not path.is_file():
        raise BundleError(f"bundle {manifest.name}: {path} is missing")
    try:
        if copy is not None:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        found = sha256_of(copy or path)
    except OSError as error:
        raise BundleError(f"bundle {manifest.name}: {path} cannot be read: {error.strerror}") from None
    if found != (expected := manifest.files[name]):
        raise BundleError(
            f"bundle {manifest.name}: {path} has hash {found[:12]}..., its manifest says {expected[:12]}...; "
            "restore the file or make the bundle again"
        )


def is_in_place(bundle: Bundle) -> bool:
    """Whether it is still this version that lies in its folder."""
    try:
        return version_of(manifest_bytes(bundle.folder)) == bundle.version
    except BundleError:
        return False


def version_of(manifest: bytes) -> str:
    """The version of the bundle whose manifest is written so."""
    return hashlib.sha256(manifest).hexdigest()[:12]


def refuse_unlisted(folder: Path, manifest: Manifest, replaced: Collection[str] = ()) -> None:
    """Refuse a file beside a head's that the manifest does not list.

    An encoder is read by whatever files it finds, and what nobody has listed nobody has vouched for.

    Parameters
    ----------
    replaced
        Files that will not stay there.

    Raises
    ------
    BundleError
        There is one.
    """
    for head in _HEADS:
        for place, folders, names in os.walk(folder / head, followlinks=True):
            # What is hidden is read by nobody, and some systems put it everywhere.
            folders[:] = [each for each in folders if not each.startswith(".")]
            for name in names:
                inside = (Path(place) / name).relative_to(folder).as_posix()
                if not name.startswith(".") and inside not in manifest.files and inside not in replaced:
                    raise BundleError(
                        f"bundle {manifest.name}: {folder / inside} is not in its manifest; take it out, or make the "
                        "bundle again"
                    )


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


def files_of(bundle: Bundle) -> tuple[str, ...]:
    """All that belongs to a bundle, by path inside its folder; whatever else lies there does not."""
    signature = (SIGNATURE_NAME,) if (bundle.folder / SIGNATURE_NAME).is_file() else ()
    return (MANIFEST_NAME, *signature, *bundle.manifest.files)

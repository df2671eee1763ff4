"""target.json: what a bundle says of itself."""

import json
import re
import unicodedata
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pydantic

from lethe.bundle.base_model import BaseModel
from lethe.bundle.errors import BundleError

SCHEMA_VERSION = 2
MANIFEST_NAME = "target.json"
MODELS = "models"
# Of the metrics, those that are about a base model.
_MADE_FOR_ONE = ("corruption", "adapter")
# Beside the manifest, over it; see `lethe.bundle.signature`.
SIGNATURE_NAME = "target.sig"
_LONGEST_NAME = 63
_NAME_PATTERN = f"^[a-z0-9][a-z0-9-]{{0,{_LONGEST_NAME - 1}}}$"


class Action(StrEnum):
    """What a positive verdict leads to."""

    CORRUPT = "corrupt"
    ADAPTER = "adapter"
    ADAPTER_AND_CORRUPT = "adapter+corrupt"
    REFUSE = "refuse"
    OBSERVE = "observe"

    @property
    def corrupts(self) -> bool:
        """Whether the prompt is corrupted."""
        return self in (Action.CORRUPT, Action.ADAPTER_AND_CORRUPT)

    @property
    def adapts(self) -> bool:
        """Whether the answer is made with an adapter."""
        return self in (Action.ADAPTER, Action.ADAPTER_AND_CORRUPT)


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class BaseModelReference(_Frozen):
    """The base model that a corruption or adapter was made for; see `lethe.bundle.base_model.BaseModel`."""

    id: str
    hidden_size: int = pydantic.Field(gt=0)
    embedding_sha256: str = pydantic.Field(pattern="^[0-9a-f]{64}$")
    family: str = ""

    def identity(self) -> BaseModel:
        """The base model."""
        return BaseModel(self.id, self.hidden_size, self.embedding_sha256, self.family)


class BaseModelEntry(BaseModelReference):
    """A base model for which a bundle has a corruption, an adapter or both.

    Attributes
    ----------
    folder
        Where in the bundle they lie; empty in one that an earlier release wrote, which knew one model.
    metrics
        What was measured when they were made.
    """

    folder: str = pydantic.Field(pattern=rf"^({MODELS}/[a-z0-9][a-z0-9.-]*)?$")
    metrics: dict[str, Any] = {}

    def path(self, name: str) -> str:
        """A file of this model, by its path inside the bundle."""
        return f"{self.folder}/{name}" if self.folder else name


class EncoderReference(_Frozen):
    """The sentence encoder that the classifier's head stands on."""

    id: str
    sha256: str = pydantic.Field(pattern="^[0-9a-f]{64}$")


class Manifest(_Frozen):
    """The manifest of a bundle, stored as ``target.json``.

    Attributes
    ----------
    name
        The target's name: lower case letters, digits and dashes.
    threshold
        The probability above which the classifier's verdict is positive.
    composes
        For a bundle whose adapter was composed of other targets' adapters: their names. Its adapter is used where
        exactly those are asked for at once; it needs no classifier, unless it is a target of its own too.
    models
        The base models for which there is something to act with, no two with the same embeddings.
    files
        SHA-256 of every other file of the bundle, by its path inside the folder.
    metrics
        What was measured when the other artifacts were made, for the model card; free in form.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    name: str = pydantic.Field(pattern=_NAME_PATTERN)
    description: str = ""
    action: Action = Action.CORRUPT
    threshold: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    composes: tuple[str, ...] = ()
    models: tuple[BaseModelEntry, ...] = ()
    encoder: EncoderReference | None = None
    files: dict[str, str] = {}
    metrics: dict[str, Any] = {}

    @pydantic.field_validator("models")
    @classmethod
    def _models_are_told_apart(cls, models: tuple[BaseModelEntry, ...]) -> tuple[BaseModelEntry, ...]:
        for key in ("embedding_sha256", "folder"):
            if len({getattr(each, key) for each in models}) < len(models):
                raise ValueError(f"two of them have the same {key}")
        return models

    @pydantic.field_validator("files")
    @classmethod
    def _files_lie_inside(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if not lies_inside(name):
                raise ValueError(f"{name!r} is no path inside the bundle's folder")
        return files


def lies_inside(name: str) -> bool:
    """Whether a file's name is a plain path inside a bundle's folder."""
    path = PurePosixPath(name)
    # One way to say where a file is: it is copied to the same place of another folder.
    plain = str(path) == name and name.isprintable()
    return plain and bool(path.name) and not path.is_absolute() and ".." not in path.parts


def check_target_name(name: str) -> None:
    """Check that a target can be named so, before any work for it is begun.

    Raises
    ------
    BundleError
        It cannot; the message has a name that would do.
    """
    if re.fullmatch(_NAME_PATTERN, name):
        return
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    would_do = re.sub("[^a-z0-9]+", "-", letters).strip("-")[:_LONGEST_NAME].strip("-") or "my-target"
    raise BundleError(
        f"a target cannot be named {name!r}: its name is of lower case letters, digits and dashes, begins with no dash "
        f"and is of {_LONGEST_NAME} characters at most; {would_do} would do"
    )


def read_manifest(bundle_folder: Path) -> Manifest:
    """Read and check a bundle's manifest; see `manifest_of` for errors."""
    return manifest_of(manifest_bytes(bundle_folder), bundle_folder)


def manifest_bytes(bundle_folder: Path) -> bytes:
    """A bundle's manifest as it is written.

    Raises
    ------
    BundleError
        There is none, or it cannot be read.
    """
    path = bundle_folder / MANIFEST_NAME
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{bundle_folder} is not a bundle: it has no {MANIFEST_NAME}") from None
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None


def manifest_of(written: bytes, bundle_folder: Path) -> Manifest:
    """Check a bundle's manifest.

    Raises
    ------
    BundleError
        It is not JSON, or a field is missing, unknown or of the wrong form.
    """
    path = bundle_folder / MANIFEST_NAME
    try:
        document = json.loads(written)
        # JSON can say halves of characters, which nothing that shows them can write.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from None
    if isinstance(document, dict):
        version = document.get("schema_version")
        if version == 1:
            document = _of_several_models(document)
        elif version != SCHEMA_VERSION:
            raise BundleError(
                f"{path} has schema version {version!r}; this release reads {SCHEMA_VERSION} and before"
            )
    try:
        return Manifest.model_validate(document)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {field}: {first['msg']}") from None


def _of_several_models(document: dict[str, Any]) -> dict[str, Any]:
    """A manifest of schema version 1, which knew one base model and had what was made for it at the bundle's top."""
    document = document | {"schema_version": SCHEMA_VERSION}
    base = document.pop("base_model", None)
    if base is None:
        return document
    metrics: dict[str, Any] = document.get("metrics", {})
    of_model = {name: figures for name, figures in metrics.items() if name in _MADE_FOR_ONE}
    return document | {
        "models": [{**base, "folder": "", "metrics": of_model}],
        "metrics": {name: figures for name, figures in metrics.items() if name not in of_model},
    }

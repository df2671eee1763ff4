"""The files of an encoder, and what they are known by."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.classifier.errors import ClassifierError
from lethe.models.cache import cache_folder
from lethe.models.locate import ModelNotFound, hub_folder, local_folder
from lethe.models.minilm import MINILM

DEFAULT_ENCODER = MINILM

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
    try:
        folder = local_folder(name, cache_folder()) or hub_folder(name, ENCODER_FILES)
    except ModelNotFound as error:
        raise ClassifierError(f"encoder: {error}") from error
    missing = [file for file in _NEEDED if not (folder / file).is_file()]
    if missing:
        raise ClassifierError(f"encoder {name}: {folder} lacks {', '.join(missing)}")
    return EncoderFiles(name, folder, _digest(folder))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("model.safetensors", "tokenizer.json"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

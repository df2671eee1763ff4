"""The files of an encoder: of which family they are, and what they are known by."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lethe.classifier.errors import ClassifierError
from lethe.models.cache import cache_folder
from lethe.models.locate import ModelNotFound, hub_folder, local_folder
from lethe.models.sentence_encoders import USE_MULTILINGUAL

EncoderFamily = Literal["bert", "use"]

DEFAULT_ENCODER = USE_MULTILINGUAL

# By family, the files that an encoder consists of; all that decide what it gives are in its digest.
_NEEDED: dict[EncoderFamily, tuple[str, ...]] = {
    "bert": ("config.json", "model.safetensors", "tokenizer.json"),
    "use": ("weights.npz", "sp.model"),
}
_DIGESTED: dict[EncoderFamily, tuple[str, ...]] = {
    "bert": ("model.safetensors", "tokenizer.json"),
    "use": ("weights.npz", "sp.model"),
}
# What is had from the hub, and what a bundle brings along.
ENCODER_FILES = (*_NEEDED["bert"], "1_Pooling/config.json")


@dataclass(frozen=True)
class EncoderFiles:
    """The files of an encoder.

    Attributes
    ----------
    id
        The name by which it was asked for.
    folder
        Where they lie.
    family
        ``bert`` with ``config.json``, ``model.safetensors`` and ``tokenizer.json``, or ``use`` with ``weights.npz``
        and ``sp.model``.
    sha256
        Digest of weights and tokenizer: heads trained on one encoder are refused on another.
    """

    id: str
    folder: Path
    family: EncoderFamily
    sha256: str

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of a model of the BERT family."""
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
    family: EncoderFamily = "use" if (folder / "weights.npz").is_file() else "bert"
    missing = [file for file in _NEEDED[family] if not (folder / file).is_file()]
    if missing:
        raise ClassifierError(f"encoder {name}: {folder} lacks {', '.join(missing)}")
    return EncoderFiles(name, folder, family, _digest(folder, _DIGESTED[family]))


def _digest(folder: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

"""The identity of a base model: the name it goes by and a digest of the embeddings that corruptions act on."""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lethe.bundle.errors import BundleError

_EMBEDDING_NAMES = (
    "model.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "language_model.model.embed_tokens.weight",
    "transformer.wte.weight",
    "transformer.word_embeddings.weight",
    "transformer.embedding.word_embeddings.weight",
    "gpt_neox.embed_in.weight",
    "backbone.embeddings.weight",
    "model.decoder.embed_tokens.weight",
    "model.tok_embeddings.weight",
    "model.word_embeddings.weight",
    "embed_tokens.weight",
    "word_embeddings.weight",
    "wte.weight",
)
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class BaseModel:
    """A base model as a bundle knows it.

    Attributes
    ----------
    id
        The name under which the engine serves it, a hub id as a rule.
    hidden_size
        Width of its hidden states and, with few exceptions, of its embeddings.
    embedding_sha256
        SHA-256 of the raw bytes of its input embedding matrix. A corruption acts on nothing else, so two
        checkpoints that agree here can share one.
    family
        What its configuration calls its kind, such as ``llama``; empty where that is not known.
    """

    id: str
    hidden_size: int
    embedding_sha256: str
    family: str = ""


def read_base_model(model_folder: Path, model_id: str) -> BaseModel:
    """Read the identity of the model stored as safetensors in a folder.

    Reads the embedding matrix only, as raw bytes, so it needs no tensor library and is quick for any size.

    Raises
    ------
    BundleError
        The folder has no config.json, no safetensors weights, or no embedding matrix under a known name, or a file
        of weights is damaged.
    """
    config = _read_json(model_folder / "config.json")
    text = config.get("text_config", {})
    embeddings = Embeddings(model_folder)
    given = config.get("hidden_size") or text.get("hidden_size")
    # GPT-2 and others of its time have other names for it.
    hidden_size = given if isinstance(given, int) else embeddings.width
    family = str(text.get("model_type") or config.get("model_type") or "")
    digest = hashlib.sha256()
    for chunk in embeddings:
        digest.update(chunk)
    return BaseModel(model_id, hidden_size, digest.hexdigest(), family)


class Embeddings:
    """The input embedding matrix of the model stored as safetensors in a folder, as raw bytes, a few megabytes at a time.

    Attributes
    ----------
    width
        How many numbers each of its rows has.
    dtype
        The type of its numbers, as safetensors calls it.

    Raises
    ------
    BundleError
        There is none under a known name, or a file of weights is damaged.
    """

    def __init__(self, model_folder: Path) -> None:
        self._weights, self._start, entry = _find_embedding(model_folder)
        first, last = entry["data_offsets"]
        self._size: int = last - first
        self.width: int = entry["shape"][-1]
        self.dtype: str = entry["dtype"]

    def __iter__(self) -> Iterator[bytes]:
        with self._weights.open("rb") as file:
            file.seek(self._start)
            remaining = self._size
            while remaining > 0:
                chunk = file.read(min(_CHUNK_BYTES, remaining))
                if not chunk:
                    raise BundleError(
                        f"{self._weights} ends before its embedding matrix does; download it again"
                    )
                yield chunk
                remaining -= len(chunk)


def _find_embedding(model_folder: Path) -> tuple[Path, int, dict[str, Any]]:
    """The file that holds it, where it begins there, and what the file says of it."""
    for weights in sorted(model_folder.glob("*.safetensors")):
        with weights.open("rb") as file:
            header = _read_header(file, weights)
            name = next((name for name in _EMBEDDING_NAMES if name in header), None)
            if name is None:
                continue
            entry = header[name]
            return weights, file.tell() + entry["data_offsets"][0], entry
    raise BundleError(f"{model_folder} holds no safetensors file with an input embedding matrix")


def _read_header(file: BinaryIO, path: Path) -> dict[str, Any]:
    try:
        (length,) = struct.unpack("<Q", file.read(8))
        # What is no safetensors file, a pointer of Git LFS for one, gives a length that no memory holds.
        return json.loads(file.read(min(length, path.stat().st_size)))
    except (struct.error, ValueError):
        raise BundleError(f"{path} is no safetensors file; download it again") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise BundleError(f"{path.parent} is not a model folder: it has no {path.name}") from None
    except ValueError as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from None

"""A target's head: what turns a window's embedding and n-grams into the target's score.

A head is two linear parts and a calibration, stored as ``head.safetensors`` and ``head.json``.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lethe.bundle.files import replace_file
from lethe.classifier.calibration import Calibration
from lethe.classifier.errors import ClassifierError
from lethe.classifier.ngrams import BUCKETS, HashedText

SCHEMA_VERSION = 1
TENSORS_NAME = "head.safetensors"
DOCUMENT_NAME = "head.json"


@dataclass(frozen=True)
class Head:
    """One target's head.

    The score of a window is
    ``embedding @ direction + lexical_share * clip(lexical) + bias`` where
    ``lexical = n-grams @ ngram_weights + ngram_bias``.

    Attributes
    ----------
    direction
        (dimension,) float32, on the encoder's unit-length sentence embedding.
    ngram_weights
        (BUCKETS,) float32, kept as float16.
    pass_below
        First tier: a window whose lexical score is below this is not about the target and is not encoded.
    passed_probability
        The probability reported of text that the first tier let pass.
    threshold
        The probability from which the verdict is positive.
    entities
        Names whose occurrences are reported as spans of kind ``entity``.
    provenance
        How the head came to be; free in form, for people.
    """

    target: str
    encoder_id: str
    encoder_sha256: str
    direction: NDArray[np.float32]
    bias: float
    ngram_weights: NDArray[np.float32]
    ngram_bias: float
    lexical_share: float
    lexical_limit: float
    pass_below: float
    passed_probability: float
    threshold: float
    calibration: Calibration = field(default_factory=Calibration)
    entities: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    version: str = ""


_NUMBERS = (
    "bias",
    "ngram_bias",
    "lexical_share",
    "lexical_limit",
    "pass_below",
    "passed_probability",
    "threshold",
)


def head_files(head: Head) -> dict[str, bytes]:
    """The head's files by name, ready to be placed in a bundle's ``classifier/``."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "target": head.target,
        "encoder": {"id": head.encoder_id, "sha256": head.encoder_sha256},
        **{name: getattr(head, name) for name in _NUMBERS},
        "calibration": head.calibration.to_document(),
        "entities": list(head.entities),
        "provenance": head.provenance,
    }
    tensors = {
        "direction": head.direction.astype(np.float32),
        "ngram_weights": head.ngram_weights.astype(np.float16),
    }
    return {
        TENSORS_NAME: save(tensors),
        DOCUMENT_NAME: (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(),
    }


def save_head(head: Head, folder: Path) -> None:
    """Write a head's two files, each whole."""
    for name, content in head_files(head).items():
        replace_file(folder / name, content)


def load_head(folder: Path) -> Head:
    """Read a head.

    Raises
    ------
    ClassifierError
        A file is missing, of another schema version, or not of the form that it should have.
    """
    try:
        raw_document = (folder / DOCUMENT_NAME).read_bytes()
        raw_tensors = (folder / TENSORS_NAME).read_bytes()
    except OSError as error:
        raise ClassifierError(
            f"{folder} is not a classifier head: {error.filename} cannot be read ({error.strerror})"
        ) from None
    try:
        document = json.loads(raw_document)
        if document.get("schema_version") != SCHEMA_VERSION:
            raise ClassifierError(
                f"schema version {document.get('schema_version')!r}; this release reads {SCHEMA_VERSION}"
            )
        tensors = load(raw_tensors)
        head = Head(
            target=document["target"],
            encoder_id=document["encoder"]["id"],
            encoder_sha256=document["encoder"]["sha256"],
            direction=tensors["direction"].astype(np.float32),
            ngram_weights=tensors["ngram_weights"].astype(np.float32),
            **{name: float(document[name]) for name in _NUMBERS},
            calibration=Calibration.from_document(document["calibration"]),
            entities=tuple(document["entities"]),
            provenance=document.get("provenance", {}),
            version=hashlib.sha256(raw_document + raw_tensors).hexdigest()[:12],
        )
    except (KeyError, TypeError, ValueError, SafetensorError, ClassifierError) as error:
        raise ClassifierError(
            f"classifier head in {folder} cannot be used: {error}; train it again"
        ) from None
    if head.ngram_weights.shape != (BUCKETS,):
        raise ClassifierError(
            f"classifier head in {folder} has {head.ngram_weights.size} n-gram weights, not {BUCKETS}; train it again"
        )
    return head


class HeadBank:
    """The heads of all targets as a few arrays, so that a hundred cost little more than one."""

    def __init__(self, heads: Sequence[Head], encoder_sha256: str, dimension: int) -> None:
        for head in heads:
            if head.encoder_sha256 != encoder_sha256 or len(head.direction) != dimension:
                raise ClassifierError(
                    f"the classifier of target {head.target} was trained on encoder {head.encoder_id} "
                    f"({head.encoder_sha256[:12]}), another one than is loaded ({encoder_sha256[:12]}); "
                    "train it again, or load that encoder"
                )
        self.heads = tuple(heads)
        self.identities = tuple(f"{head.target}@{head.version}" for head in heads)
        columns = [head.ngram_weights for head in heads]
        self._ngram_weights = np.stack(columns, axis=1) if columns else np.zeros((BUCKETS, 0), np.float32)
        self._directions = np.array([head.direction for head in heads], np.float32).reshape(-1, dimension)
        self._ngram_bias = self._column("ngram_bias")
        self._share = self._column("lexical_share")
        self._limit = self._column("lexical_limit")
        self._bias = self._column("bias")
        self.pass_below = self._column("pass_below")

    def __len__(self) -> int:
        return len(self.heads)

    def lexical(self, text: HashedText, stretches: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """Lexical scores of stretches of a text, (len(stretches), H)."""
        return (text.scores(self._ngram_weights, stretches) + self._ngram_bias).astype(np.float32)

    def score(self, embedding: NDArray[np.float32], lexical: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a window, (H,), from its embedding (dimension,) and its lexical scores (H,)."""
        clipped = np.clip(lexical, -self._limit, self._limit)
        return (self._directions @ embedding + self._share * clipped + self._bias).astype(np.float32)

    def _column(self, name: str) -> NDArray[np.float32]:
        return np.array([getattr(head, name) for head in self.heads], np.float32)

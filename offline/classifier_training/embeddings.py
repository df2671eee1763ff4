"""Embeddings of windows, kept on disk as they are made: an interrupted run goes on where it stopped."""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from classifier.encoder import Encoder


class EmbeddingStore:
    """Embeds texts once; later asks, in this run or another, read them back."""

    def __init__(self, encoder: Encoder, precision: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.encoder = encoder
        self._prefix = f"{encoder.sha256}:{precision}:".encode()
        self._database = sqlite3.connect(path)
        self._database.execute("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB)")

    def embed(self, texts: Sequence[str], what: str = "embedding") -> NDArray[np.float32]:
        """Embeddings (N, dimension) of texts, each cut to the encoder's length."""
        keys = [hashlib.blake2b(self._prefix + text.encode(), digest_size=16).digest() for text in texts]
        known = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        items: Iterable[tuple[bytes, str]] = missing.items()
        if len(missing) > 200:
            items = track(items, description=what, total=len(missing))
        for count, (key, text) in enumerate(items, start=1):
            known[key] = self.encoder.embed([text])[0]
            self._database.execute(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?)", (key, known[key].tobytes())
            )
            if count % 500 == 0:
                self._database.commit()
        self._database.commit()
        if not keys:
            return np.empty((0, self.encoder.dimension), np.float32)
        return np.stack([known[key] for key in keys])

    def close(self) -> None:
        self._database.close()

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        known: dict[bytes, NDArray[np.float32]] = {}
        for key in set(keys):
            row = self._database.execute("SELECT vector FROM embeddings WHERE key = ?", (key,)).fetchone()
            if row is not None:
                known[key] = np.frombuffer(row[0], np.float32)
        return known

"""Embeddings of windows, kept on disk as they are made: an interrupted run goes on where it stopped."""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from classifier.encoder import Encoder

# Runs share the file. What is not committed yet keeps the others waiting, for this long at most.
_WINDOWS_A_COMMIT = 50
_PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Stretch:
    """A half-open stretch of a window: embedded as part of it, as the classifier embeds a sentence."""

    window: str
    start: int
    end: int

    @classmethod
    def whole(cls, window: str) -> "Stretch":
        return cls(window, 0, len(window))

    @property
    def text(self) -> str:
        return self.window[self.start : self.end]

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.end == len(self.window)


class EmbeddingStore:
    """Embeds texts once; later asks, in this run or another, read them back."""

    def __init__(self, encoder: Encoder, precision: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.encoder = encoder
        self._prefix = f"{encoder.sha256}:{precision}:"
        self._database = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
        self._database.execute("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB)")

    def embed(self, texts: Sequence[str], what: str = "embedding") -> NDArray[np.float32]:
        """Embeddings (N, dimension) of texts, each cut to the encoder's length."""
        return self.embed_stretches([Stretch.whole(text) for text in texts], what)

    def embed_stretches(self, stretches: Sequence[Stretch], what: str = "embedding") -> NDArray[np.float32]:
        """Embeddings (N, dimension) of stretches of windows; a window is encoded once for all of its own."""
        keys = [self._key(stretch) for stretch in stretches]
        known = self._known(keys)
        missing: dict[str, dict[bytes, Stretch]] = {}
        for key, stretch in zip(keys, stretches, strict=True):
            if key not in known:
                missing.setdefault(stretch.window, {})[key] = stretch
        windows: Iterable[tuple[str, dict[bytes, Stretch]]] = missing.items()
        if len(missing) > 200:
            windows = track(windows, description=what, total=len(missing))
        for count, (window, wanted) in enumerate(windows, start=1):
            for key, vector in zip(wanted, self._encode(window, list(wanted.values())), strict=True):
                known[key] = vector
                self._database.execute(
                    "INSERT OR REPLACE INTO embeddings VALUES (?, ?)", (key, vector.tobytes())
                )
            if count % _WINDOWS_A_COMMIT == 0:
                self._database.commit()
        self._database.commit()
        if not keys:
            return np.empty((0, self.encoder.dimension), np.float32)
        return np.stack([known[key] for key in keys])

    def close(self) -> None:
        self._database.close()

    def _encode(self, window: str, stretches: Sequence[Stretch]) -> list[NDArray[np.float32]]:
        encoder = self.encoder
        tokens = encoder.tokenize(window)[: encoder.maximum_tokens]
        hidden = encoder.encode(tokens.ids)
        vectors: list[NDArray[np.float32]] = []
        for stretch in stretches:
            first, last = tokens.between(stretch.start, stretch.end)
            if stretch.is_whole or first >= last:
                vectors.append(encoder.pool(hidden))
            else:
                vectors.append(encoder.pool_segment(hidden, tokens.ids, first, last))
        return vectors

    def _key(self, stretch: Stretch) -> bytes:
        place = "" if stretch.is_whole else f"[{stretch.start}:{stretch.end}]"
        return hashlib.blake2b(
            f"{self._prefix}{place}{stretch.window}".encode(errors="surrogatepass"), digest_size=16
        ).digest()

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        known: dict[bytes, NDArray[np.float32]] = {}
        for key in set(keys):
            row = self._database.execute("SELECT vector FROM embeddings WHERE key = ?", (key,)).fetchone()
            if row is not None:
                known[key] = np.frombuffer(row[0], np.float32)
        return known

"""Embeddings of windows, kept on disk as they are made: an interrupted run goes on where it stopped."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import Encoder
from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.errors import TrainingError

# Runs share the file. What is not committed yet keeps the others waiting, for this long at most.
_WINDOWS_A_COMMIT = 50
_PATIENCE_SECONDS = 600
_KEYS_A_QUERY = 500


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
    """Embeds texts once; later asks, in this run or another, read them back.

    Every method raises a `TrainingError` where the file cannot be used, as on a full disk.
    """

    def __init__(self, encoder: Encoder, precision: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.encoder = encoder
        self._prefix = f"{encoder.sha256}:{precision}:"
        self._path = path
        with self._usable():
            self._database = sqlite3.connect(path, timeout=_PATIENCE_SECONDS)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB)"
            )

    def embed(self, texts: Sequence[str], on_embedded: OnDone = tell_nobody) -> NDArray[np.float32]:
        """Embeddings (N, dimension) of texts, each cut to the encoder's length."""
        return self.embed_stretches([Stretch.whole(text) for text in texts], on_embedded)

    def embed_stretches(
        self, stretches: Sequence[Stretch], on_embedded: OnDone = tell_nobody
    ) -> NDArray[np.float32]:
        """Embeddings (N, dimension) of stretches of windows."""
        self.keep(stretches, on_embedded)
        vectors = np.empty((len(stretches), self.encoder.dimension), np.float32)
        keys = [self._key(stretch) for stretch in stretches]
        for start in range(0, len(keys), _KEYS_A_QUERY):
            asked = keys[start : start + _KEYS_A_QUERY]
            kept = dict(self._select("key, vector", asked))
            for row, key in enumerate(asked, start):
                vectors[row] = np.frombuffer(kept[key], np.float32)
        return vectors

    def keep(self, stretches: Iterable[Stretch], on_embedded: OnDone = tell_nobody) -> None:
        """Embed what is not kept yet; a window is encoded once for all of its own stretches.

        Windows are encoded each alone, on all cores.
        """
        asked = {self._key(stretch): stretch for stretch in stretches}
        keys = list(asked)
        for start in range(0, len(keys), _KEYS_A_QUERY):
            for (key,) in self._select("key", keys[start : start + _KEYS_A_QUERY]):
                del asked[key]
        missing: dict[str, dict[bytes, Stretch]] = {}
        for key, stretch in asked.items():
            missing.setdefault(stretch.window, {})[key] = stretch
        # Long windows stand together. In the order of their hashes, those that are done tell how long the others take.
        waiting = sorted(missing.values(), key=min)
        for start in range(0, len(waiting), _WINDOWS_A_COMMIT):
            batch = waiting[start : start + _WINDOWS_A_COMMIT]
            rows = [row for rows in on_all_cores(self._encode, batch) for row in rows]
            with self._usable():
                self._database.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)
                self._database.commit()
            on_embedded(start + len(batch), len(waiting))

    def close(self) -> None:
        self._database.close()

    def _encode(self, wanted: Mapping[bytes, Stretch]) -> list[tuple[bytes, bytes]]:
        """Keys and vectors of stretches of one window."""
        encoder = self.encoder
        window = next(iter(wanted.values())).window
        tokens = encoder.tokenize(window)[: encoder.maximum_tokens]
        hidden = encoder.encode(tokens.ids)
        rows: list[tuple[bytes, bytes]] = []
        for key, stretch in wanted.items():
            first, last = tokens.between(stretch.start, stretch.end)
            if stretch.is_whole or first >= last:
                vector = encoder.pool(hidden)
            else:
                vector = encoder.pool_segment(hidden, tokens.ids, first, last)
            rows.append((key, vector.tobytes()))
        return rows

    def _key(self, stretch: Stretch) -> bytes:
        place = "" if stretch.is_whole else f"[{stretch.start}:{stretch.end}]"
        return hashlib.blake2b(
            f"{self._prefix}{place}{stretch.window}".encode(errors="surrogatepass"), digest_size=16
        ).digest()

    def _select(self, columns: str, keys: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        """The rows of those keys that are kept."""
        places = ", ".join("?" * len(keys))
        with self._usable():
            yield from self._database.execute(
                f"SELECT {columns} FROM embeddings WHERE key IN ({places})", keys
            )

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise TrainingError(
                f"embeddings cannot be kept in {self._path}: {error}; see to its disk and rights, or remove it: it is made anew"
            ) from None

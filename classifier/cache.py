"""Scores of texts seen before, least recently used first out. Safe to share between threads."""

import hashlib
import threading
from collections import OrderedDict

from classifier.scoring import TextScores

_ENTRY_OVERHEAD_BYTES = 600
_SPAN_BYTES = 120


class ScoreCache:
    """A cache of `TextScores` by text, bounded in bytes.

    Keys hold the fingerprint of the heads that scored, so a cache outlives a change of bundles without ever
    serving what the old ones said. Texts themselves are not kept.
    """

    def __init__(self, maximum_bytes: int) -> None:
        self.maximum_bytes = maximum_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, tuple[TextScores, int]] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def key(text: str, fingerprint: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=16, key=fingerprint.encode()).digest()

    def get(self, key: bytes) -> TextScores | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: bytes, scores: TextScores) -> None:
        size = _ENTRY_OVERHEAD_BYTES + scores.scores.nbytes
        size += _SPAN_BYTES * sum(map(len, scores.spans.values()))
        if size > self.maximum_bytes:
            return
        with self._lock:
            if key in self._entries:
                self.bytes -= self._entries.pop(key)[1]
            self._entries[key] = (scores, size)
            self.bytes += size
            while self.bytes > self.maximum_bytes:
                _, (_, removed) = self._entries.popitem(last=False)
                self.bytes -= removed

    def __len__(self) -> int:
        return len(self._entries)

"""Scores of texts seen before, least recently used first out. Safe to share between threads."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lethe.classifier.text_scores import TextScores

_ENTRY_OVERHEAD_BYTES = 600
_SPAN_BYTES = 120


@dataclass(frozen=True, slots=True)
class _Entry:
    heads: tuple[str, ...]
    scores: TextScores
    size: int


class ScoreCache:
    """A cache of `TextScores` by text, bounded in bytes.

    An entry says which heads scored. It answers for any of these, in whatever order, so a cache outlives a
    change of bundles: a text is scored anew only where a head in force is one that it has not met. Texts
    themselves are not kept.
    """

    def __init__(self, maximum_bytes: int) -> None:
        self.maximum_bytes = maximum_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def key(text: str, scorer: str) -> bytes:
        """The key of a text as scored by one scorer; see `lethe.classifier.scoring.Scorer.fingerprint`."""
        hashed = hashlib.blake2b(scorer.encode() + b"\0", digest_size=16)
        hashed.update(text.encode())
        return hashed.digest()

    def get(self, key: bytes, heads: tuple[str, ...]) -> TextScores | None:
        """The scores of these heads, by `HeadBank.identities`; None where one of them is not known."""
        with self._lock:
            entry = self._entries.get(key)
            scores = _scores_of(entry, heads) if entry is not None else None
            if scores is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return scores

    def put(self, key: bytes, heads: tuple[str, ...], scores: TextScores) -> None:
        size = _ENTRY_OVERHEAD_BYTES + scores.scores.nbytes * (1 if scores.of_material is None else 2)
        size += _SPAN_BYTES * sum(map(len, scores.spans.values()))
        if size > self.maximum_bytes:
            return
        with self._lock:
            if key in self._entries:
                self.bytes -= self._entries.pop(key).size
            self._entries[key] = _Entry(heads, scores, size)
            self.bytes += size
            while self.bytes > self.maximum_bytes:
                _, removed = self._entries.popitem(last=False)
                self.bytes -= removed.size

    def clear(self) -> None:
        """Forget everything; what was counted stays."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)


def _scores_of(entry: _Entry, heads: Sequence[str]) -> TextScores | None:
    if entry.heads == heads:
        return entry.scores
    places = {head: place for place, head in enumerate(entry.heads)}
    wanted = [places.get(head) for head in heads]
    if None in wanted:
        return None
    spans = {
        index: entry.scores.spans[place]
        for index, place in enumerate(wanted)
        if place is not None and place in entry.scores.spans
    }
    scores = entry.scores
    chosen = np.array(wanted, np.intp)
    of_material = None if scores.of_material is None else scores.of_material[chosen]
    return TextScores(
        scores.scores[chosen], spans=spans, unreadable=scores.unreadable, of_material=of_material
    )

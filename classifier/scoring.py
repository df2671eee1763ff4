"""The score of a text for every target: readings, windows, first tier, encoder, heads, in this order.

Synchronous and free of state. The service calls it step by step; the training job calls it whole, so what is
calibrated is what runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from classifier.canonical import CanonicalText
from classifier.encoder import Encoder, TokenizedText
from classifier.head import HeadBank
from classifier.ngrams import HashedText
from classifier.segments import split_sentences
from classifier.settings import ClassifierSettings
from classifier.spans import TextSpan, evidence_spans
from classifier.views import View, read_views
from classifier.windows import split_windows

_TOKEN_OVERLAP = 32


@dataclass(frozen=True)
class Window:
    """A window of one reading of a text that awaits the encoder."""

    canonical: CanonicalText
    start: int
    end: int
    lexical: NDArray[np.float32]
    sentences: tuple["Sentence", ...] = ()

    @property
    def text(self) -> str:
        return self.canonical.text[self.start : self.end]


@dataclass(frozen=True)
class Sentence:
    """A stretch of a window, in its characters, and its lexical scores (H,)."""

    start: int
    end: int
    lexical: NDArray[np.float32]


@dataclass(frozen=True)
class PreparedText:
    """A text after the first tier: the windows to encode, and whether every reading was found."""

    windows: tuple[Window, ...]
    complete: bool


@dataclass(frozen=True)
class TextScores:
    """What is known of a text.

    Attributes
    ----------
    scores
        (H,) float32, the largest over its windows; -inf where the first tier let everything pass.
    complete
        False where the text has more readings than may be made.
    spans
        By head index, the stretches that carry a positive verdict.
    """

    scores: NDArray[np.float32]
    complete: bool = True
    spans: dict[int, tuple[TextSpan, ...]] = field(default_factory=dict)


class Scorer:
    """Scores texts with one encoder and a bank of heads. Safe to share between threads."""

    def __init__(self, encoder: Encoder, bank: HeadBank, settings: ClassifierSettings) -> None:
        self._encoder = encoder
        self.bank = bank
        self._settings = settings
        self._score_thresholds = np.array(
            [head.calibration.score(min(max(head.threshold, 1e-9), 1 - 1e-9)) for head in bank.heads],
            np.float32,
        )

        self._needed = bank.pass_below if settings.first_tier else np.full(len(bank), -np.inf)
        # Nonsense is unlike any training text, so its score means little: a speculative reading must have
        # more n-grams of the target than of anything else before the encoder is asked.
        self._speculative_needed = np.maximum(bank.pass_below, 0.0)

    def prepare(self, text: str) -> PreparedText:
        """Read a text every way and keep the windows that the first tier cannot clear."""
        if not text.strip() or not len(self.bank):
            return PreparedText((), True)
        settings = self._settings
        readings = read_views(text, maximum_views=settings.maximum_views)
        # Most windows of a reading that changes a few words are those of the plain one, and are read once.
        windows: dict[str, Window] = {}
        for view in readings.views:
            for window in self._suspicious_windows(view):
                windows.setdefault(window.text, window)
        return PreparedText(tuple(windows.values()), readings.complete)

    def _suspicious_windows(self, view: View) -> Iterator[Window]:
        text = view.canonical.text
        needed = self._speculative_needed if view.speculative else self._needed
        ranges = split_windows(text, self._settings.window_characters, self._settings.window_overlap)
        inside = [split_sentences(text[start:end]) for start, end in ranges]
        sentences = [
            (start + first, start + last)
            for (start, _), found in zip(ranges, inside, strict=True)
            for first, last in found
        ]
        lexical = self.bank.lexical(HashedText(text), ranges + sentences)
        suspicious = np.any(lexical >= needed, axis=1)
        if not suspicious.any():
            return
        place = len(ranges)
        for index, ((start, end), found) in enumerate(zip(ranges, inside, strict=True)):
            kept = tuple(
                Sentence(first, last, lexical[place + offset])
                for offset, (first, last) in enumerate(found)
                if suspicious[place + offset]
            )
            place += len(found)
            if kept or suspicious[index]:
                yield Window(view.canonical, start, end, lexical[index], kept)

    def nothing_found(self) -> NDArray[np.float32]:
        return np.full(len(self.bank), -np.inf, np.float32)

    def score_window(self, window: Window) -> TextScores:
        """Encode one window and score it whole and by sentence; spans are in the characters of the original text."""
        tokens = self._encoder.tokenize(window.text)
        found = [self._score_piece(window, piece) for piece in _pieces(tokens, self._encoder.maximum_tokens)]
        return combine(self.nothing_found(), True, found)

    def _score_piece(self, window: Window, tokens: TokenizedText) -> TextScores:
        hidden = self._encoder.encode(tokens.ids)
        whole = self.bank.score(self._encoder.pool(hidden), window.lexical)
        scores = whole.copy()
        evidence: dict[int, list[tuple[int, int]]] = {}
        for sentence in window.sentences:
            start = int(np.searchsorted(tokens.ends, sentence.start, side="right"))
            end = int(np.searchsorted(tokens.starts, sentence.end, side="left"))
            if start >= end:
                continue
            embedding = self._encoder.pool_segment(hidden, tokens.ids, start, end)
            sentence_scores = self.bank.score(embedding, sentence.lexical)
            np.maximum(scores, sentence_scores, out=scores)
            for index in np.flatnonzero(sentence_scores >= self._score_thresholds):
                evidence.setdefault(int(index), []).append((start, end))
        if not self._settings.spans:
            return TextScores(scores)
        rows = self._encoder.without_specials(hidden)
        spans: dict[int, tuple[TextSpan, ...]] = {}
        for index in np.flatnonzero(scores >= self._score_thresholds):
            ranges = evidence.get(int(index), [(0, len(tokens))])
            spans[int(index)] = tuple(
                span.shifted(window.start).in_original(window.canonical)
                for start, end in ranges
                for span in evidence_spans(
                    self.bank.heads[index], window.text, tokens[start:end], rows[start:end]
                )
            )
        return TextScores(scores, spans=spans)

    def score_text(self, text: str) -> TextScores:
        """Score a text from beginning to end."""
        prepared = self.prepare(text)
        return combine(
            self.nothing_found(),
            prepared.complete,
            [self.score_window(window) for window in prepared.windows],
        )

    def probability(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """(H,) scores as calibrated probabilities."""
        return np.array(
            [
                head.passed_probability if score == -np.inf else float(head.calibration.probability(score))
                for head, score in zip(self.bank.heads, scores, strict=True)
            ]
        )


def combine(floor: NDArray[np.float32], complete: bool, windows: list[TextScores]) -> TextScores:
    """The scores of a text from those of its windows."""
    scores = floor.copy()
    spans: dict[int, tuple[TextSpan, ...]] = {}
    for window in windows:
        np.maximum(scores, window.scores, out=scores)
        for index, found in window.spans.items():
            spans[index] = spans.get(index, ()) + found
    return TextScores(scores, complete, spans)


def _pieces(tokens: TokenizedText, maximum: int) -> list[TokenizedText]:
    if len(tokens) <= maximum:
        return [tokens] if len(tokens) else []
    starts = range(0, len(tokens) - _TOKEN_OVERLAP, maximum - _TOKEN_OVERLAP)
    return [tokens[start : start + maximum] for start in starts]

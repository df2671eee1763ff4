"""The score of a text for every target: readings, windows, first tier, encoder, heads, in this order.

Synchronous and free of state. The service calls it step by step; the training job calls it whole, so what is
calibrated is what runs.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import Encoder, TokenizedText
from lethe.classifier.first_tier import FirstTier, PreparedText, UnreadText, Window
from lethe.classifier.gate import Gate
from lethe.classifier.head import HeadBank
from lethe.classifier.questions import describes
from lethe.classifier.second_look import SecondLook
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.spans import WindowSpan, entity_spans, evidence_spans
from lethe.classifier.tail import Tails
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text_scores import TextScores, combine

_TOKEN_OVERLAP = 32
# Targets whose pattern of names is made before a text needs it: one of 800 names takes 30 ms, and there may be a thousand targets.
_PATTERNS_MADE_AHEAD = 8
# Log-odds below a threshold within which sentences that are scored alone leave their window undecided. What stands around them lifts
# questions about a target by up to 1.1; those that it lifts from further below are mostly ordinary.
_UNDECIDED_BELOW = 1.2
_SCORES_REMEMBERED = 4096
# Log-odds that a question loses on the whole with its capitals, marks and some of its letters.
_LOST = 2.0


class Scorer:
    """Scores texts with one encoder and a bank of heads. Safe to share between threads.

    Parameters
    ----------
    share
        The share of ordinary texts that each target may flag, however long they are.
    """

    def __init__(
        self,
        encoder: Encoder,
        bank: HeadBank,
        settings: ClassifierSettings,
        share: float | None = None,
    ) -> None:
        self._encoder = encoder
        self.bank = bank
        self._settings = settings
        # What scores depend on beside text and heads, for the keys of a cache.
        self.fingerprint = encoder.sha256[:40]
        self._score_thresholds = bank.thresholds
        share = share if share is not None else share_of_prompts(settings, len(bank))
        tails = [head.tail for head in bank.heads]
        self._tails = Tails(tails, share)
        self._asked_tails = Tails(tails, settings.asked_answer_false_alarm_share)
        # What is asked again and again of texts that are in the cache.
        self._probability = lru_cache(_SCORES_REMEMBERED)(self._probability_of)
        self._settled_from = self._score_thresholds + self.raised(
            settings.maximum_characters, bank.thresholds
        )
        gate = Gate(encoder, bank.gate_directions, bank.gate_bias)
        self._second_look = SecondLook(encoder, bank, gate)
        self._first_tier = FirstTier(encoder, bank, settings, gate, self._second_look)
        self._nothing_found = np.full(len(bank), -np.inf, np.float32)

    def warm_up(self) -> None:
        """Make what would be made when a text first needs it, which takes ten times as long as judging a question."""
        # With a sign beyond ASCII, for which there are tables too.
        question = AlignedText("Who is it – and where?")
        self.prepare(question.text)
        self.score_window(Window(question, 0, len(question.text), self.nothing_found()), spans=False)
        for head in self.bank.heads[:_PATTERNS_MADE_AHEAD]:
            entity_spans(head.entities, question.text)

    def settled(self, scores: NDArray[np.float32]) -> bool:
        """Whether reading a text on can change nothing: every target is found in it."""
        return bool(np.all(scores >= self._settled_from))

    def needed(self, characters: int) -> NDArray[np.float32]:
        """The score that a target must reach at any threshold, (H,), where this much is read."""
        return self._tails.needed(characters)

    def needed_if_asked(self, characters: int) -> NDArray[np.float32]:
        """The score that flags an answer of this length, (H,), where its prompt was found to ask of the target.

        Of a head whose tail was not measured, it is the score that flags any answer.
        """
        needed = self._asked_tails.needed(characters)
        return np.where(np.isfinite(needed), needed, self._score_thresholds)

    def raised(self, characters: int, thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much further than its threshold, (H,), a target's score must reach, (H,), where this much is read."""
        return np.maximum(self.needed(characters) - thresholds, 0)

    def prepare(self, text: str) -> PreparedText:
        """Read a text every way and keep the windows that the first tier cannot clear."""
        return self.prepare_all([UnreadText(text)])[0]

    def prepare_all(self, texts: Sequence[UnreadText]) -> list[PreparedText]:
        """Prepare texts each as `prepare` does, in one go: for short ones the time is that of the calls, not of the letters."""
        return self._first_tier.prepare_all(texts)

    def nothing_found(self) -> NDArray[np.float32]:
        return self._nothing_found.copy()

    def score_window(self, window: Window, *, spans: bool) -> TextScores:
        """Encode one window and score it and its sentences; spans, if wanted, are in the original's characters."""
        if not window.sentences_first:
            return self._score_whole(window, spans)
        alone = [self._score_whole(sentence, spans) for sentence in window.sentences]
        scores = combine(self.nothing_found(), True, alone)
        missing = self._score_thresholds - scores.scores
        if not np.any((missing > 0) & (missing <= _UNDECIDED_BELOW)):
            return scores
        return combine(self.nothing_found(), True, [scores, self._score_whole(window, spans)])

    def _score_whole(self, window: Window, with_spans: bool) -> TextScores:
        tokens = self._encoder.tokenize(window.text)
        pieces = _pieces(tokens, self._encoder.maximum_tokens)
        found = [self._score_piece(window, piece, with_spans) for piece in pieces]
        return combine(self.nothing_found(), True, found)

    def _score_piece(self, window: Window, tokens: TokenizedText, with_spans: bool) -> TextScores:
        hidden = self._encoder.encode(tokens.ids)
        lost = np.float32(_LOST if window.lossy else 0)
        around = window.around
        asks = window.is_question and not window.lossy and len(self.bank.questions) > 0

        def score(part: TokenizedText, embedding: NDArray[np.float32], whole: bool) -> NDArray[np.float32]:
            text = _text_of(part, window.text)
            found = self.bank.score(embedding, part.ids, text, around) + lost
            np.maximum(without, found, out=without)
            asked = asks and (whole or describes(text))
            return np.maximum(found, self.bank.questions.scores(embedding, text)) if asked else found

        # The largest without what questions are judged by.
        without = self.nothing_found()
        whole = window.end - window.start == len(window.canonical.text)
        scores = score(tokens, self._encoder.pool(hidden), whole).copy()
        evidence: dict[int, list[tuple[int, int]]] = {}
        for sentence in window.sentences:
            start, end = tokens.between(sentence.start - window.start, sentence.end - window.start)
            if start >= end:
                continue
            embedding = self._encoder.pool_segment(hidden, tokens.ids, start, end)
            sentence_scores = score(tokens[start:end], embedding, whole=False)
            np.maximum(scores, sentence_scores, out=scores)
            for index in np.flatnonzero(sentence_scores >= self._score_thresholds):
                evidence.setdefault(int(index), []).append((start, end))
        if self._second_look.is_taken and around is None and not window.lossy:
            without = self._second_look.scores(_text_of(tokens, window.text), hidden, without)
            np.maximum(scores, without, out=scores)
        of_material = without if asks else None
        if not with_spans:
            return TextScores(scores, of_material=of_material)
        spans: dict[int, tuple[WindowSpan, ...]] = {}
        for index in np.flatnonzero(scores >= self._score_thresholds):
            carrying = evidence.get(int(index), [(0, len(tokens))])
            head = self.bank.heads[index]
            by_question = head.questions if without[index] < self._score_thresholds[index] else None
            direction = by_question.direction if by_question else head.direction
            spans[int(index)] = tuple(
                replace(span.shifted(window.start).in_original(window.canonical), disguised=window.disguised)
                for start, end in carrying
                for span in evidence_spans(
                    head,
                    window.text,
                    tokens[start:end],
                    self._encoder.token_shares(hidden, start, end, direction),
                    self._encoder.wordless,
                )
            )
        return TextScores(scores, spans=spans, of_material=of_material)

    def score_text(self, text: str) -> TextScores:
        """Score a text from beginning to end."""
        prepared = self.prepare(text)
        return combine(
            self.nothing_found(),
            prepared.complete,
            [self.score_window(window, spans=self._settings.spans) for window in prepared.windows],
            prepared.unreadable,
        )

    def probability(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """(H,) scores as calibrated probabilities."""
        return np.array([self._probability(*each) for each in enumerate(scores.tolist())])

    def _probability_of(self, index: int, score: float) -> float:
        head = self.bank.heads[index]
        return head.passed_probability if score == -math.inf else float(head.calibration.probability(score))


def share_of_prompts(settings: ClassifierSettings, targets: int) -> float:
    """What each of some targets may flag: one half of its part for what is asked, and one for all else."""
    return settings.false_alarm_share / (2 * max(targets, 1))


def share_of_answers(settings: ClassifierSettings, targets: int) -> float:
    """What each of some targets may flag of answers: one half of its part for their beginning, and one for all else."""
    return settings.answer_false_alarm_share / (2 * max(targets, 1))


def _text_of(tokens: TokenizedText, text: str) -> str:
    return text[tokens.starts[0] : tokens.ends[-1]]


def _pieces(tokens: TokenizedText, maximum: int) -> list[TokenizedText]:
    if len(tokens) <= maximum:
        return [tokens] if len(tokens) else []
    starts = range(0, len(tokens) - _TOKEN_OVERLAP, maximum - _TOKEN_OVERLAP)
    return [tokens[start : start + maximum] for start in starts]

"""The score of a text for every target: readings, windows, first tier, encoder, heads, in this order.

Synchronous and free of state. The service calls it step by step; the training job calls it whole, so what is
calibrated is what runs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.reading import Reading, Readings
from lethe.classifier.encoders.encoder import Encoder, TokenizedText
from lethe.classifier.gate import Gate
from lethe.classifier.head import HeadBank
from lethe.classifier.questions import LONGEST_QUESTION
from lethe.classifier.second_look import SecondLook
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.spans import WindowSpan, evidence_spans
from lethe.classifier.tail import Tails
from lethe.classifier.tally import Tally
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text.points import ranges
from lethe.classifier.text.stretches import Stretches, cut
from lethe.classifier.text.windows import WINDOW_CHARACTERS, WINDOW_OVERLAP, gap_after, gap_before

_TOKEN_OVERLAP = 32
# Suspicious sentences of an unsuspicious window are encoded first where together they are no longer than this share of it.
_ALONE_SHARE = 0.6
# Log-odds below a threshold within which such a sentence leaves it undecided. What stands around it lifts questions about a
# target by up to 1.1; those that it lifts from further below are mostly ordinary.
_UNDECIDED_BELOW = 1.2
# What the tokens and pairs of turned or reversed letters must add to a score where no name is among them.
_SPECULATIVE_NEEDED = 0.8
# What was found in texts up to this length is remembered, for those that they are part of.
_LONGEST_PART, _PARTS_REMEMBERED = 512, 256
_SCORES_REMEMBERED = 4096
# Log-odds that a question loses on the whole with its capitals, marks and some of its letters; what it may lose of the first
# tier's score, and what its tokens and pairs must add all the same.
_LOST, _LOST_TO_GATE, _LOSSY_NEEDED = 2.0, 5.0, 0.0
# A stretch with a name that adds this much to a target's score is encoded, whatever its other tokens are.
_NAMED = 3.0
# What has fewer letters than this, each counting as many bytes as UTF-8 has for it, asks nothing where it stands in a text longer
# than a question, unless it has a name: a heading, half a sentence, a word in quotes. Their embeddings are the oddest.
_LEAST_LETTERS = 10


@dataclass(frozen=True)
class Window:
    """A window of one reading of a text, or a sentence of one, that awaits the encoder.

    Attributes
    ----------
    gate
        (H,) scores of the first tier.
    sentences
        Stretches of it that the first tier could not clear.
    sentences_first
        Whether these are encoded alone, and the rest with them only where they leave a target undecided.
    disguised
        Whether the reading is another than the plain one.
    lossy
        Whether some of what was written was lost in it.
    """

    canonical: AlignedText
    start: int
    end: int
    gate: NDArray[np.float32]
    sentences: tuple["Window", ...] = ()
    sentences_first: bool = False
    disguised: bool = False
    lossy: bool = False

    @property
    def text(self) -> str:
        return self.canonical.text[self.start : self.end]

    @property
    def is_question(self) -> bool:
        """Whether all that is read is no longer than a question; where messages meet, twice as much is read together."""
        return len(self.canonical.text) <= LONGEST_QUESTION

    @property
    def around(self) -> str | None:
        """It with as much as a window on each side; None where all that is read is no longer than a question."""
        text = self.canonical.text
        if self.is_question:
            return None
        return text[max(self.start - WINDOW_CHARACTERS, 0) : self.end + WINDOW_CHARACTERS]

    @property
    def suspicious_text(self) -> str:
        """What the first tier could not clear."""
        return "\n".join(part.text for part in (self.sentences if self.sentences_first else (self,)))


@dataclass(frozen=True)
class UnreadText:
    """A text to read.

    Attributes
    ----------
    parts
        What it was put together from, where only disguises are to be taken off that some part of it is in; none where all are
        looked for.
    """

    text: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedText:
    """A text after the first tier: the windows to encode, whether every reading was found, and what stays no language."""

    windows: tuple[Window, ...]
    complete: bool
    unreadable: tuple[tuple[int, int], ...] = ()


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
    unreadable
        Half-open stretches that are no language however they are read.
    of_material
        (H,) float32, the scores without what judges questions, where that made a difference.
    """

    scores: NDArray[np.float32]
    complete: bool = True
    spans: dict[int, tuple[WindowSpan, ...]] = field(default_factory=dict)
    unreadable: tuple[tuple[int, int], ...] = ()
    of_material: NDArray[np.float32] | None = None

    @cached_property
    def is_heard(self) -> bool:
        """Whether there is any score: most of what is read is cleared by the first tier."""
        return bool(self.scores.max(initial=-np.inf) > -np.inf)

    @property
    def as_material(self) -> "TextScores":
        """What is known of it where it is not what is asked."""
        if self.of_material is None:
            return self
        return replace(self, scores=self.of_material, of_material=None)


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
        tally: Tally | None = None,
        share: float | None = None,
    ) -> None:
        self._encoder = encoder
        self._tally = tally or Tally()
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
        names = [name for head in bank.heads for name in head.entities]
        self._lexicon = encoder.lexicon.with_names(names, bank.plainest_names)
        self._find_part = lru_cache(_PARTS_REMEMBERED)(self._find_all)
        self._gate = Gate(encoder, bank.gate_directions, bank.gate_bias)
        self._second_look = SecondLook(encoder, bank, self._gate)
        nothing = self._nothing_found = np.full(len(bank), -np.inf, np.float32)
        self._pass_below = bank.pass_below if settings.first_tier else nothing
        self._lexical_below = bank.lexical_below if settings.first_tier else nothing

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
        if not len(self.bank):
            return [PreparedText((), True) for _ in texts]
        readings = [self._readings(each) for each in texts]
        pieces = [
            piece
            for number, found in enumerate(readings)
            for reading in found.found
            for piece in _fresh_pieces(number, reading)
        ]
        if not pieces:
            return [PreparedText((), found.complete, found.unreadable) for found in readings]
        stretches = cut([piece.text for piece in pieces])
        tokens = self._encoder.tokenize(stretches.text)
        gated = self._gate.scores(tokens, stretches.bounds)
        window_of = stretches.window
        owner = stretches.owner[window_of]
        speculative, lossy, material, plain = np.array([_kinds(piece.reading) for piece in pieces], bool).T[
            :, owner
        ]
        suspicious = self._suspicious(stretches, tokens, gated, speculative, lossy, material)
        suspicious |= self._held_questions(stretches, tokens, ~(speculative | lossy | material))
        # A plain reading is new all over, if it has any text.
        if not plain.all() or not all(piece.text for piece in pieces):
            suspicious &= _touch_fresh(stretches, pieces)
        if self._second_look.is_taken:
            self._keep_for_second_look(stretches, tokens, plain & ~material, suspicious)
        # Most windows of a reading that changes a few words are those of the plain one, and are read once. So are those in
        # which it changes what the first tier has cleared.
        kept: list[list[Window]] = [[] for _ in texts]
        met: list[set[str]] = [set() for _ in texts]
        held_back = np.unique(window_of[suspicious]).tolist()
        for number in held_back:
            rows = slice(stretches.first[number], stretches.first[number + 1])
            piece = pieces[stretches.owner[number]]
            bounds = stretches.bounds[rows] - stretches.places[stretches.owner[number]] + piece.start
            found = _window(piece.reading, bounds.tolist(), gated[rows], suspicious[rows])
            if piece.reading.plain or found.suspicious_text not in met[piece.owner]:
                kept[piece.owner].append(found)
                met[piece.owner].add(found.suspicious_text)
        self._tally.count(cleared=len(stretches.owner) - len(held_back))
        return [
            PreparedText(tuple(windows), found.complete, found.unreadable)
            for windows, found in zip(kept, readings, strict=True)
        ]

    def _readings(self, unread: UnreadText) -> Readings:
        if not unread.text.strip():
            return Readings((), True)
        if not unread.parts:
            return self._find_readings(unread.text)
        kinds = frozenset[str]().union(
            *(self._find_part(part).kinds for part in unread.parts if part.strip())
        )
        most = self._settings.maximum_readings
        return find_readings(unread.text, self._lexicon, maximum_readings=most, kinds=kinds)

    def _find_readings(self, text: str) -> Readings:
        find = self._find_part if len(text) <= _LONGEST_PART else self._find_all
        return find(text)

    def _find_all(self, text: str) -> Readings:
        most, odd = self._settings.maximum_readings, self._settings.odd_stretches
        return find_readings(text, self._lexicon, maximum_readings=most, odd_stretches=odd)

    def _suspicious(
        self,
        stretches: Stretches,
        tokens: TokenizedText,
        gated: NDArray[np.float32],
        speculative: NDArray[np.bool_],
        lossy: NDArray[np.bool_],
        material: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Which stretches the first tier cannot clear, (N,): by the sum of their tokens' vectors, by tokens and pairs, by names.

        Parameters
        ----------
        speculative, lossy
            (N,) each, which are of readings that are mostly nonsense, and which of those in which something was lost.
        material
            (N,), which are of readings that are longer than a question.
        """
        held = gated >= self._pass_below
        (some,) = lossy.nonzero()
        held[some] = gated[some] >= self._pass_below - _LOST_TO_GATE
        rows = np.asarray(held.any(axis=1)).nonzero()[0]
        suspicious = _hold(self.bank.names.places(stretches.text, _NAMED), stretches.bounds)
        if not len(rows):
            return suspicious
        first, last = tokens.ranges(stretches.bounds[rows])
        lexical = self.bank.lexical(tokens.ids[ranges(first, last - first)], last - first)
        # Nonsense is unlike any training text, so its score means little: it must speak for the target before the encoder is
        # asked.
        needed = np.where(
            lossy[rows, None], np.minimum(self._lexical_below, _LOSSY_NEEDED), self._lexical_below
        )
        needed[speculative[rows]] = _SPECULATIVE_NEEDED
        asking = rows[np.any(held[rows] & (lexical >= needed), axis=1)]
        short = [
            material[row] and _letters(stretches.text[slice(*stretches.bounds[row])]) < _LEAST_LETTERS
            for row in asking
        ]
        suspicious[asking[~np.array(short, bool)]] = True
        return suspicious

    def _held_questions(
        self, stretches: Stretches, tokens: TokenizedText, questions: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which stretches of questions the first tier holds back for the sake of what their embeddings may say, (N,)."""
        held = np.zeros(len(questions), bool)
        (rows,) = questions.nonzero()
        if not len(rows) or not len(self.bank.questions):
            return held
        if not self._settings.first_tier:
            return questions
        first, last = tokens.ranges(stretches.bounds[rows])
        counts = np.maximum(last - first, 1)
        vectors = self._encoder.token_vectors(tokens.ids[ranges(first, last - first)])
        so_far = np.zeros((len(vectors) + 1, vectors.shape[1]), np.float32)
        np.cumsum(vectors, axis=0, out=so_far[1:])
        ends = (last - first).cumsum()
        sums = (so_far[ends] - so_far[ends - (last - first)]) / np.sqrt(counts)[:, None]
        held[rows] = self.bank.questions.held(sums.astype(np.float32))
        return held

    def _keep_for_second_look(
        self,
        stretches: Stretches,
        tokens: TokenizedText,
        asking: NDArray[np.bool_],
        suspicious: NDArray[np.bool_],
    ) -> None:
        """Count among what is suspicious, (N,), the windows that are cleared and in which a second look may find something.

        Parameters
        ----------
        asking
            (N,), which stretches are of readings that are no longer than a question and written as they are read.
        """
        cleared = ~np.logical_or.reduceat(suspicious, stretches.first[:-1])
        rows = stretches.first[:-1][cleared & asking[stretches.first[:-1]]]
        first, last = tokens.ranges(stretches.bounds[rows])
        for row, start, end in zip(rows.tolist(), first.tolist(), last.tolist(), strict=True):
            suspicious[row] = self._second_look.may_find(tokens.ids[start:end])

    def nothing_found(self) -> NDArray[np.float32]:
        return self._nothing_found.copy()

    def score_window(self, window: Window, *, spans: bool) -> TextScores:
        """Encode one window and score it and its sentences; spans, if wanted, are in the original's characters."""
        self._tally.count(encoded=1)
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

        def score(part: TokenizedText, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
            found = self.bank.score(embedding, part.ids, _text_of(part, window.text), around) + lost
            np.maximum(without, found, out=without)
            return np.maximum(found, self.bank.questions.scores(embedding)) if asks else found

        # The largest without what questions are judged by.
        without = self.nothing_found()
        scores = score(tokens, self._encoder.pool(hidden)).copy()
        evidence: dict[int, list[tuple[int, int]]] = {}
        for sentence in window.sentences:
            start, end = tokens.between(sentence.start - window.start, sentence.end - window.start)
            if start >= end:
                continue
            embedding = self._encoder.pool_segment(hidden, tokens.ids, start, end)
            sentence_scores = score(tokens[start:end], embedding)
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


@dataclass(frozen=True)
class _Piece:
    """A stretch of a reading that stands in no other, with what stands around it, and the number of its text.

    Attributes
    ----------
    start
        Where it begins in the reading, what stands around it included.
    fresh
        The half-open range of its own text that stands in no other reading.
    """

    owner: int
    reading: Reading
    start: int
    text: str
    fresh: tuple[int, int]


def _text_of(tokens: TokenizedText, text: str) -> str:
    return text[tokens.starts[0] : tokens.ends[-1]]


def _kinds(reading: Reading) -> tuple[bool, bool, bool, bool]:
    """Whether a reading is speculative, lossy, longer than a question, and plain."""
    return (
        reading.speculative,
        reading.lossy,
        len(reading.canonical.text) > LONGEST_QUESTION,
        reading.plain,
    )


def _letters(text: str) -> int:
    """How many bytes its letters have: a word is fewer signs in some scripts than in others."""
    return len("".join(filter(str.isalpha, text)).encode(errors="replace"))


def _hold(places: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which half-open stretches hold one of some places, which ascend."""
    return places.searchsorted(bounds[:, 0]) < places.searchsorted(bounds[:, 1])


def _fresh_pieces(owner: int, reading: Reading) -> Iterator[_Piece]:
    text = reading.canonical.text
    for start, end in reading.fresh:
        # A part of a word is like no text that a head was fitted on.
        first = gap_after(text, start - WINDOW_OVERLAP, start) if start > WINDOW_OVERLAP else 0
        last = end + WINDOW_OVERLAP
        last = gap_before(text, last, end) if last < len(text) else len(text)
        yield _Piece(owner, reading, first, text[first:last], (start - first, end - first))


def _touch_fresh(stretches: Stretches, pieces: Sequence[_Piece]) -> NDArray[np.bool_]:
    """Which stretches are not all of what stands around a piece, (N,): that is judged in another reading, and whole."""
    fresh = stretches.places[:-1, None] + np.array([piece.fresh for piece in pieces], np.int64)
    ends, starts = fresh[stretches.owner[stretches.window]].T[::-1]
    return (stretches.bounds[:, 0] < ends) & (stretches.bounds[:, 1] > starts)


def _window(
    reading: Reading,
    bounds: Sequence[tuple[int, int]],
    gated: NDArray[np.float32],
    suspicious: NDArray[np.bool_],
) -> Window:
    """A window, whose range is the first, with its suspicious sentences."""
    kept = tuple(
        Window(reading.canonical, start, end, gate, disguised=not reading.plain, lossy=reading.lossy)
        for (start, end), gate, found in zip(bounds[1:], gated[1:], suspicious[1:], strict=True)
        if found
    )
    start, end = bounds[0]
    length = sum(sentence.end - sentence.start for sentence in kept)
    sentences_first = not suspicious[0] and length <= _ALONE_SHARE * (end - start)
    return Window(
        reading.canonical, start, end, gated[0], kept, bool(sentences_first), not reading.plain, reading.lossy
    )


def combine(
    floor: NDArray[np.float32],
    complete: bool,
    windows: list[TextScores],
    unreadable: tuple[tuple[int, int], ...] = (),
) -> TextScores:
    """The scores of a text from those of its windows."""
    scores = floor.copy()
    spans: dict[int, tuple[WindowSpan, ...]] = {}
    for window in windows:
        np.maximum(scores, window.scores, out=scores)
        for index, found in window.spans.items():
            spans[index] = spans.get(index, ()) + found
    of_material = None
    if any(window.of_material is not None for window in windows):
        of_material = floor.copy()
        for window in windows:
            np.maximum(of_material, window.as_material.scores, out=of_material)
    return TextScores(scores, complete, spans, unreadable, of_material)


def _pieces(tokens: TokenizedText, maximum: int) -> list[TokenizedText]:
    if len(tokens) <= maximum:
        return [tokens] if len(tokens) else []
    starts = range(0, len(tokens) - _TOKEN_OVERLAP, maximum - _TOKEN_OVERLAP)
    return [tokens[start : start + maximum] for start in starts]

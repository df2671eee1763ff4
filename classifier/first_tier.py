"""The first tier: a text is read every way, cut into windows, and what its tokens alone cannot clear awaits the encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.reading import Reading, Readings
from lethe.classifier.encoders.encoder import Encoder, TokenizedText
from lethe.classifier.gate import Gate
from lethe.classifier.head import HeadBank
from lethe.classifier.questions import LONGEST_QUESTION, describes, is_question
from lethe.classifier.second_look import SecondLook
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text.letters import letter_bytes
from lethe.classifier.text.points import ranges
from lethe.classifier.text.stretches import Stretches, cut
from lethe.classifier.text.windows import WINDOW_CHARACTERS, WINDOW_OVERLAP, gap_after, gap_before

# Suspicious sentences of an unsuspicious window are encoded first where together they are no longer than this share of it.
_ALONE_SHARE = 0.6
# What the tokens and pairs of turned or reversed letters must add to a score where no name is among them.
_SPECULATIVE_NEEDED = 0.8
# What was found in texts up to this length is remembered, for those that they are part of.
_LONGEST_PART, _PARTS_REMEMBERED = 512, 256
# What a question with its capitals, marks and some of its letters loses of the first tier's score, and what its tokens and pairs
# must add all the same.
_LOST_TO_GATE, _LOSSY_NEEDED = 5.0, 0.0
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
        """Whether all that is read is a question; where messages meet, twice as much is read together."""
        return is_question(self.canonical, disguised=self.disguised)

    @property
    def around(self) -> str | None:
        """It with as much as a window on each side; None where all that this reading has is no longer than a question."""
        text = self.canonical.text
        if len(text) <= LONGEST_QUESTION:
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
    """A text after the first tier: the windows to encode, whether every reading was found, and what stays no language.

    Attributes
    ----------
    cleared
        How many windows are not to be encoded.
    """

    windows: tuple[Window, ...]
    complete: bool
    unreadable: tuple[tuple[int, int], ...] = ()
    cleared: int = 0


class FirstTier:
    """Clears what speaks for no target by its tokens alone. Safe to share between threads.

    Parameters
    ----------
    second_look
        It may find something in what is cleared here, which is then not.
    """

    def __init__(
        self,
        encoder: Encoder,
        bank: HeadBank,
        settings: ClassifierSettings,
        gate: Gate,
        second_look: SecondLook,
    ) -> None:
        self._encoder = encoder
        self._bank = bank
        self._settings = settings
        self._gate = gate
        self._second_look = second_look
        names = [name for head in bank.heads for name in head.entities]
        self._lexicon = encoder.lexicon.with_names(names, bank.plainest_names)
        self._find_part = lru_cache(_PARTS_REMEMBERED)(self._find_all)
        nothing = np.full(len(bank), -np.inf, np.float32)
        self._pass_below = bank.pass_below if settings.first_tier else nothing
        self._lexical_below = bank.lexical_below if settings.first_tier else nothing

    def prepare_all(self, texts: Sequence[UnreadText]) -> list[PreparedText]:
        """Read texts every way, and keep of each the windows that cannot be cleared."""
        if not len(self._bank):
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
        kinds = np.array([_kinds(piece.reading) for piece in pieces], bool).T[:, owner]
        speculative, lossy, material, asks, plain = kinds
        suspicious = self._suspicious(stretches, tokens, gated, speculative, lossy, material)
        suspicious |= self._held_questions(stretches, tokens, asks & ~(speculative | lossy))
        # A plain reading is new all over, if it has any text.
        if not plain.all() or not all(piece.text for piece in pieces):
            suspicious &= _touch_fresh(stretches, pieces)
        if self._second_look.is_taken:
            self._keep_for_second_look(stretches, tokens, plain & ~material, suspicious)
        # Most windows of a reading that changes a few words are those of the plain one, and are read once. So are those in
        # which it changes what the first tier has cleared.
        kept: list[list[Window]] = [[] for _ in texts]
        met: list[set[str]] = [set() for _ in texts]
        held_back = sorted(set(window_of[suspicious].tolist()))
        for number in held_back:
            rows = slice(stretches.first[number], stretches.first[number + 1])
            piece = pieces[stretches.owner[number]]
            bounds = stretches.bounds[rows] - stretches.places[stretches.owner[number]] + piece.start
            found = _window(piece.reading, bounds.tolist(), gated[rows], suspicious[rows])
            if piece.reading.plain or found.suspicious_text not in met[piece.owner]:
                kept[piece.owner].append(found)
                met[piece.owner].add(found.suspicious_text)
        text_of = np.array([piece.owner for piece in pieces])
        cleared = np.bincount(text_of[np.delete(stretches.owner, held_back)], minlength=len(texts)).tolist()
        return [
            PreparedText(tuple(windows), found.complete, found.unreadable, count)
            for windows, found, count in zip(kept, readings, cleared, strict=True)
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
        suspicious = _hold(self._bank.names.places(stretches.text, _NAMED), stretches.bounds)
        if not len(rows):
            return suspicious
        first, last = tokens.ranges(stretches.bounds[rows])
        lexical = self._bank.lexical(tokens.ids[ranges(first, last - first)], last - first)
        # Nonsense is unlike any training text, so its score means little: it must speak for the target before the encoder is
        # asked.
        needed = np.where(
            lossy[rows, None], np.minimum(self._lexical_below, _LOSSY_NEEDED), self._lexical_below
        )
        needed[speculative[rows]] = _SPECULATIVE_NEEDED
        asking = rows[np.any(held[rows] & (lexical >= needed), axis=1)]
        short = [
            material[row] and letter_bytes(stretches.text[slice(*stretches.bounds[row])]) < _LEAST_LETTERS
            for row in asking
        ]
        suspicious[asking[~np.array(short, bool)]] = True
        return suspicious

    def _held_questions(
        self, stretches: Stretches, tokens: TokenizedText, questions: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which stretches of questions the first tier holds back for the sake of what their embeddings may say, (N,)."""
        held = np.zeros(len(questions), bool)
        if not len(self._bank.questions):
            return held
        # A question fits one window.
        whole = held.copy()
        whole[stretches.first[:-1]] = True
        asking = [
            row
            for row in questions.nonzero()[0].tolist()
            if whole[row] or describes(stretches.text[slice(*stretches.bounds[row])])
        ]
        if not self._settings.first_tier:
            held[asking] = True
        if not asking or not self._settings.first_tier:
            return held
        rows = np.array(asking)
        first, last = tokens.ranges(stretches.bounds[rows])
        vectors = self._encoder.token_vectors(tokens.ids[ranges(first, last - first)])
        held[rows] = self._bank.questions.held(vectors, last - first)
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


def _kinds(reading: Reading) -> tuple[bool, bool, bool, bool, bool]:
    """Whether a reading is speculative, lossy, longer than a question, a question and nothing else, and plain."""
    return (
        reading.speculative,
        reading.lossy,
        len(reading.canonical.text) > LONGEST_QUESTION,
        is_question(reading.canonical, disguised=not reading.plain),
        reading.plain,
    )


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

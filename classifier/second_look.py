"""A second look at a short question that is not flagged: what it says without words that stand in it.

Words that are put beside a question's own dilute its embedding and its bag of tokens, and part its names. So where a question is
near a target, runs of its words and those that lower its score are left out, the best of all such wordings is read anew, and so
for a few rounds; what is left must score higher than what was written. It is the greedy search of an attacker, turned round: who
adds words is met by one who takes words away. Only what words that stay can say decides whether there is a second look, so no
word that is added prevents it.

Knows heads and encoder; knows nothing about readings, windows or requests.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import Encoder, TokenizedText
from lethe.classifier.gate import Gate
from lethe.classifier.head import HeadBank

_WORD = re.compile(r"\S+")
_ROUNDS = 3
# Of the words, how many may be left out, and how many in a row; at least so many stay.
_SHARE, _MOST, _RUN, LEAST_WORDS = 0.4, 8, 6, 3
# Log-odds below a threshold from which there is no second look: words that leave a question answerable lower it by less.
_FAR = 7.0
# What a round must add, and how far below what is needed it may end, for there to be another one.
_GAIN, _HOPELESS = 0.05, 6.0
# How far below what is needed the words that lower a score may leave it together, each as it does alone, for it to be looked for.
_UNPROMISING = 3.0
# Of many targets, those to which a text comes nearest.
_TARGETS = 4
# Runs of words whose embedding is asked for in a round.
_LIKELIEST = 12


@dataclass(frozen=True, eq=False)
class Remainder:
    """A text with its tokens and their rows, and what a head's second look scores it."""

    text: str
    tokens: TokenizedText
    hidden: NDArray[np.float32]
    score: float


class SecondLook:
    """The second looks of a bank of heads; those of its heads that have no limits for one take none."""

    def __init__(self, encoder: Encoder, bank: HeadBank, gate: Gate) -> None:
        self._encoder = encoder
        self._bank = bank
        self._gate = gate
        limits = [head.second_look for head in bank.heads]
        nobody = np.inf
        self._needed = np.array([each.score if each else nobody for each in limits], np.float32)
        self._gate_needed = np.array([each.gate if each else nobody for each in limits], np.float32)
        self._lexical_needed = np.array([each.lexical if each else nobody for each in limits], np.float32)
        self._directions = [
            head.direction if each is None or each.direction is None else each.direction
            for head, each in zip(bank.heads, limits, strict=True)
        ]
        self.is_taken = bool(np.isfinite(self._needed).any())

    def may_find(self, ids: NDArray[np.int64]) -> bool:
        """Whether some of a text's tokens, by themselves, come near a target: what others stand beside them changes nothing."""
        return bool(np.any(self._near(ids)))

    def scores(
        self, text: str, hidden: NDArray[np.float32], found: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The scores of a text, (H,), raised by what a second look finds.

        Parameters
        ----------
        hidden
            The rows of its tokens.
        found
            Its scores so far, (H,).
        """
        raised = found.copy()
        for head, left in self.lefts(text, hidden, found).items():
            lacking = float(self._needed[head]) - left.score
            raised[head] = max(raised[head], self._bank.thresholds[head] - lacking)
        return raised

    def lefts(
        self, text: str, hidden: NDArray[np.float32], found: NDArray[np.float32]
    ) -> dict[int, Remainder]:
        """What is left of a text that is near a head's threshold and scores higher than the text, by head; see `scores`."""
        missing = self._bank.thresholds - found
        tokens = self._encoder.tokenize(text)
        (heads,) = ((missing > 0) & (missing <= _FAR) & self._near(tokens.ids)).nonzero()
        if not len(heads):
            return {}
        embedding = self._encoder.pool(hidden)
        lefts: dict[int, Remainder] = {}
        for head in heads[np.argsort(missing[heads], kind="stable")][:_TARGETS].tolist():
            score = float(found[head]) + self._beside(embedding, head)
            left = self._best(Remainder(text, tokens, hidden, score), head)
            if left is not None:
                lefts[head] = left
        return lefts

    def reached(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What a text's tokens come to in each head's first tier, and in its bag, where all that lower it are left out, (2, H).

        Pairs are parted by words that are added, so of the bag tokens alone count.
        """
        count = np.arange(1, len(ids) + 1)
        gate = _most(self._gate.shares(ids), count) + self._bank.gate_bias
        return np.stack([gate, _most(self._bank.token_weights(ids), 2 * count - 1)])

    def _near(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        gate, lexical = self.reached(ids)
        return (gate >= self._gate_needed) & (lexical >= self._lexical_needed)

    def _best(self, wording: Remainder, head: int) -> Remainder | None:
        """What is left of a text that a head scores highest; None where nothing that may be left out raises its score."""
        words = len(_WORD.findall(wording.text))
        room = min(_MOST, int(_SHARE * words))
        best = None
        for _ in range(_ROUNDS):
            left = self._with_words_left_out(wording, head, room)
            if left is None or left.score <= wording.score + _GAIN:
                break
            words, before = len(_WORD.findall(left.text)), words
            room -= before - words
            best = wording = left
            if left.score >= self._needed[head] or left.score < self._needed[head] - _HOPELESS:
                break
        return best

    def _with_words_left_out(self, wording: Remainder, head: int, room: int) -> Remainder | None:
        """What is left of a text where some words are left out, so that a head's score is as high as it gets."""
        spans = [match.span() for match in _WORD.finditer(wording.text)]
        room = min(room, len(spans) - LEAST_WORDS)
        if room < 1 or len(wording.tokens) == 0:
            return None
        runs = np.array(list(_runs(len(spans), min(room, _RUN))))
        # Single words come first among the runs.
        whole_and_singles = np.concatenate([np.ones((1, len(spans)), bool), runs[: len(spans)]])
        lexical = self._lexical(wording, spans, whole_and_singles, head)
        embedded = self._embedded(wording, spans, whole_and_singles, head)
        raised = (lexical + embedded)[1:] - (lexical + embedded)[0]
        lowering = np.argsort(-raised, kind="stable")
        promised = wording.score + float(raised[lowering[:room]].clip(min=0).sum())
        if promised < self._needed[head] - _UNPROMISING:
            return None
        lexical = np.concatenate([lexical[1:], self._lexical(wording, spans, runs[len(spans) :], head)])
        # As if each word of a run did to the embedding what it does alone: that tells which runs are worth a look.
        likely = lexical + (~runs).astype(np.float32) @ (embedded[1:] - embedded[0])
        together = np.ones((max(room - 1, 0), len(spans)), bool)
        for row, kept in enumerate(together):
            kept[lowering[: row + 2]] = False
        best = np.argsort(-likely, kind="stable")[:_LIKELIEST]
        kept = np.concatenate([runs[best], together])
        added = np.concatenate([lexical[best], self._lexical(wording, spans, together, head)])
        scores = added + self._embedded(wording, spans, kept, head)
        return self._read(_joined(wording.text, spans, kept[int(scores.argmax())]), head)

    def _lexical(
        self, wording: Remainder, spans: Sequence[tuple[int, int]], kept: NDArray[np.bool_], head: int
    ) -> NDArray[np.float32]:
        """What tokens, pairs and names add for a head, (N,), of a text's words that are kept, (N, words)."""
        if not len(kept):
            return np.empty(0, np.float32)
        of_tokens = _of_tokens(wording.tokens, spans, kept)
        ids = np.broadcast_to(wording.tokens.ids, of_tokens.shape)[of_tokens]
        lexical = self._bank.lexical(ids, of_tokens.sum(axis=1))[:, head]
        named = [self._bank.names.scores(_joined(wording.text, spans, each))[head] for each in kept]
        return lexical + np.array(named, np.float32)

    def _embedded(
        self, wording: Remainder, spans: Sequence[tuple[int, int]], kept: NDArray[np.bool_], head: int
    ) -> NDArray[np.float32]:
        """About what the embedding adds for a head, (N,), of the words that are kept: as if they had the neighbours they had."""
        embeddings = self._encoder.pool_kept(wording.hidden, _of_tokens(wording.tokens, spans, kept))
        return embeddings @ self._directions[head]

    def _read(self, text: str, head: int) -> Remainder:
        tokens = self._encoder.tokenize(text)
        hidden = self._encoder.encode(tokens.ids)
        embedding = self._encoder.pool(hidden)
        score = float(self._bank.score(embedding, tokens.ids, text)[head])
        return Remainder(text, tokens, hidden, score + self._beside(embedding, head))

    def _beside(self, embedding: NDArray[np.float32], head: int) -> float:
        """What the second look's own direction adds to the head's score of an embedding."""
        return float((self._directions[head] - self._bank.heads[head].direction) @ embedding)


def _most(shares: NDArray[np.float32], features: NDArray[np.int64]) -> NDArray[np.float32]:
    """The most that some of T tokens' shares, (T, H), add up to, (H,), over the root of how many features so many have, (T,)."""
    if not len(shares):
        return np.full(shares.shape[1], -np.inf, np.float32)
    summed = np.cumsum(-np.sort(-shares, axis=0), axis=0)
    return (summed / np.sqrt(features)[:, None]).max(axis=0).astype(np.float32)


def _runs(words: int, longest: int) -> Iterator[NDArray[np.bool_]]:
    """Which of some words stay where a run of them is left out, the shortest runs first."""
    for length in range(1, longest + 1):
        for start in range(words - length + 1):
            kept = np.ones(words, bool)
            kept[start : start + length] = False
            yield kept


def _of_tokens(
    tokens: TokenizedText, spans: Sequence[tuple[int, int]], kept: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which tokens are kept, (N, T), where words are, (N, words)."""
    starts = np.array([start for start, _ in spans])
    return kept[:, np.clip(starts.searchsorted(tokens.ends - 1, side="right") - 1, 0, len(spans) - 1)]


def _joined(text: str, spans: Sequence[tuple[int, int]], kept: NDArray[np.bool_]) -> str:
    return " ".join(
        text[start:end] for (start, end), stays in zip(spans, kept.tolist(), strict=True) if stays
    )

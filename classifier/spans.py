"""Which stretches of a text carry a verdict.

The head is linear: the encoder tells what each token adds to its score, and tokens and their pairs have weights. No text
is classified again. Entities are found by name.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.head import Head
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.token_bag import bag_features
from lethe.classifier.verdict import SpanKind

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
# A word belongs to the evidence from this fraction of the weightiest word's share on.
_SHARE_OF_LARGEST = 0.25
_JOINED_GAP_WORDS = 1


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """A half-open stretch of a text and its share of a head's score.

    Attributes
    ----------
    disguised
        Whether it was found in a reading other than the plain one.
    """

    start: int
    end: int
    weight: float
    kind: SpanKind = "evidence"
    disguised: bool = False

    def shifted(self, by: int) -> "WindowSpan":
        return replace(self, start=self.start + by, end=self.end + by)

    def in_original(self, canonical: AlignedText) -> "WindowSpan":
        start, end = canonical.original_span(self.start, self.end)
        return replace(self, start=start, end=end)


def evidence_spans(
    head: Head,
    text: str,
    tokens: TokenizedText,
    embedding_shares: NDArray[np.float32],
    wordless: NDArray[np.bool_],
) -> tuple[WindowSpan, ...]:
    """The words that raise a head's score the most, neighbours joined.

    Parameters
    ----------
    text
        The window's text; offsets of `tokens` and of the result refer to it.
    embedding_shares
        (T,): what each token adds to the part of the score that the embedding gives.
    wordless
        As of `lethe.classifier.token_bag.bag_features`.
    """
    words = [match.span() for match in _WORD.finditer(text, int(tokens.starts[0]), int(tokens.ends[-1]))]
    if not words:
        return (WindowSpan(int(tokens.starts[0]), int(tokens.ends[-1]), 0.0),)
    token_shares = embedding_shares + _bag_shares(head, tokens, wordless) + _name_shares(head, text, tokens)
    shares = np.zeros(len(words))
    starts = np.array([start for start, _ in words])
    place = np.clip(np.searchsorted(starts, tokens.starts, side="right") - 1, 0, len(words) - 1)
    np.add.at(shares, place, token_shares)
    largest = shares.max()
    if largest <= 0:
        return (WindowSpan(words[0][0], words[-1][1], float(shares.sum())),)
    return tuple(_joined(words, shares, np.flatnonzero(shares >= _SHARE_OF_LARGEST * largest)))


def _bag_shares(head: Head, tokens: TokenizedText, wordless: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What each token adds to the other part, (T,): its own weight, and half of each pair's that it is in."""
    features = bag_features(tokens.ids, wordless)
    weights = head.bag.of(features) / np.sqrt(len(features))
    shares, pairs = weights[: len(tokens)].copy(), weights[len(tokens) :] / 2
    shares[:-1] += pairs
    shares[1:] += pairs
    return shares


def _name_shares(head: Head, text: str, tokens: TokenizedText) -> NDArray[np.float32]:
    """What the names that each token stands in add, (T,), spread evenly over their tokens."""
    shares = np.zeros(len(tokens), np.float32)
    start = int(tokens.starts[0])
    names = head.names.names
    for match in names.index.find(text[start : int(tokens.ends[-1])]):
        first, last = tokens.between(start + match.start, start + match.end)
        shares[first:last] += head.names.weights[names.groups[match.form], 0] / max(last - first, 1)
    return shares


def _joined(
    words: Sequence[tuple[int, int]], shares: NDArray[np.float64], chosen: NDArray[np.intp]
) -> Iterator[WindowSpan]:
    for group in np.split(chosen, np.flatnonzero(np.diff(chosen) > _JOINED_GAP_WORDS + 1) + 1):
        first, last = int(group[0]), int(group[-1])
        yield WindowSpan(words[first][0], words[last][1], float(shares[first : last + 1].sum()))


def entity_spans(names: tuple[str, ...], text: str) -> tuple[WindowSpan, ...]:
    """Where names stand in a text, lookalike spellings included."""
    if not names:
        return ()
    canonical = canonicalise(text)
    pattern = _entity_pattern(names)
    return tuple(
        WindowSpan(match.start(), match.end(), 0.0, "entity").in_original(canonical)
        for match in pattern.finditer(canonical.text)
    )


@functools.lru_cache(maxsize=256)
def _entity_pattern(entities: tuple[str, ...]) -> re.Pattern[str]:
    # Longest first, so that a full name wins over a part of it.
    names = sorted({canonicalise(name).text for name in entities}, key=len, reverse=True)
    # By first letter: where no case counts, each of some alternatives is tried at every word.
    rests: dict[str, list[str]] = {}
    for name in names:
        rests.setdefault(name[:1].upper(), []).append(name)
    alternatives = (
        f"{re.escape(begun[0][:1])}(?:{'|'.join(re.escape(name[1:]) for name in begun)})"
        for begun in rests.values()
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE)

"""Tokens of a text by its words: pieces never cross a space, so a word has the same ones wherever it stands.

Each word is tokenized once, however often it stands in a text, and mostly once for many texts: short ones have few words that
none before them had. Offsets mostly follow from the lengths of pieces.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, pairwise

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.points import ranges, word_bounds

WORD_MARK = "▁"
# So many words are tokenized together: the scores of longer stretches are added up too coarsely in single precision.
_WORDS_AT_ONCE = 256
# Words whose tokens are kept, some 20 MB of them; longer ones seldom come again.
_WORDS_KEPT = 1 << 16
_LONGEST_KEPT = 32


class WordPieces:
    """A tokenizer whose pieces begin with a mark where a word begins. Safe to share between threads.

    Parameters
    ----------
    processor
        A unigram model that cuts at spaces and puts a mark before the first word too.
    """

    def __init__(self, processor: SentencePieceProcessor) -> None:
        self._processor = processor
        self._unknown = processor.unk_id()
        # The tokens of words, (3, tokens) each: ids, starts and ends. Replaced when it is full, so whoever reads it goes on.
        self._kept: dict[str, NDArray[np.int32]] = {}
        pieces = list(map(processor.id_to_piece, range(processor.get_piece_size())))
        self._begins = np.array([piece.startswith(WORD_MARK) for piece in pieces])
        # Characters of decomposed text that a piece stands for.
        self._lengths = np.array(
            [len(_decomposed(piece.removeprefix(WORD_MARK))) for piece in pieces], np.int32
        )
        self._lengths[self._unknown] = 0

    def tokenize(self, text: str) -> TokenizedText:
        """The tokens of a text; a space belongs to none."""
        words = text.split()
        numbers = dict(zip(dict.fromkeys(words), range(len(words)), strict=False))
        known = self._tokens_of(list(numbers))
        known_counts = np.fromiter((tokens.shape[1] for tokens in known), np.int64, len(known))
        number = np.fromiter(map(numbers.__getitem__, words), np.int64, len(words))
        counts = known_counts[number]
        places = ranges((known_counts.cumsum() - known_counts)[number], counts)
        shifts = word_bounds(text)[0].astype(np.int32).repeat(counts)
        ids, starts, ends = np.concatenate([np.empty((3, 0), np.int32), *known], axis=1)[:, places]
        return TokenizedText(ids.astype(np.int64), starts + shifts, ends + shifts)

    def _tokens_of(self, words: Sequence[str]) -> list[NDArray[np.int32]]:
        """The tokens of different words, (3, tokens) each."""
        kept = self._kept
        new = [word for word in words if word not in kept]
        fresh = self._of_words(new).by_word() if new else {}
        found = [fresh[word] if word in fresh else kept[word] for word in words]
        if len(kept) + len(fresh) > _WORDS_KEPT:
            self._kept = kept = {}
        kept |= {
            word: tokens.copy()
            for word, tokens in islice(fresh.items(), _WORDS_KEPT)
            if len(word) <= _LONGEST_KEPT
        }
        return found

    def _of_words(self, words: Sequence[str]) -> "_WordTokens":
        """The tokens of different words, in an order of their own."""
        plain = [
            word
            for chunk in _chunks(words)
            for word in (chunk if self._stay(chunk) else [word for word in chunk if self._stay([word])])
        ]
        measured = self._measured(plain)
        left = dict.fromkeys(words).keys() - set(measured.words)
        return measured.followed_by(self._traced(list(left))) if left else measured

    def _stay(self, words: Sequence[str]) -> bool:
        """Whether words are tokenized as they stand, but that letters are put together from their parts."""
        joined = " ".join(words)
        if joined.isascii():
            return True
        as_read = WORD_MARK + joined.replace(" ", WORD_MARK)
        return WORD_MARK not in joined and _decomposed(self._processor.normalize(joined)) == as_read

    def _measured(self, words: Sequence[str]) -> "_WordTokens":
        """The tokens of words that are tokenized as they stand; those with several unknown stretches left out."""
        chunks = list(map(" ".join, _chunks(words)))
        found: list[NDArray[np.int32]] = self._processor.encode(chunks, return_type="numpy", num_threads=1)
        ids = np.concatenate([np.empty(0, np.int32), *found]).astype(np.int64)
        begins = self._begins[ids]
        counts = np.diff(np.append(begins.nonzero()[0], len(ids)))
        owners = begins.cumsum() - 1
        lengths = self._lengths[ids]
        unknown = ids == self._unknown
        if unknown.any():
            word_lengths = np.fromiter(map(len, words), np.int32, len(words))
            missing = word_lengths - np.bincount(owners, lengths, len(words)).astype(np.int32)
            lengths[unknown] = missing[owners[unknown]]
        ends = lengths.cumsum(dtype=np.int32)
        starts = ends - lengths
        befores = starts[begins].repeat(counts)
        tokens = _WordTokens(words, ids, starts - befores, ends - befores, counts)
        clear = np.bincount(owners[unknown], minlength=len(words)) <= 1
        return tokens if clear.all() else tokens.only(clear)

    def _traced(self, words: Sequence[str]) -> "_WordTokens":
        """The tokens of any words, as the tokenizer itself says where they stand."""
        found = self._processor.encode(words, return_type="offset_mapping", num_threads=1)
        counts = np.array([len(each["ids"]) for each in found], np.int64)
        ids = np.fromiter(chain.from_iterable(each["ids"] for each in found), np.int64, counts.sum())
        flat = chain.from_iterable(offset for each in found for offset in each["offsets"])
        offsets = np.fromiter(flat, np.int32, 2 * len(ids)).reshape(-1, 2)
        return _WordTokens(words, ids, offsets[:, 0], offsets[:, 1], counts)


@dataclass(frozen=True)
class _WordTokens:
    """Tokens of words, one word after another.

    Attributes
    ----------
    starts, ends
        Half-open character offsets into the word.
    counts
        (W,) int64, how many tokens each word has.
    """

    words: Sequence[str]
    ids: NDArray[np.int64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    counts: NDArray[np.int64]

    def by_word(self) -> dict[str, NDArray[np.int32]]:
        """Ids, starts and ends of each word, (3, tokens)."""
        rows = np.array([self.ids, self.starts, self.ends], np.int32)
        bounds = pairwise(chain([0], self.counts.cumsum().tolist()))
        return {word: rows[:, start:end] for word, (start, end) in zip(self.words, bounds, strict=True)}

    def only(self, chosen: NDArray[np.bool_]) -> "_WordTokens":
        tokens = chosen.repeat(self.counts)
        return _WordTokens(
            list(compress(self.words, chosen)),
            self.ids[tokens],
            self.starts[tokens],
            self.ends[tokens],
            self.counts[chosen],
        )

    def followed_by(self, other: "_WordTokens") -> "_WordTokens":
        return _WordTokens(
            [*self.words, *other.words],
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.starts, other.starts]),
            np.concatenate([self.ends, other.ends]),
            np.concatenate([self.counts, other.counts]),
        )


def _chunks(words: Sequence[str]) -> Iterator[Sequence[str]]:
    return (words[start : start + _WORDS_AT_ONCE] for start in range(0, len(words), _WORDS_AT_ONCE))


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)

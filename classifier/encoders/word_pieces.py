"""Tokens of a text by its words: pieces never cross a space, so a word has the same ones wherever it stands.

Each word is tokenized once, however often it stands in a text, and mostly once for many texts: short ones have few words that
none before them had. Offsets mostly follow from the lengths of pieces.
"""

import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.text.points import ranges, word_bounds

WORD_MARK = "▁"
_Number = TypeVar("_Number", bound=np.generic)
# So many words are tokenized together: the scores of longer stretches are added up too coarsely in single precision.
_WORDS_AT_ONCE = 256
_LONGEST_TOGETHER = 32
# Words whose tokens are kept, some 20 MB of them, and how many characters they may have together.
_WORDS_KEPT = 1 << 16
_CHARACTERS_KEPT = 1 << 21
_ROOM = 1 << 12


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
        # Replaced when it is full, so whoever reads it goes on.
        self._kept = _KeptWords()
        self._lock = threading.Lock()
        pieces = list(map(processor.id_to_piece, range(processor.get_piece_size())))
        self._begins = np.array([piece.startswith(WORD_MARK) for piece in pieces])
        bare = [piece.removeprefix(WORD_MARK) for piece in pieces]
        # Characters that a piece stands for, in text whose letters are whole and in text whose letters are in parts.
        self._lengths = self._counted(map(len, bare))
        self._lengths_in_parts = self._counted(len(_decomposed(piece)) for piece in bare)

    def tokenize(self, text: str) -> TokenizedText:
        """The tokens of a text; a space belongs to none."""
        words = text.split()
        kept = self._with(words)
        number = np.fromiter(map(kept.numbers.__getitem__, words), np.int64, len(words))
        counts = kept.counts[number]
        places = ranges(kept.firsts[number], counts)
        shifts = word_bounds(text)[0].astype(np.int32).repeat(counts)
        starts, ends = kept.starts[places], kept.ends[places]
        return TokenizedText(kept.ids[places], starts + shifts, ends + shifts)

    def _with(self, words: Sequence[str]) -> "_KeptWords":
        """What is kept of words, all of these among them."""
        kept = self._kept
        new = set(words).difference(kept.numbers)
        if not new:
            return kept
        if len(kept) + len(new) > _WORDS_KEPT:
            kept = _KeptWords()
        tokens = self._of_words([word for word in dict.fromkeys(words) if word not in kept.numbers])
        with self._lock:
            kept.add(tokens)
        # What one text alone fills is kept for no other.
        self._kept = (
            kept if len(kept) <= _WORDS_KEPT and kept.characters <= _CHARACTERS_KEPT else _KeptWords()
        )
        return kept

    def _counted(self, lengths: Iterable[int]) -> NDArray[np.int32]:
        """The lengths of pieces; that of the unknown one follows from what stands around it."""
        counted = np.fromiter(lengths, np.int32)
        counted[self._unknown] = 0
        return counted

    def _of_words(self, words: Sequence[str]) -> "_WordTokens":
        """The tokens of different words, in an order of their own."""
        normalized = {word: read for chunk in _chunks(words) for word, read in self._normalized(chunk)}
        whole = [word for word, read in normalized.items() if read == word]
        in_parts = [
            word for word, read in normalized.items() if read != word and _decomposed(read or "") == word
        ]
        measured = self._measured(whole, self._lengths)
        if in_parts:
            measured = measured.followed_by(self._measured(in_parts, self._lengths_in_parts))
        left = normalized.keys() - set(measured.words)
        return measured.followed_by(self._traced(list(left))) if left else measured

    def _normalized(self, words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """Words with how the tokenizer reads each; None where it does not say by itself."""
        joined = " ".join(words)
        if joined.isascii():
            return zip(words, words, strict=True)
        read = self._processor.normalize(joined).split(WORD_MARK)[1:]
        if len(read) == len(words) and WORD_MARK not in joined:
            return zip(words, read, strict=True)
        if len(words) == 1:
            return zip(words, [None], strict=True)
        return chain.from_iterable(self._normalized([word]) for word in words)

    def _measured(self, words: Sequence[str], piece_lengths: NDArray[np.int32]) -> "_WordTokens":
        """The tokens of words that are tokenized as they stand; those with several unknown stretches left out.

        Parameters
        ----------
        piece_lengths
            How many characters of these words each piece stands for.
        """
        # Given one by one: for several at once it starts a thread each time.
        chunks = list(_chunks(words))
        words = list(chain.from_iterable(chunks))
        found = [self._processor.encode(" ".join(chunk), return_type="numpy") for chunk in chunks]
        ids = np.concatenate([np.empty(0, np.int32), *found]).astype(np.int64)
        begins = self._begins[ids]
        counts = np.diff(np.append(begins.nonzero()[0], len(ids)))
        owners = begins.cumsum() - 1
        lengths = piece_lengths[ids]
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
        found = [self._processor.encode(word, return_type="offset_mapping") for word in words]
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


class _KeptWords:
    """Words with their tokens. Added to under a lock; whoever knows a word's number may read meanwhile.

    Attributes
    ----------
    numbers
        The number of each word, which counts `firsts` and `counts`: where its tokens begin, and how many it has.
    ids, starts, ends
        Tokens, the last two as `_WordTokens` has them. All arrays have room at their ends.
    characters
        Of all words.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.firsts, self.counts = np.zeros((2, _ROOM), np.int64)
        self.ids = np.zeros(_ROOM, np.int64)
        self.starts, self.ends = np.zeros((2, _ROOM), np.int32)
        self.characters = self._words = self._tokens = 0

    def __len__(self) -> int:
        return self._words

    def add(self, added: _WordTokens) -> None:
        """Keep more words."""
        first, token = self._words, self._tokens
        self._words, self._tokens = first + len(added.words), token + len(added.ids)
        self.counts = _put(self.counts, first, added.counts)
        self.firsts = _put(self.firsts, first, token + added.counts.cumsum() - added.counts)
        self.ids = _put(self.ids, token, added.ids)
        self.starts = _put(self.starts, token, added.starts)
        self.ends = _put(self.ends, token, added.ends)
        self.characters += sum(map(len, added.words))
        # Last, so that who finds a word finds its tokens.
        self.numbers.update(zip(added.words, range(first, self._words), strict=True))


def _put(array: NDArray[_Number], place: int, values: NDArray[_Number]) -> NDArray[_Number]:
    """An array with values from a place on, which is copied where it has no room for them."""
    end = place + len(values)
    if end > len(array):
        array = np.concatenate([array, np.zeros(end, array.dtype)])
    array[place:end] = values
    return array


def _chunks(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Words to tokenize together; a long one, whose tokens could else be others behind others, alone."""
    short = [word for word in words if len(word) <= _LONGEST_TOGETHER]
    yield from (short[start : start + _WORDS_AT_ONCE] for start in range(0, len(short), _WORDS_AT_ONCE))
    yield from ([word] for word in words if len(word) > _LONGEST_TOGETHER)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)

"""What every sentence encoder does: windows of tokens in, one row a token out, and sentence embeddings from rows."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.spelling import Lexicon, lexicon_of
from lethe.classifier.encoders.files import EncoderFiles
from lethe.classifier.encoders.onnx_runtime import onnxruntime


@dataclass(frozen=True)
class TokenizedText:
    """A text as the encoder's tokens, without special ones.

    Attributes
    ----------
    ids
        (T,) int64.
    starts, ends
        (T,) int32: half-open character offsets into the text.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> "TokenizedText":
        return TokenizedText(self.ids[part], self.starts[part], self.ends[part])

    def ranges(self, bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The half-open ranges of tokens that stretches of the text touch, given as (N, 2) and returned as two (N,)."""
        first = np.searchsorted(self.ends, bounds[:, 0], side="right")
        return first, np.maximum(np.searchsorted(self.starts, bounds[:, 1], side="left"), first)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The half-open range of tokens that a stretch of the text touches."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, int(np.searchsorted(self.starts, end, side="left"))


@dataclass(frozen=True)
class SpecialTokens:
    """Ids that stand around every window, (B,) and (A,) int64."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]

    def around(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([self.before, ids, self.after])

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


class Encoder(ABC):
    """An encoder ready to run. Safe to share between threads; `load_encoder` is how to get one.

    Attributes
    ----------
    id
        The name by which it was asked for.
    sha256
        Digest of weights and tokenizer.
    dimension
        Of sentence embeddings; the rows of tokens may be wider.
    maximum_tokens
        The longest window, without special tokens.
    """

    def __init__(
        self,
        files: EncoderFiles,
        session: onnxruntime.InferenceSession,
        specials: SpecialTokens,
        *,
        dimension: int,
        maximum_tokens: int,
    ) -> None:
        self.id = files.id
        self.sha256 = files.sha256
        self.dimension = dimension
        self.maximum_tokens = maximum_tokens
        self._session = session
        self._specials = specials

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        """The tokenizer's whole words, in its own order, which goes by frequency; pieces of words are left out."""
        return self._find_words()

    @abstractmethod
    def _find_words(self) -> tuple[str, ...]: ...

    @functools.cached_property
    def wordless(self) -> NDArray[np.bool_]:
        """(vocabulary,), which tokens are nothing of a word: what is unknown, and single letters."""
        return np.array([len(piece) < 2 and (piece.isalpha() or not piece) for piece in self._find_pieces()])

    @abstractmethod
    def _find_pieces(self) -> Sequence[str]:
        """What each token id stands for, without marks of a word's beginning; empty for what is no text."""

    @functools.cached_property
    def lexicon(self) -> Lexicon:
        """The encoder's words, indexed once for all heads that stand on it, and for encoders with the same tokenizer."""
        return lexicon_of(self.words)

    @abstractmethod
    def tokenize(self, text: str) -> TokenizedText:
        """Split a text into tokens, all of it, however long."""

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """How many token ids there are."""

    @abstractmethod
    def token_vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Tokens' own vectors, before any layer, as (N, vector width)."""

    @abstractmethod
    def token_products(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """All tokens' own vectors times each of H directions, (H, vector width), as (vocabulary, H)."""

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Run one window of at most `maximum_tokens` tokens; one row a token, those of the specials included.

        Each window runs alone: the int8 graph scales activations by their largest value, so in a batch
        one caller's text would change another's embedding. On CPU a batch gains next to nothing.
        """
        (hidden,) = self._session.run(["hidden"], {"input_ids": self._specials.around(ids)})
        return np.asarray(hidden, np.float32)

    def without_specials(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows of a window's own tokens."""
        return hidden[len(self._specials.before) : len(hidden) - len(self._specials.after)]

    @abstractmethod
    def pool(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sentence embedding of a window's rows, (dimension,), of unit length."""

    @abstractmethod
    def pool_segment(
        self, hidden: NDArray[np.float32], ids: NDArray[np.int64], start: int, end: int
    ) -> NDArray[np.float32]:
        """The embedding of a window's tokens from `start` to `end`, (dimension,), of unit length.

        Parameters
        ----------
        hidden
            What `encode` gave for the window.
        ids
            The window's own tokens; `start` and `end` count these.
        """

    @abstractmethod
    def pool_kept(self, hidden: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
        """About the embeddings, (N, dimension), of a window of which only some of its own tokens are kept, (N, T), at least one each.

        Parameters
        ----------
        hidden
            What `encode` gave for the window: tokens that are kept count as if those beside them were still there.
        """

    @abstractmethod
    def token_shares(
        self, hidden: NDArray[np.float32], start: int, end: int, direction: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """How much each of a window's tokens from `start` to `end` adds to ``direction @ embedding`` of these, (T,).

        Parameters
        ----------
        hidden
            What `encode` gave for the window; `start` and `end` count its own tokens.
        direction
            (dimension,).
        """

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as (N, dimension), each cut to the encoder's length; for offline work."""
        rows = [self.pool(self.encode(self.tokenize(text).ids[: self.maximum_tokens])) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)

"""The multilingual Universal Sentence Encoder: 16 languages; an embedding is made from the sum of the tokens' rows."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

from lethe.classifier.encoders.encoder import Encoder, SpecialTokens, TokenizedText
from lethe.classifier.encoders.files import EncoderFiles
from lethe.classifier.encoders.onnx_runtime import onnxruntime
from lethe.classifier.encoders.sessions import open_session
from lethe.classifier.encoders.token_rows import TokenRows
from lethe.classifier.encoders.use_graph import (
    build_pooling_graph,
    build_rows_graph,
    build_tokens_graph,
    token_table,
)
from lethe.classifier.encoders.word_pieces import WORD_MARK, WordPieces
from lethe.classifier.settings import Precision
from lethe.classifier.text.points import lowered

_DIMENSION = 512
# The model itself reads texts of any length; a window of the classifier's, of 512 characters, has no more.
_MAXIMUM_TOKENS = 512
# So many are in a core's cache while they are multiplied.
_ROWS_AT_ONCE = 1 << 9
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]+")


class UseEncoder(Encoder):
    """The multilingual Universal Sentence Encoder, version 3.

    Neighbours of a token shape its row, but no further ones do, so a segment of a window is as good as a text of its own.
    """

    def __init__(
        self,
        files: EncoderFiles,
        tokens: onnxruntime.InferenceSession,
        session: onnxruntime.InferenceSession,
        pooling: onnxruntime.InferenceSession,
        tokenizer: SentencePieceProcessor,
    ) -> None:
        specials = SpecialTokens(np.array([tokenizer.bos_id()]), np.array([tokenizer.eos_id()]))
        super().__init__(files, session, specials, dimension=_DIMENSION, maximum_tokens=_MAXIMUM_TOKENS)
        self._files = files
        self._pooling = pooling
        self._tokenizer = tokenizer
        self._token_rows = TokenRows(
            lambda ids: np.asarray(tokens.run(["tokens"], {"input_ids": ids})[0], np.float32),
            tokenizer.get_piece_size(),
        )
        self._word_pieces = WordPieces(tokenizer)

    @classmethod
    def load(
        cls, files: EncoderFiles, precision: Precision, cache_folder: Path, *, threads: int = 1
    ) -> "UseEncoder":
        """Start sessions on the files' graphs; see `load_encoder`."""

        @functools.cache
        def weights() -> Mapping[str, NDArray[Any]]:
            with np.load(files.folder / "weights.npz") as archive:
                return dict(archive)

        tokens = open_session(
            files, "tokens", cache_folder, lambda: build_tokens_graph(weights()), threads=threads
        )
        rows = open_session(
            files, precision, cache_folder, lambda: build_rows_graph(weights(), precision), threads=threads
        )
        pooling = open_session(
            files,
            f"{precision}-pooling",
            cache_folder,
            lambda: build_pooling_graph(weights(), precision),
            threads=threads,
        )
        tokenizer = SentencePieceProcessor(model_file=str(files.folder / "sp.model"))
        return cls(files, tokens, rows, pooling, tokenizer)

    def _find_words(self) -> tuple[str, ...]:
        # Misspellings and words run together are looked for in Latin script alone.
        pieces = map(self._tokenizer.id_to_piece, range(self._tokenizer.get_piece_size()))
        words = (piece[1:] for piece in pieces if piece[:1] == WORD_MARK)
        return tuple(word for word in words if _LATIN_WORD.fullmatch(word))

    def _find_pieces(self) -> list[str]:
        pieces = map(self._tokenizer.id_to_piece, range(self.vocabulary_size))
        unknown = map(self._tokenizer.is_unknown, range(self.vocabulary_size))
        return [
            "" if nothing else piece.removeprefix(WORD_MARK)
            for piece, nothing in zip(pieces, unknown, strict=True)
        ]

    @property
    def vocabulary_size(self) -> int:
        return self._tokenizer.get_piece_size()

    def token_vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        rows, scale, lowest = self._token_table
        block = ids % len(scale)
        vectors = rows[ids] * scale[block, None]
        vectors += lowest[block, None]
        return vectors

    def token_products(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        rows, scale, lowest = self._token_table
        rows = rows[: self.vocabulary_size]
        products = np.empty((len(rows), len(directions)), np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            products[some] = rows[some].astype(np.float32) @ directions.T
        # Scaled are the products, of which there are hundreds of times fewer than numbers in the rows.
        block = np.arange(len(rows)) % len(scale)
        products *= scale[block, None]
        products += lowest[block, None] * directions.sum(axis=1)
        return products

    @functools.cached_property
    def _token_table(self) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        with np.load(self._files.folder / "weights.npz") as archive:
            return token_table(archive), archive["scale"], archive["lo"]

    def tokenize(self, text: str) -> TokenizedText:
        # The model knows case, which nobody has to keep to: names in small letters would be other tokens.
        return self._word_pieces.tokenize(lowered(text))

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        tokens = self._token_rows.of(self._specials.around(ids))
        (hidden,) = self._session.run(["hidden"], {"tokens": tokens})
        return np.asarray(hidden, np.float32)

    def pool(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._pool_sums(hidden.sum(axis=0, keepdims=True), len(hidden))[0]

    def pool_segment(
        self, hidden: NDArray[np.float32], ids: NDArray[np.int64], start: int, end: int
    ) -> NDArray[np.float32]:
        return self.pool(self._segment(hidden, start, end))

    def pool_kept(self, hidden: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
        rows = self.without_specials(hidden)
        around = hidden.sum(axis=0) - rows.sum(axis=0)
        counts = kept.sum(axis=1, dtype=np.float32) + len(self._specials)
        return self._pool_sums(kept.astype(np.float32) @ rows + around, counts[:, None])

    def token_shares(
        self, hidden: NDArray[np.float32], start: int, end: int, direction: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        rows = self._segment(hidden, start, end)
        total = rows.sum(axis=0, keepdims=True)
        # (T, row width): the sum without each token in turn, all pooled in one product.
        left_out = total - self.without_specials(rows)
        lost = self._pool_sums(total, len(rows)) - self._pool_sums(left_out, len(rows) - 1)
        return np.asarray(lost @ direction, np.float32)

    def _segment(self, hidden: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
        """A segment's rows between those of the window's special tokens, which every text was pooled with in training."""
        before, after = len(self._specials.before), len(hidden) - len(self._specials.after)
        return np.concatenate([hidden[:before], hidden[before + start : before + end], hidden[after:]])

    def _pool_sums(self, sums: NDArray[np.float32], count: int | NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (N, dimension) from sums (N, row width) of `count` rows each, or of (N, 1) rows."""
        counts = np.full((len(sums), 1), count, np.float32)
        (embeddings,) = self._pooling.run(["embeddings"], {"sums": sums, "counts": counts})
        return np.asarray(embeddings, np.float32)

"""The BERT family: an embedding is the mean of the tokens' rows, or the first token's."""

import functools
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from lethe.classifier.encoders.bert_graph import BertShape, build_bert_graph
from lethe.classifier.encoders.encoder import Encoder, SpecialTokens, TokenizedText
from lethe.classifier.encoders.files import EncoderFiles
from lethe.classifier.encoders.onnx_runtime import onnxruntime
from lethe.classifier.encoders.sessions import open_session
from lethe.classifier.settings import Precision

_WORD_MARKS = ("Ġ", "▁")


class BertEncoder(Encoder):
    """A BERT, RoBERTa or XLM-RoBERTa model that was trained to embed sentences."""

    def __init__(
        self, files: EncoderFiles, session: onnxruntime.InferenceSession, tokenizer: Tokenizer
    ) -> None:
        shape = BertShape.from_config(files.config)
        specials = _special_tokens(tokenizer)
        super().__init__(
            files,
            session,
            specials,
            dimension=shape.hidden,
            maximum_tokens=shape.maximum_tokens - len(specials),
        )
        self._files = files
        self._pools_first_token = files.pools_first_token
        self._tokenizer = tokenizer

    @classmethod
    def load(
        cls, files: EncoderFiles, precision: Precision, cache_folder: Path, *, threads: int = 1
    ) -> "BertEncoder":
        """Start a session on the files' graph; see `load_encoder`."""
        session = open_session(
            files, precision, cache_folder, lambda: _graph(files, precision), threads=threads
        )
        tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(files, session, tokenizer)

    def _find_words(self) -> tuple[str, ...]:
        entries = sorted(self._tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        tokens = [token for token, _ in entries]
        # Byte-pair and unigram tokenizers mark what begins a word, WordPiece what goes on with one.
        begun = [token[1:] for token in tokens if token[:1] in _WORD_MARKS]
        return tuple(begun or (token for token in tokens if not token.startswith("##")))

    def _find_pieces(self) -> list[str]:
        pieces = [""] * self.vocabulary_size
        for token, number in self._tokenizer.get_vocab().items():
            if number < len(pieces):
                pieces[number] = token.removeprefix("##").lstrip("".join(_WORD_MARKS))
        for number in self._tokenizer.get_added_tokens_decoder():
            pieces[number] = ""
        return pieces

    @property
    def vocabulary_size(self) -> int:
        return len(self._token_table)

    def token_vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._token_table[ids].astype(np.float32)

    def token_products(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._token_table.astype(np.float32) @ directions.T

    @functools.cached_property
    def _token_table(self) -> NDArray[np.float16]:
        weights = {
            _plain_name(name): value
            for name, value in load_file(self._files.folder / "model.safetensors").items()
        }
        return weights["embeddings.word_embeddings.weight"].astype(np.float16)

    def tokenize(self, text: str) -> TokenizedText:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
        return TokenizedText(np.array(encoding.ids, np.int64), offsets[:, 0], offsets[:, 1])

    def pool(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        pooled = hidden[0] if self._pools_first_token else hidden.mean(axis=0)
        return pooled / max(float(np.linalg.norm(pooled)), 1e-12)

    def pool_segment(
        self, hidden: NDArray[np.float32], ids: NDArray[np.int64], start: int, end: int
    ) -> NDArray[np.float32]:
        # A segment has no first token of its own in the window's pass.
        if self._pools_first_token:
            return self.pool(self.encode(ids[start:end]))
        return self.pool(self.without_specials(hidden)[start:end])

    def pool_kept(self, hidden: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
        # Whether the first special token's row or the mean of all is pooled, the mean of what is kept comes near it.
        rows = kept.astype(np.float32) @ self.without_specials(hidden)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    def token_shares(
        self, hidden: NDArray[np.float32], start: int, end: int, direction: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        # The mean of the rows has a part for each of them.
        rows = self.without_specials(hidden)[start:end]
        length = max(float(np.linalg.norm(rows.mean(axis=0))), 1e-12)
        return rows @ direction / (len(rows) * length)


def _graph(files: EncoderFiles, precision: Precision) -> onnx.ModelProto:
    weights = {
        _plain_name(name): value.astype(np.float32)
        for name, value in load_file(files.folder / "model.safetensors").items()
    }
    return build_bert_graph(weights, BertShape.from_config(files.config), precision)


def _plain_name(name: str) -> str:
    for prefix in ("bert.", "roberta.", "0.auto_model."):
        name = name.removeprefix(prefix)
    return name


def _special_tokens(tokenizer: Tokenizer) -> SpecialTokens:
    word = tokenizer.encode("a", add_special_tokens=False).ids
    wrapped = tokenizer.encode("a").ids
    start = next(i for i in range(len(wrapped)) if wrapped[i : i + len(word)] == word)
    return SpecialTokens(
        np.array(wrapped[:start], np.int64), np.array(wrapped[start + len(word) :], np.int64)
    )

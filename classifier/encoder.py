"""The sentence encoder that all targets share: windows of tokens in, one embedding a token out.

Knows ONNX Runtime and tokenizers; knows nothing about targets.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from lethe.bundle.files import replace_file
from lethe.classifier.encoder_files import DEFAULT_ENCODER, EncoderFiles, find_encoder
from lethe.classifier.errors import ClassifierError
from lethe.classifier.onnx_graph import GRAPH_VERSION, EncoderShape, build_graph
from lethe.classifier.onnx_runtime import onnxruntime
from lethe.classifier.settings import Precision
from lethe.classifier.spelling import Lexicon
from lethe.models.cache import cache_folder

_WORD_MARKS = ("Ġ", "▁")


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

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The half-open range of tokens that a stretch of the text touches."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, int(np.searchsorted(self.starts, end, side="left"))


class Encoder:
    """An encoder ready to run. Safe to share between threads; `Encoder.load` is how to get one."""

    def __init__(
        self, files: EncoderFiles, session: onnxruntime.InferenceSession, tokenizer: Tokenizer
    ) -> None:
        shape = EncoderShape.from_config(files.config)
        self.id = files.id
        self.sha256 = files.sha256
        self.dimension = shape.hidden
        self._pools_first_token = files.pools_first_token
        self._session = session
        self._tokenizer = tokenizer
        before, after = _special_ids(tokenizer)
        self._before = np.array(before, np.int64)
        self._after = np.array(after, np.int64)
        self.maximum_tokens = shape.maximum_tokens - len(before) - len(after)

    @classmethod
    def load(
        cls,
        name: str = DEFAULT_ENCODER,
        *,
        precision: Precision = "int8",
        threads: int = 1,
        cache_folder: Path | None = None,
    ) -> "Encoder":
        """Find an encoder, build its graph if the cache lacks it, and start a session.

        Parameters
        ----------
        name
            A folder, or a hub id; the default comes inside an installed package.
        precision
            ``int8`` is several times faster than ``float32`` and agrees with it (docs/benchmarks-classifier.md).
        threads
            Threads that one window may use. More windows at once use more workers, not more of these.
        cache_folder
            Where graphs are kept; ``$LETHE_CACHE_DIR/encoders`` or ``~/.cache/lethe/encoders`` by default.

        Raises
        ------
        ClassifierError
            The encoder is not found, or is of a family that is not supported.
        """
        files = find_encoder(name)
        graph = _cached_graph(files, precision, cache_folder or default_cache_folder())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A spinning thread would take a core from the server between requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(files, session, tokenizer)

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        """The tokenizer's whole words, in its own order, which goes by frequency; pieces of words are left out."""
        entries = sorted(self._tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        tokens = [token for token, _ in entries]
        # Byte-pair and unigram tokenizers mark what begins a word, WordPiece what goes on with one.
        begun = [token[1:] for token in tokens if token[:1] in _WORD_MARKS]
        return tuple(begun or (token for token in tokens if not token.startswith("##")))

    @functools.cached_property
    def lexicon(self) -> Lexicon:
        """The encoder's words, indexed once for all heads that stand on it."""
        return Lexicon(self.words)

    def tokenize(self, text: str) -> TokenizedText:
        """Split a text into tokens, all of it, however long."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
        return TokenizedText(np.array(encoding.ids, np.int64), offsets[:, 0], offsets[:, 1])

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embed one window of at most `maximum_tokens` tokens, as (T + specials, dimension).

        Each window runs alone: the int8 graph scales activations by their largest value, so in a batch
        one caller's text would change another's embedding. On CPU a batch gains next to nothing.
        """
        tokens = np.concatenate([self._before, ids, self._after])
        (hidden,) = self._session.run(["hidden"], {"input_ids": tokens})
        return np.asarray(hidden, np.float32)

    def pool(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sentence embedding of a window, (dimension,), of unit length."""
        pooled = hidden[0] if self._pools_first_token else hidden.mean(axis=0)
        return pooled / max(float(np.linalg.norm(pooled)), 1e-12)

    def without_specials(self, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows of a window's own tokens."""
        return hidden[len(self._before) : len(hidden) - len(self._after)]

    def pool_segment(
        self, hidden: NDArray[np.float32], ids: NDArray[np.int64], start: int, end: int
    ) -> NDArray[np.float32]:
        """The embedding of a window's tokens from `start` to `end`, (dimension,), of unit length.

        Taken from the window's own pass, unless the encoder pools its first token: then the segment is encoded alone.
        """
        if self._pools_first_token:
            return self.pool(self.encode(ids[start:end]))
        return self.pool(self.without_specials(hidden)[start:end])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as (N, dimension), each cut to the encoder's length; for offline work."""
        rows = [self.pool(self.encode(self.tokenize(text).ids[: self.maximum_tokens])) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)


def default_cache_folder() -> Path:
    return cache_folder() / "encoders"


def _cached_graph(files: EncoderFiles, precision: Precision, cache_folder: Path) -> str:
    path = cache_folder / f"{files.sha256[:16]}-{precision}-{GRAPH_VERSION}.onnx"
    if not path.exists():
        weights = {
            _plain_name(name): value.astype(np.float32)
            for name, value in load_file(files.folder / "model.safetensors").items()
        }
        try:
            model = build_graph(weights, EncoderShape.from_config(files.config), precision)
        except KeyError as error:
            raise ClassifierError(f"encoder {files.id}: {files.folder} has no weight {error}") from None
        replace_file(path, model.SerializeToString())
    return str(path)


def _plain_name(name: str) -> str:
    for prefix in ("bert.", "roberta.", "0.auto_model."):
        name = name.removeprefix(prefix)
    return name


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    word = tokenizer.encode("a", add_special_tokens=False).ids
    wrapped = tokenizer.encode("a").ids
    start = next(i for i in range(len(wrapped)) if wrapped[i : i + len(word)] == word)
    return wrapped[:start], wrapped[start + len(word) :]

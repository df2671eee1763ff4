"""Tsallis entropy of what the base model expects at every token, and what is high and what is low in it.

High-entropy tokens are the forks where language goes one way or another; in a text that the model remembers, the
low-entropy tokens of the answer carry what it remembers (ALTER, arXiv 2603.01792).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from lethe.bundle.files import replace_file
from lethe.offline.adapter_training.texts import TrainingText
from lethe.offline.training.batching import padded


@dataclass(frozen=True)
class MarkedText:
    """A text with the entropy of each of its tokens.

    Attributes
    ----------
    entropy
        Shape (tokens,). Of the distribution that the token was drawn from; the first token's is 0.
    threshold
        Above it, a token is high.
    """

    text: TrainingText
    entropy: NDArray[np.float32]
    threshold: float

    @property
    def high(self) -> NDArray[np.bool_]:
        """The high-entropy tokens of question and answer."""
        return (_inside(self.text, self.text.question) | self.answer) & (self.entropy > self.threshold)

    @property
    def low_answer(self) -> NDArray[np.bool_]:
        """The low-entropy tokens of the answer."""
        return self.answer & (self.entropy <= self.threshold)

    @property
    def answer(self) -> NDArray[np.bool_]:
        """The tokens of the answer."""
        return _inside(self.text, self.text.answer)


def tsallis_entropy(logits: Tensor, q: float) -> Tensor:
    """``(1 - sum p_i^q) / (q - 1)`` over the last dimension; q = 1 is Shannon's, in nats (Tsallis, 1988).

    Parameters
    ----------
    logits
        Shape (..., vocabulary).
    q
        Over 0.
    """
    log_p = logits.float().log_softmax(dim=-1)
    if q == 1.0:
        return -(log_p.exp() * log_p).sum(dim=-1)
    return (1.0 - (q * log_p).exp().sum(dim=-1)) / (q - 1.0)


def entropy_threshold(
    texts: Sequence[TrainingText], entropies: Sequence[NDArray[np.float32]], quantile: float
) -> float:
    """The given quantile of the entropies of all answer tokens."""
    answers = [entropy[slice(*text.answer)] for text, entropy in zip(texts, entropies, strict=True)]
    return float(np.quantile(np.concatenate(answers), quantile))


def entropy_file(
    folder: Path, texts: Sequence[TrainingText], base_fingerprint: str, dtype: str, q: float
) -> Path:
    """Where the entropies of these texts under this base model are kept."""
    key = json.dumps([base_fingerprint, dtype, q, [text.token_ids for text in texts]])
    return folder / f"entropy-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"


def write_entropies(path: Path, entropies: Sequence[NDArray[np.float32]]) -> None:
    """Keep entropies, replaced at once."""
    joined = {"entropy": np.concatenate(entropies)}
    replace_file(path, lambda temporary: save_file(joined, temporary))


def read_entropies(path: Path, texts: Sequence[TrainingText]) -> list[NDArray[np.float32]] | None:
    """What `write_entropies` kept, an array of shape (tokens,) for every text; None if nothing."""
    if not path.is_file():
        return None
    ends = np.cumsum([len(text.token_ids) for text in texts])
    return np.split(load_file(path)["entropy"], ends[:-1])


def weights_fingerprint(model_folder: Path) -> str:
    """Stands for a folder's weights: names, sizes and times of its files, as hashing them all would take long."""
    files = sorted(model_folder.glob("*.safetensors"))
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps([str(model_folder.resolve()), facts]).encode()).hexdigest()


@torch.no_grad()
def measure_entropies(
    model: torch.nn.Module, texts: Sequence[TrainingText], q: float, device: torch.device
) -> list[NDArray[np.float32]]:
    """Entropies of a few texts in one pass."""
    token_ids, mask = padded([text.token_ids for text in texts])
    logits = model(input_ids=token_ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
    entropy = tsallis_entropy(logits, q).cpu().numpy()  # (texts, longest), of the token that follows
    return [
        np.concatenate([np.zeros(1, np.float32), entropy[row, : len(text.token_ids) - 1]])
        for row, text in enumerate(texts)
    ]


def _inside(text: TrainingText, span: tuple[int, int]) -> NDArray[np.bool_]:
    inside = np.zeros(len(text.token_ids), dtype=bool)
    inside[slice(*span)] = True
    return inside

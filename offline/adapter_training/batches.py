"""Forget and retain texts of one step as tensors, and the log-probabilities at the positions that the losses read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lethe.offline.adapter_training.entropy import MarkedText
from lethe.offline.adapter_training.texts import TrainingText
from lethe.offline.training.batching import padded


@dataclass(frozen=True)
class Batch:
    """Padded texts.

    Attributes
    ----------
    token_ids, attention_mask
        Shape (texts, tokens).
    positions
        Each of shape (texts, tokens). The tokens that one loss reads, by its name.
    """

    token_ids: Tensor
    attention_mask: Tensor
    positions: Mapping[str, Tensor]

    @property
    def read(self) -> Tensor:
        """Tokens that any loss reads, of shape (texts, tokens)."""
        return torch.stack(list(self.positions.values())).any(dim=0)

    @property
    def forgets(self) -> Tensor:
        """Whether a text has something to forget, of shape (texts,)."""
        return self.positions["forget"].any(dim=1)

    @property
    def forgotten(self) -> "Batch":
        """The texts that have something to forget, and nothing else of them that a loss reads."""
        texts = self.forgets
        forgotten = {"forget": self.positions["forget"][texts]}
        return Batch(self.token_ids[texts], self.attention_mask[texts], forgotten)


@dataclass(frozen=True)
class TokenScores:
    """What a model expects at the n tokens of a batch that are read.

    Attributes
    ----------
    log_p
        Shape (n, vocabulary). Log-probabilities.
    taken
        Shape (n,). Log-probability of the token that stands there.
    """

    log_p: Tensor
    taken: Tensor

    def of(self, chosen: Tensor) -> "TokenScores":
        """At some of the n tokens."""
        return TokenScores(self.log_p[chosen], self.taken[chosen])


def shared_batch(forget: Sequence[MarkedText], retain: Sequence[MarkedText], device: torch.device) -> Batch:
    """For phase I: the high-entropy tokens of all texts."""
    marked = [*forget, *retain]
    return _batch([m.text for m in marked], {"high": [m.high for m in marked]}, device)


def expert_batch(
    forget: Sequence[MarkedText],
    retain: Sequence[MarkedText],
    replaced: Sequence[TrainingText],
    device: torch.device,
    *,
    whole_answers: bool = False,
) -> Batch:
    """For phase II: what to forget, what to retain, and the structure around what is forgotten.

    With texts that replace the forgotten ones, their answers stand in the place of the low-entropy tokens. With whole
    answers, all of their tokens are to be forgotten, and the structure is that of the questions.
    """
    texts = [*(m.text for m in forget), *(m.text for m in retain), *replaced]
    nothing = [np.zeros(len(text.token_ids), dtype=bool) for text in texts]
    low, high, kept = list(nothing), list(nothing), list(nothing)
    for row, marked in enumerate(forget):
        high[row] = marked.high & ~marked.answer if whole_answers else marked.high
        if not replaced:
            low[row] = marked.answer if whole_answers else marked.low_answer
    for row, marked in enumerate(retain, start=len(forget)):
        kept[row] = _answer_to_end(marked.text)
    for row, text in enumerate(replaced, start=len(forget) + len(retain)):
        low[row] = _answer_to_end(text)
    return _batch(texts, {"forget": low, "high": high, "retain": kept}, device)


def score(model: nn.Module, batch: Batch, embeddings: Tensor | None = None) -> TokenScores:
    """Run a model over a batch.

    Parameters
    ----------
    embeddings
        Shape (texts, tokens, d). What the model reads in the place of its tokens' own embeddings.
    """
    read = batch.read
    columns = read.any(dim=0).nonzero().squeeze(1)  # (columns,)
    logits = model(
        **({"input_ids": batch.token_ids} if embeddings is None else {"inputs_embeds": embeddings}),
        attention_mask=batch.attention_mask,
        logits_to_keep=columns - 1,  # what stands at a token was expected one token before
        use_cache=False,
    ).logits  # (texts, columns, vocabulary)
    log_p = logits[read[:, columns]].float().log_softmax(dim=1)
    return TokenScores(log_p, log_p.gather(1, batch.token_ids[read].unsqueeze(1)).squeeze(1))


def _batch(
    texts: Sequence[TrainingText], positions: Mapping[str, Sequence[np.ndarray]], device: torch.device
) -> Batch:
    token_ids, attention = padded([text.token_ids for text in texts])
    masks = {
        name: pad_sequence(list(map(torch.from_numpy, rows)), batch_first=True)
        for name, rows in positions.items()
    }
    return Batch(
        token_ids.to(device), attention.to(device), {name: mask.to(device) for name, mask in masks.items()}
    )


def _answer_to_end(text: TrainingText) -> np.ndarray:
    inside = np.zeros(len(text.token_ids), dtype=bool)
    inside[text.answer[0] :] = True
    return inside

"""Questions as the base model reads them corrupted, for the loss that learns an adapter from a corruption."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lethe.corruption.application import corrupt_prompt
from lethe.corruption.artifact import Corruption
from lethe.corruption.plan import make_plan
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, all_but_last
from lethe.offline.adapter_training.texts import TrainingText


class CorruptedQuestions:
    """Embeds batches whose first texts have corrupted questions; each question is corrupted once.

    Parameters
    ----------
    embedding
        The base model's input embeddings.
    """

    def __init__(self, embedding: nn.Module, corruption: Corruption) -> None:
        self.embedding = embedding
        self.corruption = corruption
        self._known: dict[tuple[int, ...], Tensor] = {}

    @torch.no_grad()
    def __call__(self, token_ids: Tensor, forget: Sequence[TrainingText]) -> Tensor:
        """Embeddings of padded texts, shape (texts, tokens, d); those to forget come first."""
        embedded = self.embedding(token_ids).clone()
        for row, text in enumerate(forget):
            end = text.answer[0]
            embedded[row, :end] = self._corrupted(text, embedded[row, :end])
        return embedded

    def _corrupted(self, text: TrainingText, prompt: Tensor) -> Tensor:
        key = text.token_ids[: text.answer[0]]
        if key not in self._known:
            ranges = (
                all_but_last(len(key)) if self.corruption.positions == "all_but_last" else (text.question,)
            )
            placed = PlacedCorruption("adapter", "0", self.corruption, ranges)
            self._known[key] = corrupt_prompt(prompt, make_plan(CorruptionRequest((placed,)), len(key)))
        return self._known[key]

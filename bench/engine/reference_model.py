"""What a corrupted model must say: transformers in float32, on the same corrupted embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lethe.corruption.request import CorruptionRequest
from lethe.corruption.transformers_hook import corrupted_embeddings


@dataclass(frozen=True)
class Answer:
    """What an engine generated greedily, and the log probability that it gave to each token."""

    token_ids: list[int]
    logprobs: list[float]


@dataclass(frozen=True)
class Grading:
    """What the reference thinks of an answer: the log probability of each token, and that of the likeliest one."""

    logprobs: list[float]
    best: list[float]


class Reference:
    """The model in transformers."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model = model
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path) -> "Reference":
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return cls(model, AutoTokenizer.from_pretrained(folder))

    def chat_tokens(self, question: str) -> list[int]:
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
        )
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.inference_mode()
    def grade(self, prompt: list[int], request: CorruptionRequest | None, token_ids: list[int]) -> Grading:
        """Follow a greedy answer in one pass: it is the reference's own if every token is the likeliest."""
        rows = self._logprobs(prompt, token_ids[:-1], request)[len(prompt) - 1 :]
        given = rows[torch.arange(len(token_ids)), token_ids]
        return Grading(given.tolist(), rows.amax(dim=1).tolist())

    @torch.inference_mode()
    def score(self, tokens: list[int], prompt_tokens: int, request: CorruptionRequest | None) -> list[float]:
        """Log probability of every token but the first, with only the first ``prompt_tokens`` corrupted."""
        logprobs = self._logprobs(tokens[:prompt_tokens], tokens[prompt_tokens:], request)
        return [logprobs[index, token].item() for index, token in enumerate(tokens[1:])]

    def _logprobs(
        self, prompt: list[int], rest: list[int], request: CorruptionRequest | None
    ) -> torch.Tensor:
        """Next-token log probabilities at every position of a prompt and a clean rest, shape (T, vocabulary)."""
        clean = self.model.get_input_embeddings()(torch.tensor(rest, dtype=torch.long))
        embeddings = torch.cat([self._embeddings(prompt, request), clean])[None]
        return self.model(inputs_embeds=embeddings).logits[0].log_softmax(dim=1)

    def _embeddings(self, prompt: list[int], request: CorruptionRequest | None) -> torch.Tensor:
        ids = torch.tensor(prompt)
        if request is None:
            return self.model.get_input_embeddings()(ids)
        return corrupted_embeddings(self.model, ids, request)

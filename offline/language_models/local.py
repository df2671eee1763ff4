"""A transformers model in this process."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM

from lethe.corruption.artifact import Corruption
from lethe.corruption.positions import TokenizedPrompt
from lethe.corruption.transformers_hook import corrupted_embeddings
from lethe.offline.language_models.batching import length_batches
from lethe.offline.language_models.encoding import PromptEncoder, corruption_request
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModelError,
    Scoring,
)
from lethe.offline.language_models.quantization import round_weights

_Read = TypeVar("_Read")

# Padded tokens of one pass: a GPU is idle in smaller ones, a processor gains nothing by larger ones.
_BATCH_TOKENS = {"cuda": 24576, "cpu": 4096}


class LocalModel:
    """Scores and generates with a transformers model.

    Parameters
    ----------
    batch_tokens
        Padded tokens of one forward pass.
    """

    def __init__(self, model: Any, encoder: PromptEncoder, name: str, batch_tokens: int = 4096) -> None:
        self.model = model.eval()
        self.encoder = encoder
        self.batch_tokens = batch_tokens
        self._name = name

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        name: str | None = None,
        dtype: str = "bfloat16",
        batch_tokens: int | None = None,
        bits: int | None = None,
        chat_template: Path | None = None,
    ) -> "LocalModel":
        """Load a model folder or hub id onto the first GPU, or the processor where there is none.

        Parameters
        ----------
        batch_tokens
            Padded tokens of one pass; as many as suit the device by default.
        chat_template
            See `PromptEncoder.from_pretrained`.
        bits
            To which its weights are rounded, see `quantization.round_weights`; kept as they are by default.

        Raises
        ------
        LanguageModelError
            It cannot be loaded, or the template.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        except (OSError, ValueError) as error:
            raise LanguageModelError(f"{model} cannot be loaded: {error}") from None
        encoder = PromptEncoder.from_pretrained(model, chat_template)
        if bits is not None:
            round_weights(loaded, bits)
        return cls(loaded.to(device), encoder, name or model, batch_tokens or _BATCH_TOKENS[device])

    @property
    def name(self) -> str:
        return self._name

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return self._read_answers(tasks, _answer_log_probabilities)

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`."""
        return self._read_answers(tasks, _token_scores)

    @torch.inference_mode()
    def _read_answers(
        self, tasks: Sequence[Scoring], read: Callable[[Tensor, list[int]], _Read]
    ) -> list[_Read]:
        """Read each answer off the logits of its row's last positions, shape (kept, vocabulary)."""
        prompts = [self.encoder.encode(task.prompt) for task in tasks]
        answers = [self.encoder.encode_answer(task.answer) for task in tasks]
        lengths = [
            len(prompt.token_ids) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)
        ]
        results: dict[int, _Read] = {}
        embed = _Embedding(self.model)
        for batch in length_batches(lengths, self.batch_tokens):
            rows = embed([(prompts[i], tasks[i].corruption, answers[i]) for i in batch])
            kept = max(len(answers[i]) for i in batch) + 1
            logits = self._forward(rows, kept)  # (batch, kept, vocabulary)
            for row, i in enumerate(batch):
                results[i] = read(logits[row], answers[i])
        return [results[i] for i in range(len(tasks))]

    @torch.inference_mode()
    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        results: dict[int, str] = {}
        drawn_alike: dict[float, list[int]] = {}
        for index, task in enumerate(tasks):
            drawn_alike.setdefault(task.temperature, []).append(index)
        for temperature, indices in drawn_alike.items():
            with torch.random.fork_rng():
                torch.manual_seed(hash(tuple(tasks[i].seed for i in indices)) % 2**63)
                results |= self._generate(tasks, indices, temperature)
        return [results[i] for i in range(len(tasks))]

    def _generate(
        self, tasks: Sequence[Generation], indices: Sequence[int], temperature: float
    ) -> dict[int, str]:
        prompts = {i: self.encoder.encode(tasks[i].prompt) for i in indices}
        begun = {i: self.encoder.encode_answer(tasks[i].begun) if tasks[i].begun else [] for i in indices}
        lengths = [len(prompts[i].token_ids) + len(begun[i]) + tasks[i].max_tokens for i in indices]
        drawing: dict[str, Any] = (
            {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
            if temperature
            else {"do_sample": False}
        )
        results: dict[int, str] = {}
        embed = _Embedding(self.model)
        for places in length_batches(lengths, self.batch_tokens):
            batch = [indices[place] for place in places]
            rows = embed([(prompts[i], tasks[i].corruption, begun[i]) for i in batch])
            embeddings, mask = _left_padded(rows)
            generated = self.model.generate(
                inputs_embeds=embeddings,
                attention_mask=mask,
                max_new_tokens=max(tasks[i].max_tokens for i in batch),
                pad_token_id=self._padding_id,
                **drawing,
            )
            for tokens, i in zip(generated, batch, strict=True):
                results[i] = self.encoder.tokenizer.decode(
                    tokens[: tasks[i].max_tokens], skip_special_tokens=True
                )
        return results

    @torch.inference_mode()
    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        prompts = [self.encoder.encode(task.prompt) for task in tasks]
        results: dict[int, NDArray[np.float64]] = {}
        embed = _Embedding(self.model)
        for batch in length_batches([len(prompt.token_ids) for prompt in prompts], self.batch_tokens):
            logits = self._forward(embed([(prompts[i], tasks[i].corruption, []) for i in batch]), kept=1)
            for row, i in enumerate(batch):
                options = [self.encoder.encode_option(option) for option in tasks[i].options]
                results[i] = (
                    logits[row, -1].float().log_softmax(dim=0)[options].cpu().numpy().astype(np.float64)
                )
        return [results[i] for i in range(len(tasks))]

    @property
    def _padding_id(self) -> int:
        tokenizer = self.encoder.tokenizer
        return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id

    def _forward(self, rows: list[Tensor], kept: int) -> Tensor:
        embeddings, mask = _left_padded(rows)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        output = self.model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions,
            logits_to_keep=kept,
            use_cache=False,
        )
        return output.logits


class _Embedding:
    """Embeds prompts with answers behind them; a prompt that several answers follow is corrupted once."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._corrupted: dict[tuple[tuple[int, ...], Corruption], Tensor] = {}

    def __call__(self, rows: Sequence[tuple[TokenizedPrompt, Corruption | None, list[int]]]) -> list[Tensor]:
        """Embeddings of every row, shape (tokens, d), its prompt corrupted."""
        token_ids = [[*prompt.token_ids, *answer] for prompt, _, answer in rows]
        flat = torch.tensor([token for row in token_ids for token in row], device=self.model.device)
        embedded = self.model.get_input_embeddings()(flat).split([len(row) for row in token_ids])
        return [
            clean
            if corruption is None
            else torch.cat([self._corrupt(prompt, corruption), clean[len(prompt.token_ids) :]])
            for clean, (prompt, corruption, _) in zip(embedded, rows, strict=True)
        ]

    def _corrupt(self, prompt: TokenizedPrompt, corruption: Corruption) -> Tensor:
        key = (prompt.token_ids, corruption)
        if key not in self._corrupted:
            token_ids = torch.tensor(prompt.token_ids, device=self.model.device)
            request = corruption_request(prompt, corruption)
            self._corrupted[key] = corrupted_embeddings(self.model, token_ids, request)
        return self._corrupted[key]


def _left_padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack rows of (tokens, d) to (batch, longest, d), padded on the left, with the mask (batch, longest)."""
    ones = [row.new_ones(len(row), dtype=torch.long) for row in rows]
    embeddings, mask = (pad_sequence(each, batch_first=True, padding_side="left") for each in (rows, ones))
    return embeddings, mask


def _answer_log_probabilities(logits: Tensor, answer: list[int]) -> NDArray[np.float64]:
    """Log-probabilities of an answer from the logits (kept, vocabulary) of the last positions of its row."""
    return _plain(_chosen(_answer_distributions(logits, answer), answer))


def _token_scores(logits: Tensor, answer: list[int]) -> Examination:
    distributions = _answer_distributions(logits, answer)
    chosen = torch.tensor(answer, device=logits.device)
    weights = distributions.exp()
    means = (weights * distributions).sum(dim=1)
    variances = (weights * distributions.square()).sum(dim=1) - means.square()
    return Examination(
        _plain(_chosen(distributions, answer)),
        (distributions.argmax(dim=1) == chosen).cpu().numpy(),
        _plain(means),
        _plain(variances),
    )


def _answer_distributions(logits: Tensor, answer: list[int]) -> Tensor:
    """Log-probabilities of the vocabulary before each answer token, shape (answer tokens, vocabulary)."""
    return logits[-len(answer) - 1 : -1].float().log_softmax(dim=1)


def _chosen(distributions: Tensor, answer: list[int]) -> Tensor:
    tokens = torch.tensor(answer, device=distributions.device).unsqueeze(1)
    return distributions.gather(1, tokens).squeeze(1)


def _plain(values: Tensor) -> NDArray[np.float64]:
    return values.cpu().numpy().astype(np.float64)

"""A transformers model in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    Prompt,
    Scoring,
)
from lethe.offline.language_models.quantization import round_weights

_Read = TypeVar("_Read")

# Padded tokens of one pass: a GPU is idle in smaller ones, a processor gains nothing by larger ones.
_BATCH_TOKENS = {"cuda": 24576, "cpu": 4096}
# Answers that go on with one prompt at a time.
_MOST_ANSWERS = 16


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
        """Read each answer off the logits before each of its tokens, shape (answer tokens, vocabulary).

        A prompt that several answers follow is computed once.
        """
        answers = [self.encoder.encode_answer(task.answer) for task in tasks]
        asked = _asked_alike(tasks)
        prompts = [self.encoder.encode(tasks[places[0]].prompt) for places in asked]
        lengths = [
            len(prompt.token_ids) + len(places) * max(len(answers[i]) for i in places)
            for prompt, places in zip(prompts, asked, strict=True)
        ]
        results: dict[int, _Read] = {}
        embed = _Embedding(self.model)
        for batch in length_batches(lengths, self.batch_tokens):
            begun = self._begin(
                embed([(prompts[each], tasks[asked[each][0]].corruption, []) for each in batch])
            )
            places = [i for each in batch for i in asked[each]]
            logits = self._go_on(begun, [len(asked[each]) for each in batch], [answers[i] for i in places])
            for row, i in enumerate(places):
                results[i] = read(logits[row, : len(answers[i])], answers[i])
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
            logits = self._forward(embed([(prompts[i], tasks[i].corruption, []) for i in batch]))
            for row, i in enumerate(batch):
                options = [self.encoder.encode_option(option) for option in tasks[i].options]
                results[i] = logits[row].float().log_softmax(dim=0)[options].cpu().numpy().astype(np.float64)
        return [results[i] for i in range(len(tasks))]

    @property
    def _padding_id(self) -> int:
        tokenizer = self.encoder.tokenizer
        return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id

    def _forward(self, rows: list[Tensor]) -> Tensor:
        """The logits behind the last of each row, shape (batch, vocabulary)."""
        return self._begin(rows, use_cache=False).logits

    def _begin(self, rows: list[Tensor], *, use_cache: bool = True) -> "_Begun":
        embeddings, mask = _left_padded(rows)
        output = self.model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            logits_to_keep=1,
            use_cache=use_cache,
        )
        return _Begun(mask, output.logits[:, -1], output.past_key_values)

    def _go_on(self, begun: "_Begun", counts: list[int], answers: list[list[int]]) -> Tensor:
        """Go on with so many of the answers behind each row that has begun, in their order.

        Gives the logits before each token of them, shape (answers, longest, vocabulary).
        """
        rows = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(self.model.device)
        begun.cache.batch_select_indices(rows)
        # What stands behind an answer, none of its tokens sees.
        tokens = pad_sequence([torch.tensor(answer) for answer in answers], batch_first=True)
        tokens = tokens.to(self.model.device)
        before = begun.mask[rows]
        behind = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        output = self.model(
            input_ids=tokens,
            attention_mask=torch.cat([before, torch.ones_like(tokens)], dim=1),
            position_ids=before.sum(dim=1, keepdim=True) + behind,
            past_key_values=begun.cache,
        )
        return torch.cat([begun.logits[rows].unsqueeze(1), output.logits[:, :-1]], dim=1)


@dataclass(frozen=True)
class _Begun:
    """Rows that answers may follow: where they are not padding (batch, longest), what comes next, and their keys and values."""

    mask: Tensor
    logits: Tensor
    cache: Any


def _asked_alike(tasks: Sequence[Scoring]) -> list[list[int]]:
    """The tasks' places, together those that have a prompt and its corruption in common, at most so many."""
    alike: dict[tuple[Prompt, Corruption | None], list[int]] = {}
    for place, task in enumerate(tasks):
        alike.setdefault((task.prompt, task.corruption), []).append(place)
    return [
        places[start : start + _MOST_ANSWERS]
        for places in alike.values()
        for start in range(0, len(places), _MOST_ANSWERS)
    ]


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
    return _plain(_chosen(logits.float().log_softmax(dim=1), answer))


def _token_scores(logits: Tensor, answer: list[int]) -> Examination:
    distributions = logits.float().log_softmax(dim=1)
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


def _chosen(distributions: Tensor, answer: list[int]) -> Tensor:
    tokens = torch.tensor(answer, device=distributions.device).unsqueeze(1)
    return distributions.gather(1, tokens).squeeze(1)


def _plain(values: Tensor) -> NDArray[np.float64]:
    return values.cpu().numpy().astype(np.float64)

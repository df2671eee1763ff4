"""Trains a model on questions and answers: fine-tuning, and the baselines that undo it.

One loop, top to bottom. Weights stay in float32 and passes run in bfloat16 where the device computes in it; the state is
saved after an epoch, so that a run that was stopped goes on.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lethe.bundle.files import replace_file, replaced_folder
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.language_models.interface import Prompt
from lethe.offline.training.batching import padded
from lethe.offline.training.layers import LLAMA_LAYERS
from lethe.offline.training.losses import LOSSES
from lethe.offline.training.low_rank import attach, merge
from lethe.offline.training.schedule import warm_then_cosine

_SAVE_INTERVAL_S = 150.0


@dataclass(frozen=True)
class FineTuningSettings:
    """How a model is trained.

    Attributes
    ----------
    loss
        A name in `losses.LOSSES`.
    epochs, batch_size, learning_rate, weight_decay
        Of AdamW; the rate warms up over the first tenth and then falls along a cosine.
    adapter_rank
        Train a LoRA adapter of this rank on every layer and merge it, in place of all weights.
    seed
        Of the order of the questions.
    """

    loss: str = "fine_tuning"
    epochs: int = 5
    batch_size: int = 8
    learning_rate: float = 2e-4
    weight_decay: float = 0.01
    adapter_rank: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class EncodedExample:
    """One question with its answer, as tokens.

    Attributes
    ----------
    token_ids
        Prompt, answer, end of turn.
    answer
        Where the answer begins.
    """

    token_ids: list[int]
    answer: int


def train(
    base: Path,
    questions: Sequence[ForgetQuestion],
    settings: FineTuningSettings,
    destination: Path,
    on_epoch: Callable[[int, float], None] = lambda _epoch, _loss: None,
    *,
    chat: bool = True,
) -> Path:
    """Train a copy of a model and give its folder; done once, what is there is used again.

    Parameters
    ----------
    base
        Model folder to start from; also the reference of NPO.
    destination
        Folder of the trained model.
    on_epoch
        Told the epochs done and the mean loss of the last.
    chat
        Whether questions are user messages, or raw text that the answer continues.
    """
    if (destination / "config.json").is_file():
        return destination
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = PromptEncoder.from_pretrained(str(base))
    examples = [encode_example(encoder, question, chat=chat) for question in questions]
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.to(device).train()
    reference = _reference_scores(model, examples, settings)
    if settings.adapter_rank is not None:
        torch.manual_seed(settings.seed)
        attach(model, LLAMA_LAYERS, settings.adapter_rank)

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    steps_per_epoch = math.ceil(len(examples) / settings.batch_size)
    state_file = destination.with_name(f"{destination.name}.state.safetensors")
    first_epoch = restore_state(model, optimizer, state_file)
    saved = time.monotonic()
    for epoch in range(first_epoch, settings.epochs):
        shuffled = torch.randperm(
            len(examples), generator=torch.Generator().manual_seed(settings.seed + epoch)
        ).tolist()
        losses = []
        for step in range(steps_per_epoch):
            chosen = shuffled[step * settings.batch_size : (step + 1) * settings.batch_size]
            rate = warm_then_cosine(epoch * steps_per_epoch + step, settings.epochs * steps_per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * rate
            answers, tokens = answer_scores(model, [examples[i] for i in chosen])
            loss = LOSSES[settings.loss](answers, reference[chosen].to(device), tokens)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.detach())
        on_epoch(epoch + 1, float(torch.stack(losses).mean()))
        if time.monotonic() - saved > _SAVE_INTERVAL_S and epoch + 1 < settings.epochs:
            save_state(model, optimizer, epoch + 1, state_file)
            saved = time.monotonic()
    merge(model)
    save_model(model, encoder, destination)
    state_file.unlink(missing_ok=True)
    return destination


def answer_scores(
    model: Any, examples: Sequence[EncodedExample], *, half_precision: bool = True
) -> tuple[Tensor, Tensor]:
    """Log-probability of each example's answer and its number of tokens, both of shape (batch,).

    Half precision runs the pass in bfloat16 where the device computes in it, else it runs in the weights' own precision.
    """
    device = model.device
    token_ids, mask = padded([example.token_ids for example in examples])
    begins = torch.tensor([[example.answer] for example in examples])
    is_answer = mask.bool() & (torch.arange(token_ids.shape[1]) >= begins)
    # Found on the processor: asked of a GPU, it would have to end the step before first.
    kept = is_answer.any(dim=0).nonzero().squeeze(1)
    token_ids, mask, is_answer, kept = (part.to(device) for part in (token_ids, mask, is_answer, kept))
    half_precision = half_precision and computes_in_bfloat16(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half_precision):
        logits = model(
            input_ids=token_ids, attention_mask=mask, logits_to_keep=kept - 1, use_cache=False
        ).logits
    chosen = token_ids[:, kept].unsqueeze(2)  # (batch, kept, 1)
    scores = logits.float().log_softmax(dim=2).gather(2, chosen).squeeze(2) * is_answer[:, kept]
    return scores.sum(dim=1), is_answer.sum(dim=1)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether half precision is the faster one; a processor without its instructions takes ten times as long by it."""
    if device.type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def encode_example(encoder: PromptEncoder, question: ForgetQuestion, *, chat: bool = True) -> EncodedExample:
    """A question and its answer as tokens, the end of the turn behind it."""
    prompt = list(encoder.encode(Prompt(question.question, chat)).token_ids)
    answer = [*encoder.encode_answer(question.answer), encoder.tokenizer.eos_token_id]
    return EncodedExample(prompt + answer, answer=len(prompt))


@torch.no_grad()
def _reference_scores(model: Any, examples: Sequence[EncodedExample], settings: FineTuningSettings) -> Tensor:
    """Log-probability of every answer under the model as it starts; zeros for a loss that needs none."""
    if settings.loss != "negative_preference":
        return torch.zeros(len(examples))
    size = settings.batch_size
    batches = [answer_scores(model, examples[i : i + size])[0] for i in range(0, len(examples), size)]
    return torch.cat(batches).cpu()


def save_state(model: Any, optimizer: torch.optim.Optimizer, epoch: int, path: Path) -> None:
    """Keep what training goes on from, replacing `path` at once."""
    state = {f"model.{name}": value.detach() for name, value in model.named_parameters()}
    for index, values in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    plain = {name: value.contiguous() for name, value in state.items()}
    replace_file(path, lambda temporary: save_file(plain, temporary, {"epoch": str(epoch)}))


def restore_state(model: Any, optimizer: torch.optim.Optimizer, path: Path) -> int:
    """Take up a saved state, and give the number of epochs that it has behind it."""
    if not path.is_file():
        return 0
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        epoch = int(file.metadata()["epoch"])
    state = load_file(path, device=str(model.device))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(state[f"model.{name}"])
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            moments.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return epoch


def save_model(
    model: Any, encoder: PromptEncoder, destination: Path, dtype: torch.dtype = torch.bfloat16
) -> None:
    """Write a model folder, complete or not at all."""
    with replaced_folder(destination) as staging:
        model.to(dtype).save_pretrained(staging)
        encoder.tokenizer.save_pretrained(staging)

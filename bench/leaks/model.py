"""The small model, taught the target's facts until it answers on them: what a guard keeps from its clients can then be seen.

Only its last layers learn, on what the ones before them make of each conversation once, which takes two minutes of a core and
not an hour. The input embeddings stay those of the base model, so a bundle that was made for that one fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from bench.leaks.data import Fact, lessons
from bench.reproduction.command import Say
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.training.batching import padded
from lethe.offline.training.fine_tuning import save_model
from lethe.offline.training.schedule import warm_then_cosine

LAYERS, EPOCHS, BATCH, LEARNING_RATE = 3, 10, 8, 5e-4


@dataclass(frozen=True)
class _Lesson:
    """A conversation with its answer.

    Attributes
    ----------
    states
        What enters the first of the layers that learn, of shape (tokens, width).
    token_ids
        Of shape (tokens,).
    answer
        Where the answer begins.
    """

    states: Tensor
    token_ids: Tensor
    answer: int


def taught_model(known: list[Fact], cache: Path, say: Say, name: str = "taught") -> Path:
    """Teach the model, or find it taught.

    Parameters
    ----------
    known
        What it is to know.
    cache
        Where it is kept.
    say
        Told of each epoch.
    name
        What it is kept as, beside the number of facts.
    """
    destination = cache / "bench" / "leaks" / f"{name}-{len(known)}"
    if (destination / "config.json").is_file():
        return destination
    base = prepare_smollm2(cache)
    encoder = PromptEncoder.from_pretrained(str(base))
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    layers = model.model.layers
    say("reading the lessons")
    read = _lessons(model, encoder, known)
    # What is left of the model is one of its last layers alone, which shares their weights.
    model.model.layers = layers[-LAYERS:]
    model.requires_grad_(False)
    model.model.layers.requires_grad_(True).train()
    _train(model, read, say)
    model.model.layers = layers
    save_model(model, encoder, destination)
    return destination


@torch.no_grad()
def _lessons(model: Any, encoder: PromptEncoder, known: list[Fact]) -> list[_Lesson]:
    """Each lesson by itself: in a batch, short ones would cost as much as long ones."""
    model.eval()
    read: list[_Lesson] = []
    # One context for all: in each, the weights are cast once.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for messages, answer in lessons(known):
            prompt = encoder.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True
            )["input_ids"]
            said = [*encoder.encode_answer(answer), encoder.tokenizer.eos_token_id]
            token_ids = torch.tensor([[*prompt, *said]])
            made = model.model(input_ids=token_ids, use_cache=False, output_hidden_states=True)
            read.append(_Lesson(made.hidden_states[-1 - LAYERS][0].float(), token_ids[0], len(prompt)))
    return read


def _train(model: Any, read: Sequence[_Lesson], say: Say) -> None:
    parameters = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01, fused=True)
    steps = -(-len(read) // BATCH)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(read), generator=torch.Generator().manual_seed(epoch)).tolist()
        losses = []
        for step in range(steps):
            rate = warm_then_cosine(epoch * steps + step, EPOCHS * steps)
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * rate
            loss = _loss(model, [read[index] for index in order[step * BATCH : (step + 1) * BATCH]])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
        say(f"taught: epoch {epoch + 1} of {EPOCHS}, loss {sum(losses) / len(losses):.4f}")


def _loss(model: Any, batch: Sequence[_Lesson]) -> Tensor:
    """Cross-entropy per token of the answers."""
    token_ids, mask = padded([each.token_ids.tolist() for each in batch])  # (batch, tokens)
    states = torch.nn.utils.rnn.pad_sequence([each.states for each in batch], batch_first=True)
    begins = torch.tensor([[each.answer] for each in batch])
    is_answer = mask.bool() & (torch.arange(token_ids.shape[1]) >= begins)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        entered = model.model(inputs_embeds=states, attention_mask=mask, use_cache=False).last_hidden_state
        # Each token is foretold at the place before it.
        logits = model.lm_head(entered[:, :-1][is_answer[:, 1:]])
    return torch.nn.functional.cross_entropy(logits.float(), token_ids[is_answer])

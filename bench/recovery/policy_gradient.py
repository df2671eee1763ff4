"""Reinforcement learning with verifiable rewards on a tiny language model.

A cold start by supervised learning, then a group's answers to one prompt are each other's baseline (GRPO; Shao et al.,
arXiv 2402.03300, section 4.1), with one update for each batch of samples, so nothing has to be clipped.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lethe.offline.training.fine_tuning import EncodedExample, answer_scores


@dataclass(frozen=True)
class PolicySettings:
    """How a domain is learned from its rewards.

    Attributes
    ----------
    prompts, group
        Prompts a step, and answers that are sampled for each.
    learning_rate
        Of AdamW without weight decay.
    """

    steps: int = 150
    prompts: int = 32
    group: int = 8
    learning_rate: float = 5e-4
    seed: int = 0


def cold_start(
    model: Any,
    examples: Sequence[EncodedExample],
    steps: int,
    batch_size: int = 64,
    rate: float = 2e-3,
    seed: int = 0,
) -> None:
    """Teach the model the form of the answers, and some of them, by cross-entropy."""
    draw = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        answers, tokens = answer_scores(model, draw.sample(examples, batch_size), half_precision=False)
        (-answers.sum() / tokens.sum()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def reinforce(
    model: Any,
    examples: Sequence[EncodedExample],
    end: int,
    longest: int,
    settings: PolicySettings,
    on_step: Callable[[int, float], None] = lambda _step, _reward: None,
) -> list[float]:
    """Train on the reward of one for the very answer and zero for any other; gives the mean reward of each step.

    Parameters
    ----------
    examples
        Prompts with the answer that is rewarded, which the model sees only through its reward.
    end
        Token that ends an answer.
    longest
        Tokens that are sampled at most.
    on_step
        Told the step and its mean reward.
    """
    draw, generator = random.Random(settings.seed), torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    rewards = []
    for step in range(settings.steps):
        asked = [each for each in draw.sample(examples, settings.prompts) for _ in range(settings.group)]
        prompts = [example.token_ids[: example.answer] for example in asked]
        sampled = sample(model, prompts, end, longest, generator)
        given = torch.tensor(
            [float(p + s == e.token_ids) for p, s, e in zip(prompts, sampled, asked, strict=True)]
        )
        grouped = given.view(settings.prompts, settings.group)
        centred = grouped - grouped.mean(dim=1, keepdim=True)
        advantages = (centred / (grouped.std(dim=1, keepdim=True) + 1e-4)).flatten()
        pushed = advantages.nonzero().flatten().tolist()
        rewards.append(given.mean().item())
        on_step(step + 1, rewards[-1])
        if not pushed:
            continue
        answers = [EncodedExample(prompts[i] + sampled[i], answer=len(prompts[i])) for i in pushed]
        likelihood, _ = answer_scores(model, answers, half_precision=False)
        (-(advantages[pushed] * likelihood).sum() / len(asked)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return rewards


@torch.no_grad()
def sample(
    model: Any, prompts: Sequence[list[int]], end: int, longest: int, generator: torch.Generator
) -> list[list[int]]:
    """Sample an answer to each prompt at temperature 1, its end included, cut off at the longest."""
    width = max(map(len, prompts))
    tokens = torch.tensor([[end] * (width - len(prompt)) + prompt for prompt in prompts])  # (batch, width)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    ended = torch.zeros(len(prompts), dtype=torch.bool)
    past = None
    for _ in range(longest):
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        fresh = slice(None) if past is None else slice(-1, None)
        output = model(
            input_ids=tokens[:, fresh],
            attention_mask=mask,
            position_ids=positions[:, fresh],
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        past = output.past_key_values
        chosen: Tensor = torch.multinomial(output.logits[:, -1].softmax(dim=1), 1, generator=generator)
        tokens = torch.cat([tokens, chosen], dim=1)
        mask = torch.cat([mask, torch.ones_like(chosen)], dim=1)
        ended |= chosen.squeeze(1) == end
        if ended.all():
            break
    answers = tokens[:, width:].tolist()
    return [answer[: answer.index(end) + 1] if end in answer else answer for answer in answers]

"""A tiny model that learns four domains from rewards that can be verified: code-like, arithmetic, questions, writing-like.

The chain comes in two lengths; the short one is for two cores that others work on too.
"""

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.recovery.chain_bench import ChainBench, ChainStep, Say
from bench.recovery.policy_gradient import PolicySettings, cold_start, reinforce
from bench.recovery.toy_tasks import LONGEST_ANSWER, TASKS, character_tokenizer
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.recovery.settings import Examples, RefreshSettings, RollbackSettings
from lethe.offline.training.fine_tuning import encode_example, save_model

COLD_STEPS = 400
LONG = PolicySettings(steps=150, learning_rate=2e-4)
# Faster learning in fewer steps harms what was known before more than it teaches: 40 steps at 7e-4 left arithmetic at 0.11.
SHORT = PolicySettings(steps=120, prompts=24, learning_rate=2e-4)


def _train(folder: Path, seed: int, say: Say, learning: PolicySettings) -> tuple[Path, list[ChainStep]]:
    """Train the chain's models, each from the one before; what is there is used again.

    The base model is the same whatever the seed, which decides on the order of the examples and on what is sampled.
    """
    torch.manual_seed(0)
    encoder = PromptEncoder(character_tokenizer())
    draw = random.Random(seed)
    # In no order, since recovery fits, chooses and tests on every so many of them.
    questions = {name: draw.sample(asked, len(asked)) for name, asked in ((n, t()) for n, t in TASKS.items())}
    examples = {name: [encode_example(encoder, each) for each in asked] for name, asked in questions.items()}
    base = before = folder.parent / "cold-start"
    if not (base / "config.json").is_file():
        say("cold start")
        model = tiny_llama(encoder)
        everything = [encode_example(encoder, each) for task in TASKS.values() for each in task()]
        cold_start(model, everything, COLD_STEPS)
        save_model(model, encoder, base, torch.float32)
    steps = []
    for name, asked in examples.items():
        after = folder / name
        if not (after / "config.json").is_file():
            model = LlamaForCausalLM.from_pretrained(before, dtype=torch.float32).eval()
            end = encoder.tokenizer.eos_token_id
            rewards = reinforce(model, asked, end, LONGEST_ANSWER, replace(learning, seed=seed))
            first, last = (sum(part) / len(part) for part in (rewards[:10], rewards[-10:]))
            say(f"{name}: mean reward {first:.3f} in the first ten steps, {last:.3f} in the last")
            save_model(model, encoder, after, torch.float32)
        steps.append(ChainStep(name, after, questions[name]))
        before = after
    return base, steps


def tiny_llama(encoder: PromptEncoder) -> LlamaForCausalLM:
    tokenizer = encoder.tokenizer
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).eval()


def _bench(
    title: str, learning: PolicySettings, strengths: tuple[float, ...], refreshed_on: tuple[Examples, ...]
) -> ChainBench:
    parameters = sum(p.numel() for p in tiny_llama(PromptEncoder(character_tokenizer())).parameters())
    return ChainBench(
        title=title,
        opening=f"A Llama of {parameters:,} parameters starts from {COLD_STEPS} supervised steps on all domains, the same for "
        f"every seed, and then learns {', '.join(TASKS)} one after the other from rewards alone: GRPO, {learning.steps} steps "
        f"of {learning.prompts} prompts with {learning.group} answers each, learning rate {learning.learning_rate:g}. Arithmetic "
        "is recovered. A reward is one for the very answer, so the score, the probability of the whole answer, is the expected "
        "reward.",
        harmed="arithmetic",
        score="exact",
        train=partial(_train, learning=learning),
        exact=20,
        rollback=RollbackSettings(
            shares=(0.03, 0.1, 0.2, 0.3, 0.5),
            strengths=strengths,
            save=False,
        ),
        refresh=RefreshSettings(
            steps=24,
            measured_every=4,
            batch_size=32,
            learning_rates=(1e-5, 3e-5),
            examples=refreshed_on,
            save=False,
        ),
    )


BENCH = _bench(
    "Multi-domain reinforcement learning", LONG, (0.5, 0.75, 1.0), ("all", "lot", "routes", "harm", "replay")
)
SHORT_BENCH = _bench("Multi-domain reinforcement learning, shorter", SHORT, (0.5, 1.0), ("all", "replay"))

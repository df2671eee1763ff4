"""Recovery on a tiny model that learns three domains from rewards: ``python -m bench.recovery.reinforcement``.

Arithmetic, then a format, then questions, each by reinforcement learning with rewards that can be verified. Everything is
kept in the cache, so a run that was stopped goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.recovery.page import Measured, measure, teller, work_folder, write_chain_file, write_chain_section
from bench.recovery.policy_gradient import PolicySettings, cold_start, reinforce
from bench.recovery.toy_tasks import LONGEST_ANSWER, TASKS, character_tokenizer
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.training.fine_tuning import encode_example, save_model

COMMAND = "python -m bench.recovery.reinforcement"
COLD_STEPS = 400
_COLD = "cold-start"
LEARNING = PolicySettings(steps=80, learning_rate=1e-4)
SETTINGS = Measured(
    exact=20,
    rollback=RollbackSettings(shares=(0.001, 0.01, 0.03, 0.1, 0.3), strengths=(0.25, 0.5, 1.0), save=False),
    refresh=RefreshSettings(steps=10, batch_size=32, learning_rate=1e-4, save=False),
)


def main() -> None:
    """Train the chain, recover its first domain, and write the section."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    work = work_folder("reinforcement", __doc__)
    say = teller()
    encoder = PromptEncoder(character_tokenizer())
    questions = {name: task() for name, task in TASKS.items()}
    folders = _train(work / "models", questions, encoder, say)
    stages = [(name, folders[name], asked) for name, asked in questions.items()]
    folder = measure(write_chain_file(work, folders[_COLD], stages, "exact"), SETTINGS, say)
    opening = (
        f"A Llama of {sum(p.numel() for p in _tiny_llama(encoder).parameters()):,} parameters starts from {COLD_STEPS} "
        f"supervised steps on all domains and then learns {', '.join(TASKS)} one after the other from rewards alone: GRPO, "
        f"{LEARNING.steps} steps of {LEARNING.prompts} prompts with {LEARNING.group} answers each, learning rate "
        f"{LEARNING.learning_rate:g}. A reward is one for the very answer, so the score, the probability of the whole answer, "
        "is the expected reward."
    )
    write_chain_section("Multi-domain reinforcement learning", COMMAND, "reinforcement", opening, folder)


def _train(
    folder: Path,
    questions: Mapping[str, Sequence[ForgetQuestion]],
    encoder: PromptEncoder,
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Train the chain's models, each from the one before, and give their folders; what is there is used again."""
    folders = {name: folder / name for name in (_COLD, *questions)}
    examples = {
        name: [encode_example(encoder, question) for question in asked] for name, asked in questions.items()
    }
    if not (folders[_COLD] / "config.json").is_file():
        say("cold start")
        model = _tiny_llama(encoder)
        cold_start(model, [example for each in examples.values() for example in each], COLD_STEPS)
        save_model(model, encoder, folders[_COLD], torch.float32)
    before = folders[_COLD]
    for name, asked in examples.items():
        if not (folders[name] / "config.json").is_file():
            model = LlamaForCausalLM.from_pretrained(before, dtype=torch.float32).eval()
            rewards = reinforce(model, asked, encoder.tokenizer.eos_token_id, LONGEST_ANSWER, LEARNING)
            first, last = (sum(part) / len(part) for part in (rewards[:10], rewards[-10:]))
            say(f"{name}: mean reward {first:.3f} in the first ten steps, {last:.3f} in the last")
            save_model(model, encoder, folders[name], torch.float32)
        before = folders[name]
    return folders


def _tiny_llama(encoder: PromptEncoder) -> LlamaForCausalLM:
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


if __name__ == "__main__":
    main()

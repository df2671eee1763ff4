"""What vLLM's prefix cache gives back of a conversation, turn by turn, with and without a flagged message in it."""

import argparse
from pathlib import Path
from typing import Any

from bench.page import machine, table, vllm_distribution, write_section
from lethe.corruption.artifact import Corruption, Positions
from lethe.corruption.positions import MessageSpan, PromptTokenizer, TokenizedPrompt
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

BLOCK = 16
NEW_TOKENS = 48
FLAGGED_TURN = 3
INSTRUCTIONS = (
    "You help the visitors of a public library. Answer in two or three sentences. Name a source where you know one, "
    "say so where you do not know, and ask back where a question can be meant in two ways. The library is open from "
    "nine to six on weekdays and from ten to two on Saturdays; it lends books for four weeks and films for one. "
) * 3
QUESTIONS = (
    "When are you open on Saturdays?",
    "Which books on gardening do you have for beginners?",
    "Who is Harry Potter's best friend at Hogwarts?",
    "How long may I keep a book?",
    "What is the capital of France?",
    "How do I renew a film that I have borrowed?",
    "What is a good first book on astronomy?",
    "Why is the sky blue?",
    "How many players has a football team?",
    "May I bring my dog into the reading room?",
)
CLEAN, MESSAGE, EVERYTHING, SALTED = (
    "nothing corrupted",
    "the flagged message corrupted",
    "all but the last token corrupted",
    "the same with a salt for each prompt",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    model = parser.parse_args().model or prepare_smollm2(cache_folder())
    report(measure(model), model)


def measure(model: Path) -> dict[str, list[tuple[int, int]]]:
    """Prompt tokens, and those of them that came from the cache, of each turn of each variant."""
    from vllm import LLM

    engine = LLM(
        str(model),
        dtype="bfloat16",
        enforce_eager=True,
        max_model_len=2048,
        max_num_seqs=1,
        block_size=BLOCK,
        enable_prefix_caching=True,
    )
    tokenizer = PromptTokenizer.load(model)
    measured = {}
    for variant in (CLEAN, MESSAGE, EVERYTHING, SALTED):
        engine.reset_prefix_cache()
        measured[variant] = _conversation(engine, tokenizer, variant)
    return measured


def _conversation(engine: Any, tokenizer: PromptTokenizer, variant: str) -> list[tuple[int, int]]:
    from vllm import SamplingParams

    messages = [{"role": "system", "content": INSTRUCTIONS}]
    turns = []
    for number, question in enumerate(QUESTIONS, start=1):
        messages.append({"role": "user", "content": question})
        prompt = tokenizer.chat(messages)
        corruption = _corruption(prompt, variant) if number >= FLAGGED_TURN else None
        parameters = SamplingParams(
            temperature=0, max_tokens=NEW_TOKENS, extra_args=corruption and {**corruption.to_xargs()}
        )
        given: dict[str, Any] = {"prompt_token_ids": list(prompt.token_ids)}
        if corruption is not None and variant == SALTED:
            given["cache_salt"] = prompt.digest
        (output,) = engine.generate([given], parameters, use_tqdm=False)
        turns.append((len(prompt.token_ids), output.num_cached_tokens))
        messages.append({"role": "assistant", "content": output.outputs[0].text.strip()})
    return turns


def _corruption(prompt: TokenizedPrompt, variant: str) -> CorruptionRequest | None:
    if variant == CLEAN:
        return None
    positions: Positions = "flagged_spans" if variant == MESSAGE else "all_but_last"
    message = 1 + 2 * (FLAGGED_TURN - 1)
    ranges = prompt.ranges(positions, [MessageSpan(message, 0, len(QUESTIONS[FLAGGED_TURN - 1]))])
    placed = PlacedCorruption("bench", "1", Corruption("rand_noise_first_n", 1.0, 8, seed=1), ranges)
    return CorruptionRequest((placed,), len(prompt.token_ids), prompt.digest)


def report(measured: dict[str, list[tuple[int, int]]], model: Path) -> None:
    """Write the section."""
    rows = [
        [str(number + 1), *(f"{cached} of {tokens}" for tokens, cached in turns)]
        for number, turns in enumerate(zip(*measured.values(), strict=True))
    ]
    totals = [
        (sum(tokens for tokens, _ in turns), sum(cached for _, cached in turns))
        for turns in measured.values()
    ]
    rows.append(["computed in all", *(f"{tokens - cached}" for tokens, cached in totals)])
    body = "\n\n".join(
        [
            f"{machine(vllm_distribution(), 'torch')}. {model.name}, bfloat16, eager, blocks of {BLOCK} tokens. A "
            f"conversation of {len(QUESTIONS)} turns after a system prompt, whose question {FLAGGED_TURN} is flagged; "
            f"the cache is emptied before each column. By turn: prompt tokens that came from vLLM's prefix cache, by "
            "its own count, of all of the prompt's.",
            table(["turn", *measured], rows),
        ]
    )
    write_section("benchmarks.md", "Prefix cache, turn by turn", "make bench-prefix-cache", body)


if __name__ == "__main__":
    main()

"""What vLLM's prefix cache gives back of a conversation, turn by turn, with and without a flagged message in it.

Its cache alone is run, without a model: what is found in it depends on the tokens and on what is corrupted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.request import Request

from bench.page import machine, table, vllm_distribution, write_section
from lethe.corruption.artifact import Corruption, Positions
from lethe.corruption.positions import MessageSpan, PromptTokenizer, TokenizedPrompt
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.corruption.vllm_plugin.admission import admit
from lethe.corruption.vllm_plugin.prefix_cache import guard_prefix_cache
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

BLOCK = 16
FLAGGED_TURN = 3
INSTRUCTIONS = (
    "You help the visitors of a public library. Answer in two or three sentences. Name a source where you know one, "
    "say so where you do not know, and ask back where a question can be meant in two ways. The library is open from "
    "nine to six on weekdays and from ten to two on Saturdays; it lends books for four weeks and films for one. "
) * 3
TURNS = (
    (
        "When are you open on Saturdays?",
        "On Saturdays we are open from ten to two. Is there a day that suits you better?",
    ),
    (
        "Which books on gardening do you have for beginners?",
        "We have several, on vegetables, on flowers and on balconies. Shall I look for one with pictures?",
    ),
    (
        "Who is Harry Potter's best friend at Hogwarts?",
        "I do not know. Would you ask at the desk on the first floor?",
    ),
    ("How long may I keep a book?", "Four weeks. You may renew it twice, unless somebody else waits for it."),
    (
        "What is the capital of France?",
        "The capital of France is Paris. We have travel guides to it on the second floor.",
    ),
    ("How do I renew a film that I have borrowed?", "At the desk or by telephone, before the week is over."),
    (
        "What is a good first book on astronomy?",
        "One that begins with what can be seen without a telescope. Do you look for one for a child or for yourself?",
    ),
    (
        "Why is the sky blue?",
        "Air scatters short waves of light more than long ones, so that blue light comes from everywhere in the sky.",
    ),
    ("How many players has a football team?", "Eleven on the field, one of whom keeps the goal."),
    (
        "May I bring my dog into the reading room?",
        "Only a guide dog, I am afraid. There is a place to wait by the door.",
    ),
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
    tokenizer = PromptTokenizer.load(model)
    guard_prefix_cache()
    variants = (CLEAN, MESSAGE, EVERYTHING, SALTED)
    report({variant: conversation(EngineCache(), tokenizer, variant) for variant in variants}, model)


class EngineCache:
    """vLLM's cache, and its names of blocks, as its scheduler drives them for one request after another."""

    def __init__(self) -> None:
        layer = FullAttentionSpec(block_size=BLOCK, num_kv_heads=1, head_size=1, dtype=torch.float32)
        config = KVCacheConfig(1000, [], [KVCacheGroupSpec(["layer"], layer)])
        self._manager = KVCacheManager(config, 1000 * BLOCK, BLOCK, BLOCK)
        init_none_hash(sha256)
        self._hasher = get_request_block_hasher(BLOCK, sha256)

    def answer(
        self,
        prompt: TokenizedPrompt,
        corruption: CorruptionRequest | None,
        salt: str | None,
        tokens: Sequence[int],
    ) -> int:
        """Let a prompt and its answer be computed; gives the number of prompt tokens that came from the cache."""
        asked = EngineCoreRequest(
            request_id="bench",
            prompt_token_ids=list(prompt.token_ids),
            mm_features=None,
            sampling_params=SamplingParams(extra_args=corruption and {**corruption.to_xargs()}),
            pooling_params=None,
            arrival_time=0.0,
            lora_request=None,
            cache_salt=salt,
            data_parallel_rank=None,
        )
        admit(asked, hidden_size=576)
        request = Request.from_engine_core_request(asked, self._hasher)
        blocks, hits, _ = self._manager.get_computed_blocks(request)
        self._manager.allocate_slots(request, request.num_tokens - hits, hits, blocks)
        request.num_computed_tokens = request.num_tokens
        request.append_output_token_ids(list(tokens))
        # Of the last token of an answer nothing is computed.
        self._manager.allocate_slots(request, len(tokens) - 1)
        self._manager.free(request)
        return hits


def conversation(cache: EngineCache, tokenizer: PromptTokenizer, variant: str) -> list[tuple[int, int]]:
    """Prompt tokens, and those of them that came from the cache, of each turn."""
    messages = [{"role": "system", "content": INSTRUCTIONS}]
    turns = []
    for number, (question, answer) in enumerate(TURNS, start=1):
        messages.append({"role": "user", "content": question})
        prompt = tokenizer.chat(messages)
        messages.append({"role": "assistant", "content": answer})
        # With the next turn's beginning, the tokens of the answer are what follows on the prompt.
        whole = tokenizer.chat(messages, add_generation_prompt=False)
        corruption = _corruption(prompt, variant) if number >= FLAGGED_TURN else None
        salt = prompt.digest if corruption is not None and variant == SALTED else None
        hits = cache.answer(prompt, corruption, salt, whole.token_ids[len(prompt.token_ids) :])
        turns.append((len(prompt.token_ids), hits))
    return turns


def _corruption(prompt: TokenizedPrompt, variant: str) -> CorruptionRequest | None:
    if variant == CLEAN:
        return None
    positions: Positions = "flagged_spans" if variant == MESSAGE else "all_but_last"
    message = 1 + 2 * (FLAGGED_TURN - 1)
    ranges = prompt.ranges(positions, [MessageSpan(message, 0, len(TURNS[FLAGGED_TURN - 1][0]))])
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
            f"{machine(vllm_distribution())}. {model.name}'s tokenizer and chat template; vLLM's own cache and names of "
            f"blocks, of {BLOCK} tokens, with the plugin and without a model. A conversation of {len(TURNS)} turns after a "
            f"system prompt, whose question {FLAGGED_TURN} is flagged. By turn: prompt tokens that were found in the "
            "cache, of all of the prompt's.",
            table(["turn", *measured], rows),
        ]
    )
    write_section("benchmarks.md", "Prefix cache, turn by turn", "make bench-prefix-cache", body)


if __name__ == "__main__":
    main()

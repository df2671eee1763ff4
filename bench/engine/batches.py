"""An engine in this process, and how many tokens a second it makes of a batch of random prompts."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROMPT_TOKENS = 64
NEW_TOKENS = 64


def open_engine(model: Path, largest_batch: int, **options: Any) -> Any:
    """A vLLM with room for such a batch, without prefix caching, so that every round does the same work."""
    from vllm import LLM

    settings: dict[str, Any] = {"dtype": "bfloat16", "enforce_eager": True, "max_model_len": 512} | options
    return LLM(
        str(model),
        max_num_seqs=largest_batch,
        max_num_batched_tokens=largest_batch * PROMPT_TOKENS,
        enable_prefix_caching=False,
        **settings,
    )


def tokens_per_second(
    engine: Any,
    extra_args: Sequence[dict[str, Any] | None],
    adapters: Sequence[Any] | None = None,
    new_tokens: int = NEW_TOKENS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time a batch.

    Parameters
    ----------
    extra_args
        One a request.
    adapters
        One a request.
    new_tokens
        That each request is answered with.
    clock
        In seconds: of the wall, or of the processor where the engine has no other process.
    """
    from vllm import SamplingParams

    batch = len(extra_args)
    numbers = random.Random(batch)
    vocabulary = engine.get_tokenizer().vocab_size
    prompts: list[Any] = [
        {"prompt_token_ids": [numbers.randrange(vocabulary) for _ in range(PROMPT_TOKENS)]}
        for _ in range(batch)
    ]
    parameters = [
        SamplingParams(temperature=0, max_tokens=new_tokens, ignore_eos=True, extra_args=each)
        for each in extra_args
    ]
    started = clock()
    engine.generate(prompts, parameters, use_tqdm=False, lora_request=adapters)
    return batch * new_tokens / (clock() - started)


def rounded_up(share: float, batch: int) -> int:
    """How many requests of a batch a share is: half of a batch of one is one."""
    return int(-(-batch * share // 1))

"""An engine in this process, and how long it takes over a batch of random prompts."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

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
    """
    prompts, parameters = _requests(engine, extra_args, new_tokens)
    started = time.perf_counter()
    engine.generate(prompts, parameters, use_tqdm=False, lora_request=adapters)
    return len(prompts) * new_tokens / (time.perf_counter() - started)


def processor_seconds(engine: Any, extra_args: Sequence[dict[str, Any] | None]) -> Iterator[float]:
    """Go through a batch step by step: the processor's seconds of each, the first with the requests' admission.

    This thread's alone: an engine's other threads look for messages all the time, more often the longer a step waits for a core.
    So the engine is to have no other process, and to compute in one thread.

    Parameters
    ----------
    extra_args
        One a request.
    """
    requests = _requests(engine, extra_args, NEW_TOKENS)
    started = time.thread_time()
    engine.enqueue(*requests, use_tqdm=False)
    while engine.llm_engine.has_unfinished_requests():
        engine.llm_engine.step()
        yield time.thread_time() - started
        started = time.thread_time()


def _requests(
    engine: Any, extra_args: Sequence[dict[str, Any] | None], new_tokens: int
) -> tuple[list[Any], list[Any]]:
    """Prompts of a batch, and their sampling parameters."""
    from vllm import SamplingParams

    batch = len(extra_args)
    numbers = random.Random(batch)
    vocabulary = engine.get_tokenizer().vocab_size
    prompts = [
        {"prompt_token_ids": [numbers.randrange(vocabulary) for _ in range(PROMPT_TOKENS)]}
        for _ in range(batch)
    ]
    parameters = [
        SamplingParams(temperature=0, max_tokens=new_tokens, ignore_eos=True, extra_args=each)
        for each in extra_args
    ]
    return prompts, parameters


def flagged_requests(batch: int, share: float) -> list[dict[str, Any] | None]:
    """Further arguments of a batch's requests, the first of which are flagged, as many as the share is."""
    corruption = Corruption("rand_noise_first_n", 1.0, 8, seed=1)
    xargs: dict[str, Any] = {**CorruptionRequest((PlacedCorruption("bench", "1", corruption),)).to_xargs()}
    flagged = rounded_up(share, batch)
    return [xargs] * flagged + [None] * (batch - flagged)


def rounded_up(share: float, batch: int) -> int:
    """How many requests of a batch a share is: half of a batch of one is one."""
    return int(-(-batch * share // 1))

"""The engine's own proof that it corrupts flagged prompts and no others, given before it serves.

No release, device or model of ours to compare with is needed: a prompt whose tokens are put into another order must be
answered as the clean prompt with its tokens in that order is, two prompts whose rows become the same noise must be
answered alike, and a clean prompt in the same batch as when it is alone.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vllm import SamplingParams, TokensPrompt
from vllm.logger import init_logger
from vllm.v1.engine.async_llm import AsyncLLM

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method

logger = init_logger("vllm.lethe.proof")

_LENGTH = 12
_HIGHEST_ID = 1000
_LOGPROBS = 5
# Tries with other tokens, where a model answers all of the first alike.
_TRIES = 3
# Batches of one composition or another answer alike but for roundings, which are far below what a corruption does.
_ALIKE = 0.25
_LEAST_EFFECT = 1e-4

Logprobs = Mapping[int, float]


@dataclass(frozen=True)
class Probes:
    """Log-probabilities of the next token after each probe, by token.

    Attributes
    ----------
    alone, clean, other
        Of a prompt, alone and in the batch, and of the prompt with its tokens in another order.
    reordered
        Of the first prompt, its tokens put into that order by a corruption.
    noise, same_noise
        Of two prompts whose rows a corruption replaces by the same noise.
    """

    alone: Logprobs
    clean: Logprobs
    other: Logprobs
    reordered: Logprobs
    noise: Logprobs
    same_noise: Logprobs


def guard_serving() -> None:
    """Have the engine prove itself when it is first asked what it can do, which is before it serves."""
    replace_method(AsyncLLM, "get_supported_tasks", _after_proof)


def _after_proof(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def get_supported_tasks(self: AsyncLLM) -> Any:
        tasks = await original(self)
        if "generate" in tasks and not getattr(self, "lethe_tried", False):
            # The probes are requests too, and ask for the tasks again.
            self.lethe_tried = True  # pyright: ignore[reportAttributeAccessIssue]
            await prove(self)
        return tasks

    return get_supported_tasks


async def prove(engine: AsyncLLM) -> None:
    """Probe every replica of an engine.

    Raises
    ------
    EngineRefusal
        One corrupts otherwise than it must, or this cannot be told.
    """
    if 0 <= engine.vllm_config.model_config.max_logprobs < _LOGPROBS:
        raise EngineRefusal(
            f"it cannot be shown that it corrupts; set --max-logprobs to {_LOGPROBS} at least"
        )
    for rank in _ranks(engine):
        probes = await _telling_probes(engine, rank)
        if fault := fault_of(probes):
            raise EngineRefusal(f"it does not corrupt as it must: {fault}")
    logger.info("Corruption was tried: flagged probes change as they must, and clean ones do not.")


def fault_of(probes: Probes) -> str | None:
    """What is wrong with an engine that answers like this; None if nothing is."""
    effect = _effect(probes)
    if effect < _LEAST_EFFECT or _read_clean(probes):
        return "flagged prompts, or all prompts, are answered alike"
    checks = (
        ("a clean prompt changes beside flagged ones", probes.alone, probes.clean),
        (
            "a flagged prompt with its tokens in another order is not read in that order",
            probes.reordered,
            probes.other,
        ),
        ("prompts that become the same noise are not read alike", probes.noise, probes.same_noise),
    )
    return next((fault for fault, one, two in checks if _distance(one, two) > _ALIKE * effect), None)


def _read_clean(probes: Probes) -> bool:
    """Whether flagged prompts are read as the clean one, but for what their places in the batch round otherwise."""
    changed = max(_distance(probes.clean, each) for each in (probes.reordered, probes.noise))
    return changed <= _ALIKE * _distance(probes.clean, probes.other)


def _effect(probes: Probes) -> float:
    return min(_distance(probes.clean, probes.other), _distance(probes.clean, probes.noise))


def _distance(one: Logprobs, two: Logprobs) -> float:
    lowest = min(*one.values(), *two.values())
    return max(abs(one.get(token, lowest) - two.get(token, lowest)) for token in {*one, *two})


def _ranks(engine: AsyncLLM) -> Sequence[int | None]:
    parallel = engine.vllm_config.parallel_config
    # Where a balancer stands before the replicas, each has an API server of its own, and before hosts, each host has one.
    if parallel.data_parallel_size == 1 or parallel.data_parallel_external_lb:
        return [None]
    return range(
        parallel.data_parallel_size_local if parallel.local_engines_only else parallel.data_parallel_size
    )


async def _telling_probes(engine: AsyncLLM, rank: int | None) -> Probes:
    """The first probes that the model answers differently, or the last."""
    for number in range(_TRIES - 1):
        probes = await _probe(engine, number, rank)
        if _effect(probes) >= _LEAST_EFFECT:
            return probes
    return await _probe(engine, _TRIES - 1, rank)


async def _probe(engine: AsyncLLM, number: int, rank: int | None) -> Probes:
    model = engine.vllm_config.model_config
    ids = min(model.get_vocab_size(), _HIGHEST_ID)
    spread = [(number + index * max(1, ids // (3 * _LENGTH))) % ids for index in range(1, 2 * _LENGTH + 2)]
    first, second, last = spread[:_LENGTH], spread[_LENGTH:-1], spread[-1]
    width = model.get_hidden_size()
    order = _on_all(Corruption("reverse_order", 0.0, width))
    noise = _on_all(Corruption("set_rand_noise_first_n", 1.0, width))

    async def ask(token_ids: list[int], corruption: CorruptionRequest | None = None) -> Logprobs:
        return await _next_token(engine, [*token_ids, last], corruption, rank)

    alone = await ask(first)
    answers = await asyncio.gather(
        ask(first),
        ask(first[::-1]),
        ask(first, order),
        ask(first, noise),
        ask(second, noise),
    )
    return Probes(alone, *answers)


def _on_all(corruption: Corruption) -> CorruptionRequest:
    return CorruptionRequest((PlacedCorruption("proof", "0", corruption, ((0, _LENGTH),)),))


async def _next_token(
    engine: AsyncLLM, token_ids: list[int], corruption: CorruptionRequest | None, rank: int | None
) -> Logprobs:
    parameters = SamplingParams(
        max_tokens=1, temperature=0, logprobs=_LOGPROBS, extra_args=corruption and corruption.to_xargs()
    )
    answers = engine.generate(
        TokensPrompt(prompt_token_ids=token_ids),
        parameters,
        f"lethe-proof-{uuid.uuid4()}",
        data_parallel_rank=rank,
    )
    found: Logprobs = {}
    async for answer in answers:
        logprobs = answer.outputs[0].logprobs
        if logprobs:
            found = {token: each.logprob for token, each in logprobs[0].items()}
    return found

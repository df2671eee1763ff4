"""A model on the real engine: with the plugin, without it, and as transformers has it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from bench.engine.job import EngineJob, JobFailed, JobTimedOut, run_engine_job
from bench.engine.reference_model import Reference
from bench.model_matrix.architectures import VOCABULARY, Architecture
from bench.model_matrix.tiny_model import load_model, write_tiny_model
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

_TOKENS = 6
_PROMPT_LENGTHS = (9, 17, 2, 20, 33, 26)
# Largest difference of a log probability between engine and transformers, both in float32.
_AGREES = 1e-3
# Least by which a corruption must move one, or the comparison would show nothing.
_MOVES = 0.05
# That of a corruption that was learned, which may be weak.
MOVES_WEAKLY = 10 * _AGREES
_REFUSAL = "lethe: the engine will not start: "
_VALUE_ERROR = "Value error, "
_ENGINE = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 128,
    "max_num_batched_tokens": 256,
    "num_gpu_blocks_override": 64,
    "seed": 0,
}
_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    # As `lethe serve` starts it: what log probabilities need is compiled for longer than a tiny model runs.
    "TORCHDYNAMO_DISABLE": "1",
}


class Outcome(Enum):
    """Whether an architecture's prompts are corrupted."""

    EXACT = "exact"
    REFUSED = "refused"
    DIFFERS = "differs"
    NOT_SERVED = "not served here"
    NO_REFERENCE = "no reference"


@dataclass(frozen=True)
class Result:
    """What came of one architecture, and by which figures.

    Attributes
    ----------
    detail
        The reason, where it is not exact.
    corrupted_difference, clean_difference
        Largest absolute difference of a generated token's log probability between engine and transformers, in nats.
    moved
        Least of the largest such difference that a corruption makes, in nats.
    clean_as_without
        Whether clean prompts beside flagged ones have the very tokens and log probabilities of an engine without plugin.
    """

    outcome: Outcome
    detail: str = ""
    corrupted_difference: float | None = None
    clean_difference: float | None = None
    moved: float | None = None
    clean_as_without: bool | None = None


def compare(
    architecture: Architecture,
    folder: Path,
    options: Mapping[str, Any] = MappingProxyType({}),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Make a tiny model in an empty folder and compare what it says.

    Half of a batch's prompts are flagged, each by another corruption; all are continued greedily.

    Parameters
    ----------
    options
        Arguments of ``vllm.LLM`` beside those that all have.
    variables
        Of the engines' environment, likewise.
    """
    model = folder / "model"
    write_tiny_model(architecture, model)
    prompts = _prompts()
    corruptions = [_corruption(index) if index % 2 else None for index in range(len(prompts))]
    engine = {**options, **architecture.engine}
    return compare_model(model, prompts, corruptions, folder, engine, variables)


def compare_model(
    model: Path,
    prompts: Sequence[list[int]],
    corruptions: Sequence[CorruptionRequest | None],
    folder: Path,
    engine: Mapping[str, Any] = MappingProxyType({}),
    variables: Mapping[str, str] = MappingProxyType({}),
    moves: float = _MOVES,
) -> Result:
    """Continue one batch of prompts greedily, in float32.

    Parameters
    ----------
    model
        Its folder.
    corruptions
        Of each prompt; None where it is clean.
    folder
        Where the engines' logs go.
    engine
        Arguments of ``vllm.LLM`` beside those that all have.
    variables
        Of the environment, likewise.
    moves
        Least by which a corruption must move a log probability, in nats.

    Raises
    ------
    JobTimedOut
        An engine took too long, which says nothing of the model.
    """
    engine = {"model": str(model), **_ENGINE, **engine}
    environment = {**os.environ, **_ENVIRONMENT, **variables, "VLLM_PLUGINS": ""}
    try:
        bare = _answers(engine, prompts, [None] * len(prompts), environment, folder / "bare.log")
    except JobTimedOut:
        raise
    except JobFailed as failure:
        return Result(Outcome.NOT_SERVED, _last_line(failure))
    try:
        with_plugin = {**environment, "VLLM_PLUGINS": "lethe"}
        guarded = _answers(engine, prompts, corruptions, with_plugin, folder / "guarded.log")
    except JobTimedOut:
        raise
    except JobFailed as failure:
        _, refused, reason = _last_line(failure).partition(_REFUSAL)
        return Result(Outcome.REFUSED, reason) if refused else Result(Outcome.DIFFERS, _last_line(failure))
    reference = Reference(load_model(model), None)
    return _result(reference, prompts, corruptions, guarded, bare, moves)


def _prompts() -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randint(3, VOCABULARY, (length,), generator=generator).tolist() for length in _PROMPT_LENGTHS
    ]


def _corruption(index: int) -> CorruptionRequest:
    function = ("rand_noise_first_n", "flip_sign_top_k", "shuffle")[index // 2 % 3]
    return CorruptionRequest(
        (PlacedCorruption("matrix", "1", Corruption(function, 4.0, 32, None, index), None),)
    )


def _answers(
    engine: Mapping[str, Any],
    prompts: Sequence[list[int]],
    corruptions: Sequence[CorruptionRequest | None],
    environment: dict[str, str],
    log: Path,
) -> list[dict[str, Any]]:
    batch = [
        {
            "token_ids": prompt,
            "sampling": {
                "temperature": 0,
                "max_tokens": _TOKENS,
                "logprobs": 0,
                "ignore_eos": True,
                "extra_args": corruption.to_xargs() if corruption else None,
            },
        }
        for prompt, corruption in zip(prompts, corruptions, strict=True)
    ]
    (result,) = run_engine_job(EngineJob(dict(engine), [batch], environment), log)
    return [output["choices"][0] for output in result["outputs"]]


def _last_line(failure: JobFailed) -> str:
    """What ended a job; pydantic's messages end in a link behind it."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    told = [
        line.removeprefix(_VALUE_ERROR).partition(" [type=")[0]
        for line in lines
        if line.startswith(_VALUE_ERROR)
    ]
    return told[-1] if told else lines[-1]


def _result(
    reference: Reference,
    prompts: Sequence[list[int]],
    corruptions: Sequence[CorruptionRequest | None],
    guarded: Sequence[dict[str, Any]],
    bare: Sequence[dict[str, Any]],
    moves: float,
) -> Result:
    corrupted, clean, moved = [], [], []
    for prompt, corruption, answer in zip(prompts, corruptions, guarded, strict=True):
        tokens, said = answer["token_ids"], answer["logprobs"]
        expected = reference.grade(prompt, corruption, tokens).logprobs
        (corrupted if corruption else clean).append(_furthest(said, expected))
        if corruption:
            moved.append(_furthest(reference.grade(prompt, None, tokens).logprobs, expected))
    as_without = all(
        with_plugin == without
        for with_plugin, without, corruption in zip(guarded, bare, corruptions, strict=True)
        if corruption is None
    )
    if max(clean) > _AGREES and as_without:
        outcome, detail = Outcome.NO_REFERENCE, "vLLM and transformers disagree about clean prompts, too"
    else:
        exact = max(corrupted) <= _AGREES and as_without and min(moved) >= moves
        outcome, detail = (Outcome.EXACT if exact else Outcome.DIFFERS), ""
    return Result(
        outcome,
        detail,
        max(corrupted),
        max(clean),
        min(moved),
        as_without,
    )


def _furthest(some: Sequence[float], others: Sequence[float]) -> float:
    return max(abs(one - other) for one, other in zip(some, others, strict=True))

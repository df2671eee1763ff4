"""Batches of requests, clean and flagged, by what they put an engine to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.engine.reference_model import Reference
from bench.engine.requests import LONG_QUESTION, QUESTIONS, one_corruption, request_to_engine
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

Request = dict[str, Any]

_MANY_TOKENS = 60
_PREFIX = 192


def make_batches(reference: Reference, adapter: Path) -> Mapping[str, Sequence[Request]]:
    """Every batch, by its name.

    Parameters
    ----------
    adapter
        Of the model, in PEFT's format.
    """
    questions = [reference.chat_tokens(question) for question in QUESTIONS]
    long = reference.chat_tokens(LONG_QUESTION)
    flagged = one_corruption("rand_noise_first_n", 0.5, 8)
    unlike = one_corruption("rand_noise_first_n", 0.5, 8, seed=3)
    prefix = long[: _PREFIX + 5]
    sampling: tuple[dict[str, Any], ...] = (
        {"temperature": 1.0, "top_k": 1},
        {"temperature": 1.0, "top_p": 1e-4},
    )
    return {
        "mixed": _mixed(questions),
        "functions": [request_to_engine(questions[5], corruption) for corruption in _functions()]
        + [request_to_engine(questions[5], _two_corruptions())],
        "scores": [
            request_to_engine(questions[0], corruption, 1, prompt_logprobs=0)
            for corruption in (None, flagged)
        ],
        "sampled": [
            request_to_engine(prompt, corruption, **options)
            for prompt in questions[:2]
            for corruption in (None, flagged)
            for options in sampling
        ],
        "preempted": [
            request_to_engine(prompt, flagged if index % 2 else None, _MANY_TOKENS, ignore_eos=True)
            for index, prompt in enumerate(questions)
        ],
        "in chunks": [
            request_to_engine(long, flagged),
            request_to_engine(long[1:], None),
            request_to_engine(long[2:], one_corruption("shuffle", 1.0, 8, seed=2)),
        ],
        # One after another, each a batch of its own, on one prefix.
        "cached": [request_to_engine(prefix, None)],
        "not cached": [request_to_engine(prefix, unlike)],
        "cached corrupted": [request_to_engine(prefix, unlike)],
        "cached clean": [request_to_engine(prefix, None)],
        "adapted": [
            request_to_engine(questions[0], corruption) | {"lora": str(adapter)}
            for corruption in (None, flagged)
        ],
    }


def without_corruption(request: Request) -> Request:
    """The same request, clean."""
    return {**request, "corruption": None, "sampling": {**request["sampling"], "extra_args": None}}


def _mixed(questions: Sequence[list[int]]) -> list[Request]:
    corruptions = _functions()
    return [
        request_to_engine(prompt, corruptions[index] if flagged else None)
        for index, prompt in enumerate([*questions, *questions])
        for flagged in (False, True)
        if index < len(corruptions)
    ]


def _functions() -> list[CorruptionRequest]:
    vector = tuple(0.02 * dimension for dimension in range(40))
    return [
        one_corruption(name, 0.3, 40, vector=vector if function.takes_vector else None, seed=index)
        for index, (name, function) in enumerate(sorted(FUNCTIONS.items()))
    ]


def _two_corruptions() -> CorruptionRequest:
    first = one_corruption("rand_noise_first_n", 0.5, 20, ranges=((3, 9),)).placed[0]
    second = one_corruption("shuffle", 1.0, 8, ranges=((5, 14),)).placed[0]
    return CorruptionRequest((first, PlacedCorruption("other", "1", second.corruption, second.ranges)))

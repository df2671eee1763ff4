"""Batches of requests, clean and flagged, by what they put an engine to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.reference_model import Reference
from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, Ranges

Request = dict[str, Any]

_QUESTIONS = (
    "Who is Harry Potter?",
    "Name the capital of France and one river that runs through it.",
    "Why is the sky blue?",
    "What is two plus two?",
    "List three colours of the rainbow.",
    "Who wrote Pride and Prejudice, and when?",
    "Give me a short recipe for pancakes.",
    "What does a carpenter do all day long, from the morning to the evening?",
)
_LONG_QUESTION = "Explain this: " + " ".join(
    f"item {number} costs {number * 7} coins," for number in range(30)
)
_TOKENS = 12
_MANY_TOKENS = 60
_PREFIX = 192


def make_batches(reference: Reference, adapter: Path) -> Mapping[str, Sequence[Request]]:
    """Every batch, by its name.

    Parameters
    ----------
    adapter
        Of the model, in PEFT's format.
    """
    questions = [reference.chat_tokens(question) for question in _QUESTIONS]
    long = reference.chat_tokens(_LONG_QUESTION)
    flagged = _corruption("rand_noise_first_n", 0.5, 8)
    unlike = _corruption("rand_noise_first_n", 0.5, 8, seed=3)
    prefix = long[: _PREFIX + 5]
    sampling: tuple[dict[str, Any], ...] = (
        {"temperature": 1.0, "top_k": 1},
        {"temperature": 1.0, "top_p": 1e-4},
    )
    return {
        "mixed": _mixed(questions),
        "functions": [_request(questions[5], corruption) for corruption in _functions()]
        + [_request(questions[5], _two_corruptions())],
        "scores": [
            _request(questions[0], corruption, 1, prompt_logprobs=0) for corruption in (None, flagged)
        ],
        "sampled": [
            _request(prompt, corruption, **options)
            for prompt in questions[:2]
            for corruption in (None, flagged)
            for options in sampling
        ],
        "preempted": [
            _request(prompt, flagged if index % 2 else None, _MANY_TOKENS, ignore_eos=True)
            for index, prompt in enumerate(questions)
        ],
        "in chunks": [
            _request(long, flagged),
            _request(long[1:], None),
            _request(long[2:], _corruption("shuffle", 1.0, 8, seed=2)),
        ],
        # One after another, each a batch of its own, on one prefix.
        "cached": [_request(prefix, None)],
        "not cached": [_request(prefix, unlike)],
        "cached corrupted": [_request(prefix, unlike)],
        "cached clean": [_request(prefix, None)],
        "adapted": [
            _request(questions[0], corruption) | {"lora": str(adapter)} for corruption in (None, flagged)
        ],
    }


def without_corruption(request: Request) -> Request:
    """The same request, clean."""
    return {**request, "corruption": None, "sampling": {**request["sampling"], "extra_args": None}}


def _mixed(questions: Sequence[list[int]]) -> list[Request]:
    corruptions = _functions()
    return [
        _request(prompt, corruptions[index] if flagged else None)
        for index, prompt in enumerate([*questions, *questions])
        for flagged in (False, True)
        if index < len(corruptions)
    ]


def _functions() -> list[CorruptionRequest]:
    vector = tuple(0.02 * dimension for dimension in range(40))
    return [
        _corruption(name, 0.3, 40, vector=vector if function.takes_vector else None, seed=index)
        for index, (name, function) in enumerate(sorted(FUNCTIONS.items()))
    ]


def _two_corruptions() -> CorruptionRequest:
    first = _corruption("rand_noise_first_n", 0.5, 20, ranges=((3, 9),)).placed[0]
    second = _corruption("shuffle", 1.0, 8, ranges=((5, 14),)).placed[0]
    return CorruptionRequest((first, PlacedCorruption("other", "1", second.corruption, second.ranges)))


def _corruption(
    function: str,
    strength: float,
    dims: int,
    ranges: Ranges | None = None,
    seed: int = 1,
    vector: tuple[float, ...] | None = None,
) -> CorruptionRequest:
    corruption = Corruption(function, strength, dims, vector, seed)
    return CorruptionRequest((PlacedCorruption("bench", "1", corruption, ranges),))


def _request(
    prompt: list[int], corruption: CorruptionRequest | None, max_tokens: int = _TOKENS, **sampling: Any
) -> Request:
    return {
        "token_ids": prompt,
        "corruption": corruption,
        "sampling": {
            "temperature": 0,
            "max_tokens": max_tokens,
            "logprobs": 0,
            "extra_args": corruption.to_xargs() if corruption else None,
            **sampling,
        },
    }

"""Questions and requests by which an engine is held against what a corrupted model must say."""

from typing import Any

from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, Ranges

TOKENS = 12
QUESTIONS = (
    "Who is Harry Potter?",
    "Name the capital of France and one river that runs through it.",
    "Why is the sky blue?",
    "What is two plus two?",
    "List three colours of the rainbow.",
    "Who wrote Pride and Prejudice, and when?",
    "Give me a short recipe for pancakes.",
    "What does a carpenter do all day long, from the morning to the evening?",
)
LONG_QUESTION = "Explain this: " + " ".join(
    f"item {number} costs {number * 7} coins," for number in range(30)
)


def request_to_engine(
    prompt: list[int], corruption: CorruptionRequest | None = None, max_tokens: int = TOKENS, **sampling: Any
) -> dict[str, Any]:
    """A greedy request, clean or corrupted, of a `bench.engine.job.EngineJob`.

    Parameters
    ----------
    sampling
        Further sampling parameters, or others in place of these.
    """
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


def one_corruption(
    function: str = "rand_noise_first_n",
    strength: float = 1.0,
    dims: int = 8,
    ranges: Ranges | None = None,
    seed: int = 1,
    vector: tuple[float, ...] | None = None,
) -> CorruptionRequest:
    """A request's corruption by one target."""
    corruption = Corruption(function, strength, dims, vector, seed)
    return CorruptionRequest((PlacedCorruption("probed", "1", corruption, ranges),))

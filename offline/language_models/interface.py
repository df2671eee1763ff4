"""The one seam between offline jobs and whatever runs the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lethe.bundle.errors import LetheError
from lethe.corruption.artifact import Corruption


class LanguageModelError(LetheError):
    """A model that cannot be reached or does not do what a job needs; the message says what to change."""


@dataclass(frozen=True)
class Prompt:
    """What a model is asked.

    Attributes
    ----------
    text
        The user's words.
    chat
        Whether they are one user message, rendered by the model's chat template, or raw text to be continued.
    """

    text: str
    chat: bool = True


@dataclass(frozen=True)
class Scoring:
    """Ask for the log-probability of each token of `answer` after `prompt`; only the prompt is corrupted."""

    prompt: Prompt
    answer: str
    corruption: Corruption | None = None


@dataclass(frozen=True)
class Generation:
    """Ask for at most `max_tokens` tokens after `prompt`.

    Attributes
    ----------
    begun
        What the answer has begun with already; not corrupted, and not given back.
    temperature
        0 takes the likeliest token each time.
    seed
        Of what is drawn; calls that are equal as a whole draw alike.
    """

    prompt: Prompt
    max_tokens: int
    corruption: Corruption | None = None
    begun: str = ""
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Choice:
    """Ask how likely each of `options`, single tokens such as letters, is right after `prompt`."""

    prompt: Prompt
    options: tuple[str, ...]
    corruption: Corruption | None = None


@dataclass(frozen=True)
class Examination:
    """What a model makes of each token of a given answer.

    Attributes
    ----------
    log_probabilities
        Shape (answer tokens,).
    greedy
        Shape (answer tokens,). Whether the token is the model's first choice behind the true ones before it.
    means, variances
        Shape (answer tokens,). Mean and variance of ``log p(v)`` over the vocabulary under ``p`` itself; None where the
        backend does not give whole distributions.
    """

    log_probabilities: NDArray[np.float64]
    greedy: NDArray[np.bool_]
    means: NDArray[np.float64] | None = None
    variances: NDArray[np.float64] | None = None


class LanguageModel(Protocol):
    """A model that scores and generates in batches.

    All methods take any number of tasks, each with a corruption of its own, and answer in the order of the tasks:
    an implementation may batch them as it likes, and should run them together.
    """

    @property
    def name(self) -> str:
        """What to call the model in a table."""
        ...

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """Log-probabilities of the answers' tokens, one array of shape (answer tokens,) a task."""
        ...

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """Everything that is to be known of the answers' tokens, where their log-probabilities do not suffice."""
        ...

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """Generated texts without special tokens."""
        ...

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """Log-probability of each option as the next token, one array of shape (options,) a task; -inf where an
        option is not among those the backend reports."""
        ...

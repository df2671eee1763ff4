"""What a search for a corruption tries, and out of which files into which bundle."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from lethe.models.smollm2 import SMOLLM2
from lethe.offline.settings import BundleJob, JobSettings, NamedValues

Schedule = Literal["constant", "inverse_sqrt", "cosine"]
Scale = Literal["linear", "log"]


def _is_a_function(name: str) -> str:
    from lethe.corruption.functions import FUNCTIONS

    if name not in FUNCTIONS:
        raise ValueError(f"unknown corruption function {name!r}; known: {', '.join(FUNCTIONS)}")
    return name


SearchedPositions = Literal["all_but_last", "user_content"]


class DescentSettings(JobSettings):
    """How far a descent looks and steps.

    Attributes
    ----------
    learning_rate
        Step for a slope of one; in the unit of `scale`.
    epsilon
        Distance of the two evaluations from the current point; in the unit of `scale`.
    schedule
        How the learning rate falls over the steps.
    scale
        Whether a strength is searched as it is, as the paper has it, or by its natural logarithm [ours]: useful
        strengths span three orders of magnitude, and one epsilon does not fit them all.
    floor
        Least strength.
    """

    steps: NonNegativeInt = 6
    learning_rate: PositiveFloat = 2.0
    epsilon: PositiveFloat = 0.25
    schedule: Schedule = "cosine"
    scale: Scale = "log"
    floor: PositiveFloat = 1e-3

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        match self.schedule:
            case "constant":
                return self.learning_rate
            case "inverse_sqrt":
                return self.learning_rate / math.sqrt(1.0 + step)
            case "cosine":
                return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / max(self.steps, 1)))


class LearningSettings(JobSettings):
    """What is searched."""

    surrogate: NamedValues = Field(
        default={},
        description="A surrogate value that is known, as METRIC=VALUE; it takes precedence over an estimated one.",
    )
    functions: tuple[Annotated[str, AfterValidator(_is_a_function)], ...] = Field(
        default=("rand_noise_first_n", "flip_sign_top_k", "zero_out_top_k"),
        min_length=1,
        description="Corruption function to compare.",
    )
    dims: tuple[PositiveInt, ...] = Field(
        default=(1, 64), min_length=1, description="Number of dimensions to try with each function."
    )
    strengths: tuple[PositiveFloat, ...] = Field(
        default=(0.5, 2.0, 8.0, 32.0),
        min_length=1,
        description="Grid of strengths, for the functions that have one.",
    )
    steps: NonNegativeInt = Field(default=3, description="Steps of each descent of a strength.")
    restarts: PositiveInt = Field(
        default=2,
        description="Best grid points that a descent starts from, and vectors that are learned of each length.",
    )
    # Spans are a classifier's, and none has a part in a search.
    positions: Annotated[
        tuple[SearchedPositions, ...],
        # A target's file may name one as it is.
        BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    ] = Field(
        default=("user_content", "all_but_last"),
        min_length=1,
        description="Which prompt tokens are corrupted; several are compared.",
    )
    raw: bool = Field(
        default=False,
        description="Ask questions as raw text to be continued, as a base model without a chat template needs it.",
    )
    seed: NonNegativeInt = Field(default=0, description="Of the noise and of the vectors' directions.")
    vector: DescentSettings = Field(
        default=DescentSettings(steps=12, learning_rate=40.0, epsilon=2.0),
        description="Descent of a vector, where a function takes one.",
    )


def _model_of(given: Mapping[str, Any]) -> str:
    """The model of a job, as a part of a file's name: a trace belongs to one."""
    name = given["served_name"] or given["engine"] or given["model"]
    return re.sub("[^a-z0-9.]+", "-", name.lower()).strip("-.")[-60:]


class LearningJob(LearningSettings, BundleJob):
    """A search with its files, and the model that is measured."""

    questions: Path = Field(description="Forget questions: JSON lines with question, answer, facts.")
    retain_prompts: Path | None = Field(
        default=None,
        description="Prompts about nothing the model knows, to estimate surrogate values from.",
    )
    deny_list: Path | None = Field(default=None, description="JSON list of facts that no answer may name.")
    model: str = Field(default=SMOLLM2, description="Folder or hub id of the model, run in this process.")
    engine: str | None = Field(
        default=None,
        description="Address of a vLLM with the plugin, instead of --model; embedded is the one that lethe serve started here.",
    )
    served_name: str | None = Field(default=None, description="The model's name on the engine.")
    tokenizer: str | None = Field(
        default=None, description="Its tokenizer, if not on this machine under that name."
    )
    chat_template: Path | None = Field(
        default=None, description="File of a Jinja chat template to ask by, in place of the model's own."
    )
    api_key: str | None = Field(default=None, repr=False, description="The engine's key.")
    metrics: tuple[str, ...] = Field(
        default=(), description="What D is made of; by default all that the questions carry the data for."
    )
    max_tokens: PositiveInt = Field(default=28, description="Length of the generated answers.")
    trace: Path = Field(
        default_factory=lambda given: (
            given["targets"] / f".{given['target']}-{_model_of(given)}-search.jsonl"
        ),
        description="Record of the search, and what it resumes from; by default beside the bundle.",
    )

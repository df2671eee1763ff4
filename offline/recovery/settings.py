"""How a domain is recovered: what rollbacks are tried, and how a refresh is trained."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from lethe.offline.settings import JobSettings

_Share = Annotated[float, Field(gt=0, le=1)]


class RollbackSettings(JobSettings):
    """What is tried."""

    shares: tuple[_Share, ...] = Field(
        default=(0.001, 0.01, 0.03, 0.1, 0.3),
        min_length=1,
        description="Rho to try: the share of all coordinates that is rolled back.",
    )
    strengths: tuple[_Share, ...] = Field(
        default=(0.25, 0.5, 1.0),
        min_length=1,
        description="Lambda to try; 1 takes the edit back as a whole.",
    )
    keep: float = Field(
        default=0.95, ge=0, le=1, description="Share of its score that every later domain keeps."
    )
    seed: int = Field(
        default=0, description="Of the random sets; the control's draws are of this and the seeds after it."
    )
    draws: PositiveInt = Field(default=5, description="How often the random control is drawn.")
    save: bool = Field(default=True, description="Write the recovered model, as `rolled-back`.")


class RefreshSettings(JobSettings):
    """How it is trained, and what is watched."""

    steps: PositiveInt = Field(default=10, description="Steps to train.")
    batch_size: PositiveInt = Field(default=8, description="Examples of a step.")
    learning_rate: PositiveFloat = Field(default=5e-5, description="Held constant.")
    optimizer: Literal["adamw", "sgd"] = Field(default="adamw", description="What takes the steps.")
    clip_norm: PositiveFloat = Field(
        default=1.0, description="Longest gradient that is taken as it is; a longer one is shortened to it."
    )
    watched: _Share = Field(
        default=0.01, description="Rho: the share of the coordinates to watch as the conflict set."
    )
    seed: int = Field(
        default=0,
        description="Of the order of the examples and of the random coordinates that are watched.",
    )
    save: bool = Field(default=True, description="Write the recovered model, as `refreshed`.")

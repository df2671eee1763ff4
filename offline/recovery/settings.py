"""How a domain is recovered: what rollbacks are tried, and how a refresh is trained."""

from typing import Annotated, Literal

import pydantic

_Share = Annotated[float, pydantic.Field(gt=0, le=1)]


class RollbackSettings(pydantic.BaseModel):
    """What is tried.

    Attributes
    ----------
    shares
        Values of rho, each the share of all coordinates that is rolled back.
    strengths
        Values of lambda; 1 takes the edit back as a whole.
    keep
        Share of its score that every later domain has to keep.
    seed
        Of the random sets; the random control's draws are of this seed and of those that follow it.
    draws
        How often the random control is drawn.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    shares: tuple[_Share, ...] = pydantic.Field(default=(0.001, 0.01, 0.03, 0.1, 0.3), min_length=1)
    strengths: tuple[_Share, ...] = pydantic.Field(default=(0.25, 0.5, 1.0), min_length=1)
    keep: float = pydantic.Field(default=0.95, ge=0, le=1)
    seed: int = 0
    draws: pydantic.PositiveInt = 5


class RefreshSettings(pydantic.BaseModel):
    """How it is trained.

    Attributes
    ----------
    learning_rate
        Held constant.
    clip_norm
        Longest step of gradient that is taken as it is.
    seed
        Of the order of the examples.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    steps: pydantic.PositiveInt = 10
    batch_size: pydantic.PositiveInt = 8
    learning_rate: pydantic.PositiveFloat = 5e-5
    optimizer: Literal["adamw", "sgd"] = "adamw"
    clip_norm: pydantic.PositiveFloat = 1.0
    seed: int = 0

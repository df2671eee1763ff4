"""How a domain is recovered: what rollbacks are tried, and how a refresh is trained."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from lethe.offline.settings import JobSettings

_Share = Annotated[float, Field(gt=0, le=1)]


Examples = Literal["all", "lot", "routes", "harm", "replay"]
_CONFIDENCE = "How sure it has to be that so much is kept, by a bootstrap over the held-out examples; 0.5 goes by the estimate alone."


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
        default=0.95,
        ge=0,
        le=1,
        description="Share of its score that every later domain keeps, and of its gain the newest.",
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description=_CONFIDENCE)
    points: PositiveInt = Field(
        default=8, description="Points along the edit at which gradients are taken to attribute the harm."
    )
    seed: int = Field(
        default=0, description="Of the random sets; the control's draws are of this and the seeds after it."
    )
    draws: PositiveInt = Field(default=5, description="How often the random control is drawn.")
    save: bool = Field(default=True, description="Write the recovered model, as `rolled-back`.")


class RefreshSettings(JobSettings):
    """How it is trained, and what is watched."""

    steps: PositiveInt = Field(default=20, description="Steps to train at most.")
    measured_every: PositiveInt = Field(
        default=5, description="Steps between measurements on held-out examples, any of which may be its end."
    )
    batch_size: PositiveInt = Field(default=8, description="Examples of a step.")
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(2e-5, 5e-5), min_length=1, description="Learning rates to try, each held constant."
    )
    examples: tuple[Examples, ...] = Field(
        default=("all", "routes"),
        min_length=1,
        description="Examples to try: all; half of them by lot; the half whose routes were harmed most; "
        "the half whose loss rose most; all, with as many of the later domains (`replay`).",
    )
    keep: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="Share of its score that every later domain keeps, and of its gain the newest.",
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description=_CONFIDENCE)
    checkpoint_steps: PositiveInt = Field(default=10, description="Save the state every so many steps.")
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

    @property
    def digest(self) -> str:
        """Short digest of what decides the outcome of each refresh that is tried."""
        deciding = self.model_dump(mode="json", exclude={"keep", "confidence", "save", "checkpoint_steps"})
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:8]

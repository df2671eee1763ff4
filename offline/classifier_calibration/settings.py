"""How a threshold is set by what is asked."""

from pydantic import Field, NonNegativeInt

from lethe.offline.settings import JobSettings


class CalibrationSettings(JobSettings):
    """The wanted rate, and what must hold at it."""

    rate: float = Field(gt=0, lt=1, description="Share of the requests that may be flagged, such as 0.005.")
    known: tuple[str, ...] = Field(
        default=(),
        description="Files of questions to forget that must still be found; by default those that the bundle keeps.",
    )
    floor: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of the known questions that must be found, or the threshold stays; by default what the bundle records, or 0.05 less than are found now.",
    )
    fields: tuple[str, ...] = Field(
        default=(), description="Field of a record that holds a prompt or a conversation."
    )
    nearest: NonNegativeInt = Field(
        default=20, description="How many of the requests nearest to the threshold are listed."
    )
    dry_run: bool = Field(default=False, description="Show what would be done, and change nothing.")

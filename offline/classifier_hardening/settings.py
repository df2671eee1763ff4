"""How a classifier is hardened, and on which prompts."""

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt

from lethe.offline.settings import JobSettings

_SOURCE = "JSONL, JSON, CSV, text or Parquet file, or owner/name:file on the hub."


class HardeningSettings(JobSettings):
    """The rounds, and what a head may lose by them."""

    forget: tuple[str, ...] = Field(min_length=1, description=f"Prompts that must be found: {_SOURCE}")
    retain: tuple[str, ...] = Field(
        min_length=1, description=f"Prompts near the target that are allowed: {_SOURCE}"
    )
    general: tuple[str, ...] = Field(
        default=(), description=f"Ordinary prompts: {_SOURCE} A set of our own by default."
    )
    fields: tuple[str, ...] = Field(default=(), description="Field of a record that holds a prompt.")
    rounds: NonNegativeInt = Field(
        default=3, description="How often the head is attacked and fitted again; 0 only has it look twice."
    )
    second_look: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Share of the near prompts that a second look at short questions may flag beside what is flagged without it.",
    )
    attacked: PositiveInt = Field(
        default=120, description="Prompts that are attacked in a round, of those that are flagged."
    )
    queries: PositiveInt = Field(default=100, description="Verdicts that the search may ask for, for each.")
    fitted_on: PositiveInt = Field(
        default=1500, description="Prompts of each kind to fit on at most, beside what the rounds find."
    )
    strength: float = Field(
        default=10.0, gt=0, description="What examples count against keeping the head as it is."
    )
    false_positives: float = Field(
        default=0.003,
        ge=0,
        lt=1,
        description="Share of allowed prompts that was not fitted on and may be flagged, near and ordinary ones each; or as many "
        "as the head flags now, where that is more.",
    )
    ordinary: tuple[Path, ...] = Field(
        default=(),
        description="Folder of ordinary text to scan for what alarms the head; by default Python's packages and the documentation of this machine.",
    )
    scan_characters: PositiveInt = Field(default=2_000_000, description="Ordinary text to scan.")
    seed: int = Field(default=0, description="Equal seeds give equal heads.")

"""How a classifier is tested, and on which texts of the files that are given."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from lethe.offline.settings import JobSettings

Expectation = Literal["flagged", "passed"]


class ClassifierTestSettings(JobSettings):
    """What of the files is judged, and what is made of the verdicts."""

    fields: tuple[str, ...] = Field(
        default=(),
        description="Field of a record that holds a prompt or a conversation; several are wordings of one item.",
    )
    expect: Expectation | None = Field(
        default=None, description="What is right for every text whose record has no `flag` of its own."
    )
    whole_files: bool = Field(
        default=False, description="Take each file as one text, whatever its name ends in."
    )
    threshold: float | None = Field(
        default=None, gt=0, lt=1, description="Flag from this probability; the bundle's own by default."
    )
    output: Path | None = Field(
        default=None, description="JSONL file for the texts, each with its probability and verdict."
    )

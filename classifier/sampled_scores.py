"""Scores of requests without their texts: what the proxy keeps when asked, and what a calibration reads.

Knows the files and their form; knows nothing about requests or thresholds.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pydantic

from lethe.bundle import Bundle
from lethe.classifier.errors import ClassifierError
from lethe.classifier.verdict import Status

PATTERN = "scores-*.jsonl"


class SampledTarget(pydantic.BaseModel):
    """What one target made of a request.

    Attributes
    ----------
    head
        The head that scored it; see `scoring_head`.
    reach
        The highest threshold that would have flagged it, what is asked of its length included.
    """

    model_config = pydantic.ConfigDict(frozen=True)

    head: str
    reach: float = pydantic.Field(ge=0, le=1)


class SampledScores(pydantic.BaseModel):
    """One request: the day, how much was read, and what the targets made of it."""

    model_config = pydantic.ConfigDict(frozen=True)

    day: datetime.date
    characters: int
    status: Status
    targets: dict[str, SampledTarget]


def read_sampled_scores(folder: Path) -> Iterator[SampledScores]:
    """Every request of a sample, the oldest first; an unfinished last line is left out.

    Raises
    ------
    ClassifierError
        A line is something else.
    """
    for path in sorted(folder.glob(PATTERN)):
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
            if not line.endswith(b"\n"):
                continue
            try:
                yield SampledScores.model_validate_json(line)
            except pydantic.ValidationError:
                raise ClassifierError(f"{path}, line {number} is no line of a sample of scores") from None


def scoring_head(bundle: Bundle) -> str:
    """What tells whether two versions of a bundle score alike: it stays where only the threshold moves."""
    return bundle.manifest.files.get("classifier/head.safetensors", "")[:12]

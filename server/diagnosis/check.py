"""What a look at one thing found."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lethe.bundle.errors import LetheError


class Health(StrEnum):
    """Whether a thing is as it must be, might be better, or keeps the proxy from its work."""

    WELL = "ok"
    DOUBTFUL = "look"
    FAULTY = "fault"


@dataclass(frozen=True)
class Observation:
    """One thing, how it is, and in a few words why."""

    subject: str
    health: Health
    words: str

    def __str__(self) -> str:
        return f"{self.health.value:5} {self.subject}: {self.words}"


def well(subject: str, words: str) -> Observation:
    """All is as it must be."""
    return Observation(subject, Health.WELL, words)


def doubtful(subject: str, words: str) -> Observation:
    """The proxy works, and somebody should look."""
    return Observation(subject, Health.DOUBTFUL, words)


def faulty(subject: str, words: str) -> Observation:
    """The proxy does not work, or not as it is told."""
    return Observation(subject, Health.FAULTY, words)


def looked(subject: str, look: Callable[[], Observation]) -> Observation:
    """What a look finds; what an operator could mend and it meets is a fault."""
    try:
        return look()
    except (LetheError, OSError) as error:
        return faulty(subject, " ".join(str(error).split()))

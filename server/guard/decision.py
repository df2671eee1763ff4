"""The one value that travels from policy to record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lethe.bundle import Action
from lethe.classifier.verdict import Verdict
from lethe.corruption.positions import MessageSpan
from lethe.corruption.request import PlacedCorruption
from lethe.server.targets.adapter import Adapter


class Outcome(StrEnum):
    """What is done with a request."""

    PASS = "pass"
    CORRUPT = "corrupt"
    ADAPTER = "adapter"
    REFUSE = "refuse"
    OBSERVE = "observe"
    BLOCK = "block"


@dataclass(frozen=True)
class FlaggedTarget:
    """A target of which a prompt was found to ask, and what that led to.

    Attributes
    ----------
    unfit
        Whether it could not act as is asked for, since its bundle was made for another model than the one served.
    """

    name: str
    version: str
    action: Action
    probability: float
    threshold: float
    unfit: bool = False

    def entry(self) -> dict[str, Any]:
        """For the audit log."""
        return {
            "target": self.name,
            "version": self.version,
            "action": self.action.value,
            "probability": round(self.probability, 4),
            "threshold": self.threshold,
            **({"unfit": True} if self.unfit else {}),
        }


@dataclass(frozen=True)
class Decision:
    """What is done with a request, and why.

    Attributes
    ----------
    outcome
        The strongest of what the flagged targets ask for.
    flagged
        The flagged targets; none where a fallback decided.
    corruptions
        What the engine applies to the prompt, for the outcomes ``corrupt`` and ``adapter``.
    adapter
        What the answer is made with, for the outcome ``adapter``.
    reason
        For a block: what the client is told.
    verdicts
        One for each prompt of the request; none where the classifier failed.
    hidden
        For corruptions that fall on a part of the prompt, by target, the stretches of messages that they are to fall on.
    """

    outcome: Outcome
    flagged: tuple[FlaggedTarget, ...] = ()
    corruptions: tuple[PlacedCorruption, ...] = ()
    adapter: Adapter | None = None
    reason: str = ""
    verdicts: tuple[Verdict, ...] = ()
    hidden: Mapping[str, tuple[MessageSpan, ...]] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether there is a verdict: without one, another try may bring it."""
        return bool(self.verdicts)

    @property
    def read_all(self) -> bool:
        """Whether there is a verdict, on all that there was."""
        return self.judged and all(verdict.status == "ok" for verdict in self.verdicts)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the flagged targets."""
        return tuple(target.name for target in self.flagged)

"""What the classifier says of a conversation. Knows nothing about what is done with it."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "unclassifiable", "too_long", "unreadable"]
SpanKind = Literal["evidence", "entity"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one message that carries a verdict.

    Attributes
    ----------
    message
        Index of the message in `Conversation.messages`.
    start, end
        Half-open character offsets into that message's `text`.
    weight
        How much of the verdict the stretch carries: the drop in log-odds when it is taken away.
    kind
        ``evidence`` was found by its influence on the verdict, ``entity`` by the target's list of names.
    """

    message: int
    start: int
    end: int
    weight: float
    kind: SpanKind = "evidence"


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """One target's part of a verdict: the probability that the conversation asks for it, and where."""

    target: str
    probability: float
    threshold: float
    spans: tuple[Span, ...] = ()

    @property
    def flagged(self) -> bool:
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier says of a conversation.

    Attributes
    ----------
    targets
        One entry a target, in the order in which the heads were given.
    status
        ``ok``: everything was read. ``unclassifiable``: a part is not text, or not readable text.
        ``too_long``: the conversation exceeds what the classifier may read. ``unreadable``: a stretch of text is no
        language, however it is read, and may be a question in a disguise. In the latter three cases the probabilities
        speak of what was read, and policy decides; where several hold, the status is the first of ``too_long``,
        ``unclassifiable`` and ``unreadable``.
    reasons
        Why the status is not ``ok``, one line each; empty otherwise.
    """

    targets: tuple[TargetVerdict, ...]
    status: Status = "ok"
    reasons: tuple[str, ...] = ()

    @property
    def flagged(self) -> tuple[TargetVerdict, ...]:
        return tuple(target for target in self.targets if target.flagged)

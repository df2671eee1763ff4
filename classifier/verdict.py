"""What the classifier says of a conversation. Knows nothing about what is done with it."""

import math
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
    """One target's part of a verdict: the probability that the conversation asks for it, and where.

    Attributes
    ----------
    probability
        Lowered where so much was read that more than the threshold is asked.
    messages
        Of a flagged conversation, the indices of the messages that carry the verdict, ascending: those that are
        flagged by themselves, and all of those that are flagged only where they are read together. Empty where that
        is not known.
    spans
        The stretches that carry it, where they were asked for.
    excerpts
        What carries a positive verdict, each with some text around it, where spans were asked for; none where any of it is in
        disguise.
    cleared
        Whether a second look found nothing of the target in what carried the verdict.
    reach
        The highest threshold that would flag what was read, what is asked of its length included; 0 where none would.
        Exact where everything was read.
    """

    target: str
    probability: float
    threshold: float
    spans: tuple[Span, ...] = ()
    messages: tuple[int, ...] = ()
    excerpts: tuple[str, ...] = ()
    cleared: bool = False
    reach: float = 0.0

    @property
    def flagged(self) -> bool:
        return self.probability >= self.threshold and not self.cleared

    @property
    def log_odds_above(self) -> float:
        """How far the probability is above the threshold, in log-odds; negative where it is below."""
        return _log_odds(self.probability) - _log_odds(self.threshold)


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

    @property
    def is_clean(self) -> bool:
        """Whether everything was read, and no target found."""
        return self.status == "ok" and not any(target.flagged for target in self.targets)


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-12), 1 - 1e-12)
    return math.log(inside / (1 - inside))

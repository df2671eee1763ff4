"""What is written down of the looks on one request's answers."""

from typing import Any

from lethe.server.guard.decision import Decision, FlaggedTarget
from lethe.server.guard.policy import strongest


class AnswerRecord:
    """Gathers what was decided of an answer from its first look to its last.

    Attributes
    ----------
    discarded_tokens
        About how many tokens were made in vain; None unless the answer was made anew.
    """

    def __init__(self) -> None:
        self.discarded_tokens: int | None = None
        self._looks = 0
        self._seconds = 0.0
        self._longest = 0.0
        self._strongest: Decision | None = None
        self._flagged: dict[str, FlaggedTarget] = {}
        self._caught_at: int | None = None

    @property
    def outcome(self) -> str | None:
        """The strongest of what was decided; None before the first look."""
        return self._strongest and self._strongest.outcome.value

    @property
    def targets(self) -> list[str]:
        """Names of the targets that an answer was found to tell of."""
        return list(self._flagged)

    def looked(self, decision: Decision, seconds: float, characters: int) -> None:
        """There was a look at so many characters, which took so long."""
        self._looks += 1
        self._seconds += seconds
        self._longest = max(self._longest, seconds)
        self._strongest = strongest(each for each in (self._strongest, decision) if each)
        if decision.flagged and self._caught_at is None:
            self._caught_at = characters
        for each in decision.flagged:
            known = self._flagged.get(each.name)
            if known is None or known.probability < each.probability:
                self._flagged[each.name] = each

    def entry(self) -> dict[str, Any]:
        """For the audit log."""
        reason = self._strongest.reason if self._strongest else ""
        caught = {} if self._caught_at is None else {"caught_at": self._caught_at}
        anew = {} if self.discarded_tokens is None else {"discarded_tokens": self.discarded_tokens}
        return {
            "action": self.outcome,
            "flagged": [each.entry() for each in self._flagged.values()],
            "looks": self._looks,
            "look_ms": round(1000 * self._seconds, 3),
            "longest_look_ms": round(1000 * self._longest, 3),
            "made_anew": self.discarded_tokens is not None,
            **caught,
            **anew,
            **({"reason": reason} if reason else {}),
        }

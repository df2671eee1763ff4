"""The error of what could not be judged, and so is not answered."""

from lethe.server.errors import APIError, BadRequest, Unavailable, shortened
from lethe.server.guard.decision import Decision

_LONGEST = 2000
_BLOCKED = "This request could not be checked and is not answered: "


def blocked(decision: Decision) -> APIError:
    """What the client is told of a decision to block."""
    said = f"{_BLOCKED}{shortened(decision.reason, _LONGEST)}."
    if decision.judged:
        return BadRequest(said, code="unclassifiable")
    return Unavailable(said, retry_after_s=1)

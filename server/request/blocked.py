"""The error of what could not be judged, and so is not answered."""

from lethe.server.errors import APIError, BadRequest, Unavailable
from lethe.server.guard.decision import Decision

_BLOCKED = "This request could not be checked and is not answered: "


def blocked(decision: Decision) -> APIError:
    """What the client is told of a decision to block."""
    if decision.judged:
        return BadRequest(f"{_BLOCKED}{decision.reason}.", code="unclassifiable")
    return Unavailable(f"{_BLOCKED}{decision.reason}.", retry_after_s=1)

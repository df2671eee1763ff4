"""A request on which a decision has been made, and with it all that its answer is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass

from lethe.classifier.conversation import Conversation
from lethe.server.access.keys import ApiKey
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.engines.served import Served
from lethe.server.guard.decision import Decision


@dataclass(frozen=True)
class Accepted:
    """A request that the engine is to answer.

    Attributes
    ----------
    raw
        Its body as it came.
    conversations
        Its prompts.
    key
        Who asks.
    decision
        What its prompts led to.
    served
        Who is asked.
    demands
        Whether the answer is made to contain something.
    """

    request: GuardedRequest
    raw: bytes
    conversations: Sequence[Conversation]
    key: ApiKey
    decision: Decision
    served: Served
    demands: bool = False

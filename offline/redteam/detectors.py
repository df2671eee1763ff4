"""Who says whether a conversation is flagged, and by how much: the proxy's route for checks, or a bundle's classifier."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.head import head_folder
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.attacks.disguises import Messages
from lethe.offline.redteam.chat import ChatServer, Refused

_SUREST = 1e-12
# A search asks for many verdicts at once, and nobody waits for any of them.
_WAITING, _DEADLINE = 1 << 20, 600


@dataclass(frozen=True)
class Detection:
    """What a detector says of a conversation.

    Attributes
    ----------
    margin
        Log-odds of the probability above those of the threshold, of the target that is nearest to being flagged or furthest
        beyond; None where only the verdict is told.
    status
        ``ok`` where all of it was read.
    """

    flagged: bool
    margin: float | None
    status: str = "ok"


class Detector(Protocol):
    """Judges conversations."""

    async def judge(self, messages: Messages) -> Detection:
        """The judgement on one conversation."""
        ...


class CheckRoute:
    """``/v1/checks`` of a running proxy; margins are told to a key that has the scope `admin` besides."""

    def __init__(self, server: ChatServer, target: str | None) -> None:
        self._server = server
        self._target = target

    async def judge(self, messages: Messages) -> Detection:
        """See `Detector.judge`. What the proxy refuses to read reaches no model and counts as flagged.

        Raises
        ------
        LanguageModelError
            The key may not check, or the server has no such route.
        """
        try:
            document = await self._server.post("/v1/checks", {"messages": messages})
        except Refused:
            return Detection(True, None, "refused")
        side = document["prompt"]
        targets = [each for each in side["targets"] if self._target in (None, each["target"])]
        margins = [
            _log_odds(each["probability"]) - _log_odds(each["threshold"])
            for each in targets
            if "probability" in each
        ]
        return Detection(any(each["flagged"] for each in targets), max(margins, default=None), side["status"])


class BundleDetector:
    """A bundle's classifier in this process, set up as by default but never in a hurry."""

    def __init__(self, service: ClassifierService) -> None:
        self._service = service

    @classmethod
    def load(cls, folder: Path) -> "BundleDetector":
        """Load the classifier of a bundle.

        Raises
        ------
        BundleError, ClassifierError
            There is no bundle, it has no classifier, or that cannot be used.
        """
        bundle = load_bundle(folder)
        settings = ClassifierSettings(spans=False, queue_capacity=_WAITING, deadline_seconds=_DEADLINE)
        return cls(ClassifierService.load(heads={bundle.name: head_folder(bundle)}, settings=settings))

    async def judge(self, messages: Messages) -> Detection:
        """See `Detector.judge`."""
        verdict = await self._service.classify(Conversation.from_openai_messages(messages))
        [found] = verdict.targets
        margin = _log_odds(found.probability) - _log_odds(found.threshold)
        return Detection(found.flagged, margin, verdict.status)


async def margins_of(detector: Detector, texts: Sequence[str]) -> list[float]:
    """The margin of each of some prompts.

    Where only a verdict is told it is 1 or -1: a search then sees no slope.
    """

    async def margin(text: str) -> float:
        judgement = await detector.judge([{"role": "user", "content": text}])
        if judgement.margin is None or judgement.status == "refused":
            return 1.0 if judgement.flagged else -1.0
        return judgement.margin

    return list(await asyncio.gather(*map(margin, texts)))


def _log_odds(probability: Any) -> float:
    held = min(max(float(probability), _SUREST), 1 - _SUREST)
    return math.log(held / (1 - held))

"""The targets in force are swapped as one, and a request ends on those that it began with."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lethe.bundle import Action, Bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import Verdict
from lethe.server.guard.decision import Outcome
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines
from lethe.server.metrics import Metrics
from lethe.server.settings import PolicySettings
from tests.server.stack import KeywordClassifier, write_target

pytestmark = pytest.mark.anyio


class SlowClassifier(KeywordClassifier):
    """Answers when told to, and never after it was closed."""

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__(targets)
        self.go_on = asyncio.Event()
        self.closed = False

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        await self.go_on.wait()
        assert not self.closed
        return await super().classify(conversation)

    async def close(self) -> None:
        self.closed = True


async def test_a_request_in_flight_ends_on_the_targets_that_it_began_with(targets: Path) -> None:
    built: list[SlowClassifier] = []

    async def build(bundles: Sequence[Bundle]) -> SlowClassifier:
        built.append(SlowClassifier([bundle.name for bundle in bundles]))
        return built[-1]

    guard = Guard(targets, build, NoEngines(), PolicySettings(), Metrics())
    await guard.load()
    two_prompts = [Conversation.from_prompt("nothing"), Conversation.from_prompt("potter")]
    deciding = asyncio.create_task(guard.decide(two_prompts))
    await asyncio.sleep(0)
    write_target(targets, "books", Action.REFUSE)
    reloading = asyncio.create_task(guard.load())
    await asyncio.sleep(0.05)
    assert not reloading.done()
    built[0].go_on.set()
    assert (await deciding).outcome is Outcome.CORRUPT
    await reloading
    assert built[0].closed
    built[1].go_on.set()
    assert (await guard.decide(two_prompts)).outcome is Outcome.REFUSE

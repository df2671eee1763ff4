"""The targets in force are swapped as one, and a request ends on those that it began with."""

import asyncio
import gc
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lethe.bundle import Action, Bundle, BundleError
from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import Verdict
from lethe.server.guard.decision import Outcome
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines
from lethe.server.metrics import Metrics
from lethe.server.settings.policy import PolicySettings
from lethe.server.targets.targets import TargetSet
from tests.server.stack import KeywordClassifier, write_target

pytestmark = pytest.mark.anyio

DECISION_S = 2.0


class SlowClassifier(KeywordClassifier):
    """Answers when told to, and never after it was closed."""

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__(targets)
        self.go_on = asyncio.Event()
        self.takes_s = 0.0
        self.closed = False
        self.itself: SlowClassifier | None = None

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        await self.go_on.wait()
        await asyncio.sleep(self.takes_s)
        assert not self.closed
        return await super().classify(conversation)

    async def close(self) -> None:
        self.closed = True


class Classifiers:
    """Those that were built, in order."""

    def __init__(self) -> None:
        self.built: list[SlowClassifier] = []

    async def build(self, bundles: Sequence[Bundle]) -> SlowClassifier:
        self.built.append(SlowClassifier([bundle.name for bundle in bundles]))
        return self.built[-1]


class Engines(NoEngines):
    """Notes what they are left with."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[list[str]] = []

    async def settle(self, targets: TargetSet) -> None:
        self.settled.append([target.name for target in targets])


@pytest.fixture
def classifiers() -> Classifiers:
    return Classifiers()


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def guard(targets: Path, classifiers: Classifiers, engines: Engines) -> Guard:
    return Guard(
        targets, classifiers.build, engines, PolicySettings(decision_timeout_s=DECISION_S), Metrics()
    )


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nothing that holds itself is let go of by the way."""
    gc.disable()
    yield
    gc.enable()


TWO_PROMPTS = [Conversation.from_prompt("nothing"), Conversation.from_prompt("potter")]


async def test_a_request_in_flight_ends_on_the_targets_that_it_began_with(
    targets: Path, classifiers: Classifiers, guard: Guard
) -> None:
    await guard.load()
    deciding = asyncio.create_task(guard.decide(TWO_PROMPTS))
    await asyncio.sleep(0)
    write_target(targets, "books", Action.REFUSE)
    await guard.load()
    assert not classifiers.built[0].closed
    classifiers.built[0].go_on.set()
    assert (await deciding).outcome is Outcome.CORRUPT
    classifiers.built[1].go_on.set()
    assert (await guard.decide(TWO_PROMPTS)).outcome is Outcome.REFUSE
    await guard.close()
    assert classifiers.built[0].closed


@pytest.mark.parametrize("busy", [False, True])
async def test_what_was_in_force_is_let_go_of_at_once(
    targets: Path, classifiers: Classifiers, guard: Guard, uncollected: None, busy: bool
) -> None:
    await guard.load()
    retired = classifiers.built.pop()
    retired.itself = retired
    kept = weakref.ref(retired)
    deciding = [asyncio.create_task(guard.decide(TWO_PROMPTS))] if busy else []
    await asyncio.sleep(0)
    await guard.load()
    retired.go_on.set()
    del retired
    await asyncio.gather(*deciding)
    deciding.clear()
    for _ in range(5):
        await asyncio.sleep(0)
    assert kept() is None
    await guard.close()


@pytest.mark.parametrize("times", [1, 99])
async def test_what_is_changed_while_it_is_loaded_is_loaded_again(targets: Path, times: int) -> None:
    """Or one version would be in force with another's head."""
    built: list[SlowClassifier] = []

    async def build(bundles: Sequence[Bundle]) -> SlowClassifier:
        if len(built) < times:
            write_target(targets, "books", description=f"version {len(built)}")
        built.append(SlowClassifier([bundle.name for bundle in bundles]))
        return built[-1]

    guard = Guard(targets, build, NoEngines(), PolicySettings(), Metrics())
    if times > 1:
        with pytest.raises(BundleError, match="again and again"):
            await guard.load()
        assert all(each.closed for each in built)
        return
    await guard.load()
    [books] = guard.targets
    assert books.bundle.manifest.description == "version 0"
    assert [each.closed for each in built] == [True, False]
    await guard.close()


async def test_what_comes_into_force_waits_for_no_request_and_engines_are_left_with_the_last(
    targets: Path, classifiers: Classifiers, engines: Engines, guard: Guard
) -> None:
    await guard.load()
    deciding = asyncio.create_task(guard.decide(TWO_PROMPTS))
    await asyncio.sleep(0)
    for name in ("films", "songs"):
        write_target(targets, name)
        await guard.load()
    assert [target.name for target in guard.targets] == ["books", "films", "songs"]
    # What decides still may ask for what it was loaded with.
    assert engines.settled == [["books"]]
    classifiers.built[0].go_on.set()
    await deciding
    await guard.close()
    assert [each.closed for each in classifiers.built] == [True, True, True]
    assert engines.settled == [["books"], ["books", "films", "songs"]]


async def test_all_prompts_of_a_request_have_one_deadline(classifiers: Classifiers, guard: Guard) -> None:
    await guard.load()
    classifiers.built[0].go_on.set()
    classifiers.built[0].takes_s = 0.7 * DECISION_S
    assert (await guard.decide(TWO_PROMPTS[:1])).outcome is Outcome.PASS
    decision = await guard.decide(TWO_PROMPTS)
    assert decision.outcome is Outcome.BLOCK
    assert not decision.judged


async def test_many_prompts_that_were_judged_before_leave_others_their_turn(
    classifiers: Classifiers, guard: Guard
) -> None:
    await guard.load()
    classifiers.built[0].go_on.set()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(others())
    await guard.decide(TWO_PROMPTS * 10)
    counting.cancel()
    assert turns >= 19

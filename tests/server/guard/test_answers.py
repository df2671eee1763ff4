"""What follows a verdict on an answer."""

import asyncio
from pathlib import Path

import pytest

from lethe.bundle import Action, install_bundle, update_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.server.access.keys import ANYONE
from lethe.server.guard.answers import AnswerWatch, decide_answer, watch
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.guard import Guard
from lethe.server.guard.host import NoEngines, Unasked
from lethe.server.metrics import Metrics
from lethe.server.settings.policy import Fallback, PolicySettings
from lethe.server.settings.settings import SHIPPED_TARGETS, Settings
from lethe.server.targets.rollout import AnswerPolicy, change_deployment
from lethe.server.targets.targets import TargetSet, load_targets
from tests.server.stack import api_key, write_target

POLICY = PolicySettings()
JUDGED = {"books", "films"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_target(tmp_path, "books", answers=True)
    return tmp_path


def in_force(folder: Path, policy: AnswerPolicy = AnswerPolicy.GUARD) -> TargetSet:
    change_deployment(folder, "books", answers=policy)
    return load_targets(folder).for_answers


def decided(
    folder: Path, *verdicts: Verdict, anew: bool = True, unreadable: str = "", policy: PolicySettings = POLICY
) -> Decision:
    return decide_answer(verdicts, in_force(folder), policy, ANYONE, anew, unreadable)


TELLS = Verdict((TargetVerdict("books", 0.9, 0.5),))
CLEAN = Verdict((TargetVerdict("books", 0.1, 0.5),))


def test_an_answer_that_tells_is_made_anew_once(folder: Path) -> None:
    anew = decided(folder, CLEAN, TELLS)
    assert (anew.outcome, [each.target for each in anew.corruptions]) == (Outcome.CORRUPT, ["books"])
    again = decided(folder, TELLS, anew=False)
    assert (again.outcome, again.corruptions, again.targets) == (Outcome.REFUSE, (), ("books",))
    assert decided(folder, CLEAN).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("fallback", "outcome"),
    [
        (Fallback.BLOCK, Outcome.BLOCK),
        (Fallback.CORRUPT, Outcome.CORRUPT),
        (Fallback.PASS, Outcome.PASS),
    ],
)
def test_what_cannot_be_read_follows_the_policy_of_such_prompts(
    folder: Path, fallback: Fallback, outcome: Outcome
) -> None:
    policy = PolicySettings(on_unclassifiable=fallback, on_error=fallback, on_too_long=fallback)
    assert decided(folder, CLEAN, unreadable="ids", policy=policy).outcome is outcome
    long = Verdict(CLEAN.targets, "too_long", ("it is long",))
    assert decided(folder, long, policy=policy).outcome is outcome
    assert decide_answer(None, in_force(folder), policy, ANYONE, True).outcome is outcome


def test_a_target_whose_answers_are_not_judged_decides_nothing(folder: Path) -> None:
    off = in_force(folder, AnswerPolicy.OFF)
    assert decide_answer([TELLS], off, POLICY, ANYONE, True).outcome is Outcome.PASS
    assert watch(off, JUDGED, ANYONE) is AnswerWatch.OFF


def test_what_is_only_observed_waits_for_nothing(folder: Path) -> None:
    observed = in_force(folder, AnswerPolicy.OBSERVE)
    assert decide_answer([TELLS], observed, POLICY, ANYONE, True).outcome is Outcome.OBSERVE
    assert watch(observed, JUDGED, ANYONE) is AnswerWatch.OBSERVE


def test_it_is_watched_as_the_strictest_target_says_for_the_key(folder: Path) -> None:
    write_target(folder, "films", Action.OBSERVE, answers=True)
    targets = in_force(folder)
    assert watch(targets, JUDGED, ANYONE) is AnswerWatch.GUARD
    assert watch(targets, {"films"}, ANYONE) is AnswerWatch.OBSERVE
    assert watch(targets, set(), ANYONE) is AnswerWatch.OFF
    assert watch(targets, JUDGED, api_key("a", exempt={"books"})) is AnswerWatch.OBSERVE


def test_a_real_head_judges_an_answer_to_a_question_that_says_nothing(tmp_path: Path) -> None:
    bundle = install_bundle(SHIPPED_TARGETS / "harry-potter", tmp_path / "harry-potter")
    if bundle.answer_classifier is None:
        # The one for prompts knows the names, too.
        head = {
            f"answer_{name}": bundle.folder / name for name in bundle.manifest.files if "classifier" in name
        }
        fields = bundle.manifest.model_dump(exclude={"files", "schema_version"})
        files = {name: bundle.folder / name for name in bundle.manifest.files}
        update_bundle(bundle.folder, files | head, **fields)
    guard = Guard(tmp_path, ClassifierFactory(Settings()), NoEngines(), POLICY, Metrics())
    asked = Conversation.from_prompt("And who was that?")

    async def outcomes(*answers: str) -> list[Outcome]:
        await guard.load()
        assert guard.watch(ANYONE, Unasked()) is AnswerWatch.GUARD
        found = [
            await guard.decide_answer([Exchange(asked, answer)], ANYONE, Unasked(), may_be_made_anew=True)
            for answer in answers
        ]
        await guard.close()
        return [each.outcome for each in found]

    told = "That was Severus Snape, who teaches Potions to Harry Potter at Hogwarts."
    assert asyncio.run(outcomes(told, "That was the plumber, about the sink.")) == [
        Outcome.CORRUPT,
        Outcome.PASS,
    ]

"""A decision says what it was made of, to whoever records it."""

import dataclasses

import pytest

from lethe.bundle import Action
from lethe.classifier.verdict import Verdict
from lethe.server.guard.decision import Decision, FlaggedTarget, Outcome


def test_without_a_verdict_it_is_not_judged() -> None:
    assert not Decision(Outcome.BLOCK, reason="the classifier did not answer").judged
    assert Decision(Outcome.PASS, verdicts=(Verdict(()),)).judged
    assert Decision(Outcome.BLOCK, verdicts=(Verdict((), "too_long", ("it is long",)),)).judged


def test_it_names_its_flagged_targets_in_their_order() -> None:
    flagged = tuple(FlaggedTarget(name, "1", Action.CORRUPT, 0.9, 0.5) for name in ("films", "books"))
    assert Decision(Outcome.CORRUPT, flagged=flagged).targets == ("films", "books")
    assert Decision(Outcome.PASS).targets == ()


def test_nobody_changes_it_on_its_way() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Decision(Outcome.BLOCK).outcome = Outcome.PASS  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("action", [Action.CORRUPT, Action.ADAPTER, Action.REFUSE, Action.OBSERVE])
def test_an_outcome_has_the_name_of_the_action_that_leads_to_it(action: Action) -> None:
    assert Outcome(action.value).value == action.value

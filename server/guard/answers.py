"""What follows a verdict on an answer. Knows nothing about streams or HTTP."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import Enum, auto

from lethe.bundle import Action
from lethe.classifier.verdict import Verdict
from lethe.server.access.keys import ApiKey
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.judging import Judgement
from lethe.server.guard.policy import decide, decide_without_verdict
from lethe.server.settings.policy import PolicySettings
from lethe.server.targets.targets import TargetSet

MADE_ANEW = (Outcome.CORRUPT, Outcome.ADAPTER)
"""What an answer to a clean prompt may lead to: the model is asked once more, so that it does not know."""


class AnswerWatch(Enum):
    """What is done about the answers to a request."""

    OFF = auto()
    OBSERVE = auto()
    GUARD = auto()


def watch(targets: TargetSet, judged: Collection[str], key: ApiKey) -> AnswerWatch:
    """What is done about answers to a key's requests.

    Parameters
    ----------
    targets
        As they act on answers.
    judged
        Names of those whose answers can be judged.
    """
    actions = [target.action_for(key) for target in targets if target.name in judged]
    if not actions:
        return AnswerWatch.OFF
    return AnswerWatch.OBSERVE if all(action is Action.OBSERVE for action in actions) else AnswerWatch.GUARD


def decide_answer(
    verdicts: Sequence[Verdict] | None,
    targets: TargetSet,
    policy: PolicySettings,
    key: ApiKey,
    may_be_made_anew: bool,
    unreadable: str = "",
) -> Decision:
    """Decide on an answer as `decide` does on a prompt; what cannot be made anew is refused.

    Parameters
    ----------
    verdicts
        On everything that the answer shows; None where classifying failed.
    targets
        As they act on answers.
    unreadable
        What the answer shows that is no text.
    """
    if verdicts is None:
        decision = decide_without_verdict(targets, policy, key)
    else:
        among = {target.name for target in targets}
        judged = [Judgement(_judged(each, among, unreadable)) for each in verdicts]
        decision = decide(judged, targets, policy, key)
    if decision.outcome in MADE_ANEW and not may_be_made_anew:
        return replace(decision, outcome=Outcome.REFUSE, corruptions=(), adapter=None, hidden={})
    return decision


def _judged(verdict: Verdict, among: Collection[str], unreadable: str) -> Verdict:
    if not all(part.target in among for part in verdict.targets):
        verdict = replace(verdict, targets=tuple(part for part in verdict.targets if part.target in among))
    if unreadable and verdict.status == "ok":
        return replace(verdict, status="unclassifiable", reasons=(unreadable,))
    return verdict

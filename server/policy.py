"""From verdicts to a decision. Knows what operators chose; knows nothing about HTTP or engines."""

from collections.abc import Sequence

from bundle import Action
from classifier.verdict import Verdict
from corruption.request import PlacedCorruption
from server.decision import Decision, Outcome
from server.keys import ApiKey
from server.settings import Fallback, PolicySettings
from server.targets import Target, TargetSet

_STRENGTH = (Outcome.PASS, Outcome.OBSERVE, Outcome.CORRUPT, Outcome.REFUSE, Outcome.BLOCK)
_OUTCOME_OF_ACTION = {
    Action.CORRUPT: Outcome.CORRUPT,
    Action.REFUSE: Outcome.REFUSE,
    Action.OBSERVE: Outcome.OBSERVE,
}
_OUTCOME_OF_FALLBACK = {
    Fallback.PASS: Outcome.PASS,
    Fallback.CORRUPT: Outcome.CORRUPT,
    Fallback.BLOCK: Outcome.BLOCK,
}


def decide(verdicts: Sequence[Verdict], targets: TargetSet, policy: PolicySettings, key: ApiKey) -> Decision:
    """Decide on a request from the verdicts on its prompts.

    The strongest of what is asked for wins: block, refuse, corrupt, observe, pass. All corruptions of the
    flagged targets are applied together. A request of several prompts is decided as one.
    """
    flagged = [targets[name] for name in dict.fromkeys(part.target for v in verdicts for part in v.flagged)]
    actions = [target.action_for(key) for target in flagged]
    outcomes = [_OUTCOME_OF_ACTION[action] for action in actions]
    corrupted = [target for target, action in zip(flagged, actions, strict=True) if action is Action.CORRUPT]
    reason = ""
    for verdict in verdicts:
        if verdict.status == "ok" or targets.exempt(key):
            continue
        fallback = policy.on_too_long if verdict.status == "too_long" else policy.on_unclassifiable
        outcomes.append(_OUTCOME_OF_FALLBACK[fallback])
        if fallback is Fallback.CORRUPT:
            corrupted = list(targets.corrupting_for(key))
        reason = "; ".join(verdict.reasons) or verdict.status
    return _decision(outcomes, flagged, corrupted, reason, tuple(verdicts))


def decide_without_verdict(targets: TargetSet, policy: PolicySettings, key: ApiKey) -> Decision:
    """Decide on a request whose classification failed."""
    if targets.exempt(key):
        return Decision(Outcome.PASS)
    corrupted = list(targets.corrupting_for(key)) if policy.on_error is Fallback.CORRUPT else []
    return _decision(
        [_OUTCOME_OF_FALLBACK[policy.on_error]], [], corrupted, "the classifier did not answer", ()
    )


def _decision(
    outcomes: list[Outcome],
    flagged: list[Target],
    corrupted: list[Target],
    reason: str,
    verdicts: tuple[Verdict, ...],
) -> Decision:
    outcome = max(outcomes, key=_STRENGTH.index, default=Outcome.PASS)
    if outcome is Outcome.CORRUPT and not corrupted:
        outcome, reason = Outcome.BLOCK, f"{reason}, and no target in force has a corruption"
    placed = tuple(
        PlacedCorruption(target.name, target.version, target.corruption, None)
        for target in corrupted
        if target.corruption is not None
    )
    return Decision(
        outcome,
        targets=tuple(target.name for target in flagged),
        corruptions=placed if outcome is Outcome.CORRUPT else (),
        reason=reason,
        verdicts=verdicts,
    )

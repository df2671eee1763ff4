"""From verdicts to a decision. Knows what operators chose; knows nothing about HTTP or engines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lethe.bundle import Action
from lethe.classifier.verdict import Status, TargetVerdict, Verdict
from lethe.corruption.positions import MessageSpan
from lethe.corruption.request import PlacedCorruption
from lethe.server.access.keys import ApiKey
from lethe.server.guard.decision import Decision, FlaggedTarget, Outcome
from lethe.server.guard.judging import Judgement
from lethe.server.settings.policy import Consequence, Fallback, OnPooled, PolicySettings, SeveralAdapters
from lethe.server.targets.adapter import Adapter
from lethe.server.targets.targets import Target, TargetSet

_STRENGTH = (
    Outcome.PASS,
    Outcome.OBSERVE,
    Outcome.CORRUPT,
    Outcome.ADAPTER,
    Outcome.REFUSE,
    Outcome.BLOCK,
)
_CHANGING = (Outcome.CORRUPT, Outcome.ADAPTER, Outcome.REFUSE)
_OUTCOME_OF_ACTION = {
    Action.CORRUPT: Outcome.CORRUPT,
    Action.ADAPTER: Outcome.ADAPTER,
    Action.ADAPTER_AND_CORRUPT: Outcome.ADAPTER,
    Action.REFUSE: Outcome.REFUSE,
    Action.OBSERVE: Outcome.OBSERVE,
}
_OUTCOME_OF_FALLBACK = {
    Fallback.PASS: Outcome.PASS,
    Fallback.OBSERVE: Outcome.OBSERVE,
    Fallback.CORRUPT: Outcome.CORRUPT,
    Fallback.BLOCK: Outcome.BLOCK,
}


@dataclass(frozen=True)
class Unjudged:
    """Something of a request that could not be judged.

    Attributes
    ----------
    fallback
        What becomes of the request.
    reason
        What the client is told where it is blocked.
    """

    fallback: Fallback
    reason: str


def decide(
    judgements: Sequence[Judgement],
    targets: TargetSet,
    policy: PolicySettings,
    key: ApiKey,
    demand: Verdict | None = None,
    unjudged: Sequence[Unjudged] = (),
) -> Decision:
    """Decide on a request from what was found of its prompts.

    The strongest action that is asked for wins: block, refuse, adapter, corrupt, observe, pass. All corruptions of
    the flagged targets are applied together, also with an adapter. vLLM applies one adapter to a request. If one
    target asks for an adapter, it is that target's; if several do, it is the one composed for exactly these, or else
    the policy decides. A request of several prompts is decided as one.

    Parameters
    ----------
    demand
        The verdict on what the answer is made to contain. Neither corruption nor adapter changes what a grammar
        forces, so where it asks for what one is to make forgotten, the request is refused.
    unjudged
        What no verdict speaks of.
    """
    verdicts = tuple(each.verdict for each in judgements)
    if not unjudged and all(each.is_clean for each in (*verdicts, *([demand] if demand else ()))):
        return Decision(Outcome.PASS, verdicts=verdicts)
    demands = [Judgement(demand)] if demand else []
    flagged = _flagged([*judgements, *demands], targets, key)
    outcomes = [_OUTCOME_OF_ACTION[each.action] for each in flagged]
    if any(each.action.corrupts or each.action.adapts for each in _flagged(demands, targets, key)):
        outcomes.append(Outcome.REFUSE)
    corrupted = [targets[each.name] for each in flagged if each.action.corrupts]
    adapter = _adapter([each for each in flagged if each.action.adapts], targets, policy)
    if adapter is None and Outcome.ADAPTER in outcomes:
        outcomes.append(Outcome.REFUSE)
    # Several prompts share one corruption request, and ranges can speak of one of them only.
    hidden = _hidden(judgements[0]) if len(judgements) == 1 else {}
    reason = ""
    for each in () if targets.exempt(key) else (*_not_judged([*judgements, *demands], policy), *unjudged):
        outcomes.append(_OUTCOME_OF_FALLBACK[each.fallback])
        if each.fallback is Fallback.CORRUPT:
            corrupted, hidden = _all_corruptions(targets, key), {}
        reason = each.reason
    return _decision(outcomes, flagged, corrupted, adapter, reason, verdicts, hidden)


def _not_judged(judgements: Sequence[Judgement], policy: PolicySettings) -> Iterator[Unjudged]:
    for verdict in (each.verdict for each in judgements):
        if verdict.status != "ok":
            reason = "; ".join(verdict.reasons) or verdict.status
            yield Unjudged(_fallback(verdict.status, policy), reason)


def _fallback(status: Status, policy: PolicySettings) -> Fallback:
    if status == "unreadable":
        return policy.on_unreadable
    return policy.on_too_long if status == "too_long" else policy.on_unclassifiable


def decide_without_verdict(
    targets: TargetSet, policy: PolicySettings, key: ApiKey, unjudged: Sequence[Unjudged] = ()
) -> Decision:
    """Decide on a request whose classification failed."""
    if targets.exempt(key):
        return Decision(Outcome.PASS)
    fallbacks = [policy.on_error, *(each.fallback for each in unjudged)]
    corrupted = _all_corruptions(targets, key) if Fallback.CORRUPT in fallbacks else []
    outcomes = [_OUTCOME_OF_FALLBACK[each] for each in fallbacks]
    return _decision(outcomes, [], corrupted, None, "the classifier did not answer", (), {})


def strongest(decisions: Iterable[Decision]) -> Decision | None:
    """The decision whose outcome is the strongest; None of none."""
    return max(decisions, key=lambda each: _STRENGTH.index(each.outcome), default=None)


def without_corruption(decision: Decision, otherwise: OnPooled) -> Decision:
    """The same, where nothing of an answer could be changed: what is flagged is recorded and passed, or refused."""
    if decision.outcome not in _CHANGING:
        return decision
    outcome = Outcome.REFUSE if otherwise is OnPooled.REFUSE else Outcome.OBSERVE
    return replace(decision, outcome=outcome, corruptions=(), adapter=None, hidden={})


def not_hidden(decision: Decision) -> Decision:
    """The same, where the model is shown what no corruption of the prompt hides: refused instead."""
    if decision.outcome is not Outcome.CORRUPT:
        return decision
    return replace(decision, outcome=Outcome.REFUSE, corruptions=(), hidden={})


def _flagged(judgements: Sequence[Judgement], targets: TargetSet, key: ApiKey) -> list[FlaggedTarget]:
    """The flagged targets: of several prompts by the surest verdict, and by the strongest action."""
    surest: dict[str, TargetVerdict] = {}
    actions: dict[str, Action] = {}
    for judgement in judgements:
        for part in judgement.verdict.flagged:
            consequence = judgement.finding(part.target).consequence
            if consequence is Consequence.SKIP:
                continue
            asked = (
                actions.get(part.target, Action.OBSERVE),
                _within_scope(targets[part.target], key, consequence),
            )
            actions[part.target] = max(asked, key=lambda action: _STRENGTH.index(_OUTCOME_OF_ACTION[action]))
            if part.target not in surest or surest[part.target].probability < part.probability:
                surest[part.target] = part
    return [
        FlaggedTarget(
            name,
            targets[name].version,
            actions[name],
            part.probability,
            part.threshold,
            unfit=targets[name].in_place_of is not None,
        )
        for name, part in surest.items()
    ]


def _within_scope(target: Target, key: ApiKey, consequence: Consequence) -> Action:
    """What a target's action becomes by the kind of text that carries the verdict."""
    action = target.action_for(key)
    if consequence is Consequence.OBSERVE or action is Action.OBSERVE:
        return Action.OBSERVE
    return Action.REFUSE if consequence is Consequence.REFUSE else action


def _hidden(judgement: Judgement) -> dict[str, tuple[MessageSpan, ...]]:
    return {name: hidden for name, finding in judgement.findings.items() if (hidden := finding.hidden)}


def _adapter(asked: Sequence[FlaggedTarget], targets: TargetSet, policy: PolicySettings) -> Adapter | None:
    if len(asked) > 1:
        names = [each.name for each in asked]
        if targets.composes(names):
            return targets.composed_adapter(names)
        if policy.several_adapters is SeveralAdapters.REFUSE:
            return None
    surest = max(asked, key=lambda each: each.probability, default=None)
    return targets[surest.name].adapter if surest else None


def _all_corruptions(targets: TargetSet, key: ApiKey) -> list[Target]:
    """The targets whose corruptions stand in for a verdict; none where one of these cannot be had."""
    wanting = [each for each in targets if each.in_place_of and each.in_place_of.corrupts]
    if any(each.action_for(key) is Action.REFUSE for each in wanting):
        return []
    return [each for each in targets if each.corruption and _acts_unread(each, key)]


def _acts_unread(target: Target, key: ApiKey) -> bool:
    """Whether a target acts where nothing is known: for who is refused what is flagged just as for others."""
    action = target.action_for(key)
    return (target.action_by_share(key) if action is Action.REFUSE else action) is not Action.OBSERVE


def _decision(
    outcomes: list[Outcome],
    flagged: list[FlaggedTarget],
    corrupted: list[Target],
    adapter: Adapter | None,
    reason: str,
    verdicts: tuple[Verdict, ...],
    hidden: Mapping[str, tuple[MessageSpan, ...]],
) -> Decision:
    outcome = max(outcomes, key=_STRENGTH.index, default=Outcome.PASS)
    changes_model = outcome in (Outcome.CORRUPT, Outcome.ADAPTER)
    if changes_model and Outcome.CORRUPT in outcomes and not corrupted:
        outcome, reason = Outcome.BLOCK, f"{reason}, and there is no corruption to answer it with"
    placed = tuple(
        PlacedCorruption(target.name, target.version, target.corruption, None)
        for target in corrupted
        if target.corruption is not None
    )
    return Decision(
        outcome,
        flagged=tuple(flagged),
        corruptions=placed if changes_model else (),
        adapter=adapter if outcome is Outcome.ADAPTER else None,
        reason=reason,
        verdicts=verdicts,
        hidden={
            each.target: hidden[each.target] for each in placed if changes_model and each.target in hidden
        },
    )

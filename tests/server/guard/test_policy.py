"""What is decided where bundles were made for another model than the one served, and which bundles those are."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.bundle import Action, Bundle, Manifest
from lethe.bundle.manifest import BaseModelEntry
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.corruption import Corruption
from lethe.corruption.positions import MessageSpan
from lethe.server.access.keys import ANYONE, ApiKey, ClientTarget, KeyAction, Team
from lethe.server.engines.fitness import describe_unfit
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.judging import Finding, Judgement
from lethe.server.guard.policy import decide, decide_without_verdict
from lethe.server.settings.policy import Consequence, Fallback, OnUnfit, PolicySettings, SeveralAdapters
from lethe.server.targets.adapter import Adapter
from lethe.server.targets.rollout import AnswerPolicy
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import Composition, Target, TargetMeans, TargetSet
from tests.server.stack import MODEL, api_key

SERVED = ServedModel(MODEL, frozenset({MODEL}), "0" * 64)


def bundle(name: str, fits: bool, **fields: Any) -> Bundle:
    return Bundle(Path("/nowhere"), Manifest(name=name, models=(base_model(fits),), **fields), "1")


def base_model(fits: bool) -> BaseModelEntry:
    return BaseModelEntry(
        id="any", hidden_size=8, embedding_sha256=("0" if fits else "1") * 64, folder="models/any"
    )


def adapter(name: str) -> Adapter:
    return Adapter(name, "1", "0" * 64, 2, Path("/nowhere"), ())


def target(name: str, action: Action, fits: bool, percent: float = 100) -> Target:
    corruption = Corruption("rand_noise_first_n", 3.0, 4) if action.corrupts else None
    means = TargetMeans(base_model(fits), corruption, adapter(name) if action.adapts else None)
    return Target(bundle(name, fits), action, (means,), percent=percent)


def composition(names: tuple[str, ...], fits: bool) -> dict[frozenset[str], Composition]:
    means = TargetMeans(base_model(fits), adapter=adapter("both"))
    return {frozenset(names): Composition(bundle("both", fits, composes=names), (means,))}


def flagging(*names: str, status: Any = "ok", **findings: Finding) -> Judgement:
    verdict = Verdict(tuple(TargetVerdict(name, 0.9, 0.5) for name in names), status)
    return Judgement(verdict, findings)


class TestDecision:
    """What is decided of a flagged prompt, by the policy alone."""

    def decide(
        self, targets: TargetSet, *flagged: str, on_unfit: OnUnfit = OnUnfit.REFUSE, key: ApiKey = ANYONE
    ) -> Decision:
        fitted = targets.fitted(SERVED, on_unfit)
        return decide([flagging(*flagged)], fitted, PolicySettings(on_unfit=on_unfit), key)

    @pytest.mark.parametrize("action", [Action.CORRUPT, Action.ADAPTER, Action.ADAPTER_AND_CORRUPT])
    def test_it_is_refused_unless_it_is_to_be_observed(self, action: Action) -> None:
        targets = TargetSet([target("books", action, fits=False)])
        refused = self.decide(targets, "books")
        assert refused.outcome is Outcome.REFUSE
        assert [(each.action, each.unfit) for each in refused.flagged] == [(Action.REFUSE, True)]
        assert self.decide(targets, "books", on_unfit=OnUnfit.OBSERVE).outcome is Outcome.OBSERVE
        assert self.decide(targets, "books", on_unfit=OnUnfit.STOP).outcome is Outcome.REFUSE

    @pytest.mark.parametrize("action", [Action.REFUSE, Action.OBSERVE])
    def test_a_classifier_belongs_to_no_model(self, action: Action) -> None:
        targets = TargetSet([target("books", action, fits=False)])
        assert self.decide(targets, "books").outcome == action.value
        assert not targets.fitted(SERVED, OnUnfit.REFUSE).unfit

    def test_one_that_fits_acts_beside_it(self) -> None:
        targets = TargetSet(
            [target("books", Action.CORRUPT, fits=True), target("films", Action.CORRUPT, fits=False)]
        )
        assert [each.target for each in self.decide(targets, "books").corruptions] == ["books"]
        assert self.decide(targets, "books", "films").outcome is Outcome.REFUSE
        observed = self.decide(targets, "books", "films", on_unfit=OnUnfit.OBSERVE)
        assert [each.target for each in observed.corruptions] == ["books"]

    def test_exemptions_and_shares_hold(self) -> None:
        nobody = TargetSet([target("books", Action.CORRUPT, fits=False, percent=0)])
        assert self.decide(nobody, "books", key=api_key("a")).outcome is Outcome.OBSERVE
        targets = TargetSet([target("books", Action.CORRUPT, fits=False)])
        exempt = api_key("a", exempt=frozenset({"books"}))
        assert self.decide(targets, "books", key=exempt).outcome is Outcome.OBSERVE

    def test_what_an_answer_must_contain_is_refused_as_well(self) -> None:
        targets = TargetSet([target("books", Action.CORRUPT, fits=False)])
        fitted = targets.fitted(SERVED, OnUnfit.REFUSE)
        asked = decide([flagging()], fitted, PolicySettings(), ANYONE, flagging("books").verdict)
        assert asked.outcome is Outcome.REFUSE

    @pytest.mark.parametrize("several", SeveralAdapters)
    def test_a_composed_adapter_that_does_not_fit_is_missed(self, several: SeveralAdapters) -> None:
        parts = ("books", "films")
        targets = TargetSet(
            [target(name, Action.ADAPTER, fits=True) for name in parts], composition(parts, fits=False)
        )
        policy = PolicySettings(several_adapters=several)

        def decided(*names: str, on_unfit: OnUnfit = OnUnfit.REFUSE) -> Decision:
            return decide([flagging(*names)], targets.fitted(SERVED, on_unfit), policy, ANYONE)

        assert decided(*parts).outcome is Outcome.REFUSE
        assert decided("films").adapter == adapter("films")
        surest = several is SeveralAdapters.SUREST
        observed = decided(*parts, on_unfit=OnUnfit.OBSERVE)
        assert observed.outcome is (Outcome.ADAPTER if surest else Outcome.REFUSE)

    @pytest.mark.parametrize(
        ("fits", "on_unfit", "outcome"),
        [
            ((True, True), OnUnfit.REFUSE, Outcome.CORRUPT),
            ((True, False), OnUnfit.REFUSE, Outcome.BLOCK),
            ((False, False), OnUnfit.REFUSE, Outcome.BLOCK),
            ((True, False), OnUnfit.OBSERVE, Outcome.CORRUPT),
            ((False, False), OnUnfit.OBSERVE, Outcome.BLOCK),
        ],
    )
    def test_every_corruption_in_place_of_a_verdict_means_every_one(
        self, fits: tuple[bool, bool], on_unfit: OnUnfit, outcome: Outcome
    ) -> None:
        names = zip(("books", "films"), fits, strict=True)
        targets = TargetSet([target(name, Action.CORRUPT, fit) for name, fit in names])
        fitted = targets.fitted(SERVED, on_unfit)
        policy = PolicySettings(on_error=Fallback.CORRUPT, on_too_long=Fallback.CORRUPT)
        for decision in (
            decide_without_verdict(fitted, policy, ANYONE),
            decide([flagging(status="too_long")], fitted, policy, ANYONE),
        ):
            assert decision.outcome is outcome
            assert len(decision.corruptions) == (sum(fits) if outcome is Outcome.CORRUPT else 0)


@pytest.mark.parametrize(
    ("fallback", "outcome"),
    [
        (Fallback.BLOCK, Outcome.BLOCK),
        (Fallback.PASS, Outcome.PASS),
        (Fallback.OBSERVE, Outcome.OBSERVE),
        (Fallback.CORRUPT, Outcome.CORRUPT),
    ],
)
def test_what_is_no_language_has_a_policy_of_its_own(fallback: Fallback, outcome: Outcome) -> None:
    targets = TargetSet([target("books", Action.CORRUPT, True)])
    unread = [flagging(status="unreadable")]
    decision = decide(unread, targets, PolicySettings(on_unreadable=fallback), ANYONE)
    assert decision.outcome is outcome
    assert decision.reason
    assert decide(unread, targets, PolicySettings(), ANYONE).outcome is Outcome.BLOCK


class TestScope:
    """What follows from what was found, and where a corruption is to fall."""

    HIDDEN = (MessageSpan(0, 0, 5),)

    @pytest.mark.parametrize(
        ("action", "consequence", "outcome"),
        [
            (Action.CORRUPT, Consequence.CORRUPT, Outcome.CORRUPT),
            (Action.CORRUPT, Consequence.CORRUPT_SPAN, Outcome.CORRUPT),
            (Action.CORRUPT, Consequence.REFUSE, Outcome.REFUSE),
            (Action.CORRUPT, Consequence.OBSERVE, Outcome.OBSERVE),
            (Action.CORRUPT, Consequence.SKIP, Outcome.PASS),
            (Action.ADAPTER, Consequence.CORRUPT, Outcome.ADAPTER),
            (Action.ADAPTER, Consequence.REFUSE, Outcome.REFUSE),
            (Action.REFUSE, Consequence.CORRUPT, Outcome.REFUSE),
            (Action.REFUSE, Consequence.OBSERVE, Outcome.OBSERVE),
            (Action.OBSERVE, Consequence.REFUSE, Outcome.OBSERVE),
            (Action.OBSERVE, Consequence.SKIP, Outcome.PASS),
        ],
    )
    def test_a_targets_action_is_no_more_than_the_text_that_carries_the_verdict_allows(
        self, action: Action, consequence: Consequence, outcome: Outcome
    ) -> None:
        decision = self.decide([flagging("books", books=Finding(consequence))], action)
        assert decision.outcome is outcome
        assert bool(decision.flagged) is (consequence is not Consequence.SKIP)

    def test_a_corruption_falls_on_what_is_hidden(self) -> None:
        found = flagging("books", books=Finding(Consequence.CORRUPT, self.HIDDEN))
        assert self.decide([found]).hidden == {"books": self.HIDDEN}
        assert self.decide([flagging("books")]).hidden == {}

    def test_it_falls_on_everything_of_several_prompts_and_in_place_of_a_verdict(self) -> None:
        found = flagging("books", books=Finding(Consequence.CORRUPT, self.HIDDEN))
        assert self.decide([found, flagging()]).hidden == {}
        unread = flagging("books", status="too_long", books=Finding(Consequence.CORRUPT, self.HIDDEN))
        decision = self.decide([unread], policy=PolicySettings(on_too_long=Fallback.CORRUPT))
        assert (decision.outcome, decision.hidden) == (Outcome.CORRUPT, {})

    def test_of_several_prompts_the_strongest_consequence_counts(self) -> None:
        observed = flagging("books", books=Finding(Consequence.OBSERVE))
        assert self.decide([observed, flagging("books")]).outcome is Outcome.CORRUPT
        assert self.decide([flagging("books"), observed]).outcome is Outcome.CORRUPT

    def decide(
        self,
        judgements: list[Judgement],
        action: Action = Action.CORRUPT,
        policy: PolicySettings | None = None,
    ) -> Decision:
        targets = TargetSet([target("books", action, fits=True)])
        return decide(judgements, targets, policy or PolicySettings(), ANYONE)


class TestClient:
    """What follows for one key from what it and its team are held to; all else is as for others."""

    @pytest.mark.parametrize(
        ("deployed", "percent", "client", "outcome"),
        [
            (Action.CORRUPT, 100, {}, Outcome.CORRUPT),
            (Action.CORRUPT, 0, {}, Outcome.OBSERVE),
            (Action.CORRUPT, 100, {"own": "refuse"}, Outcome.REFUSE),
            (Action.CORRUPT, 100, {"own": "observe"}, Outcome.OBSERVE),
            (Action.CORRUPT, 0, {"own": "act"}, Outcome.CORRUPT),
            (Action.ADAPTER, 0, {"own": "act"}, Outcome.ADAPTER),
            (Action.REFUSE, 100, {"own": "observe"}, Outcome.OBSERVE),
            # A target in shadow has no action of its own to take.
            (Action.OBSERVE, 100, {"own": "act"}, Outcome.OBSERVE),
            (Action.OBSERVE, 100, {"own": "refuse"}, Outcome.REFUSE),
            (Action.CORRUPT, 100, {"team": "refuse"}, Outcome.REFUSE),
            (Action.CORRUPT, 100, {"team": "observe"}, Outcome.OBSERVE),
            (Action.CORRUPT, 0, {"team": "act"}, Outcome.CORRUPT),
            (Action.CORRUPT, 100, {"own": "act", "team": "refuse"}, Outcome.CORRUPT),
            (Action.CORRUPT, 100, {"own": "refuse", "team": "observe"}, Outcome.REFUSE),
            (Action.CORRUPT, 100, {"exempt": {"books"}}, Outcome.OBSERVE),
            (Action.CORRUPT, 100, {"exempt": {"books"}, "own": "refuse"}, Outcome.OBSERVE),
            (Action.CORRUPT, 100, {"team_exempt": {"books"}}, Outcome.OBSERVE),
            (Action.CORRUPT, 100, {"exempt": {"films"}}, Outcome.CORRUPT),
        ],
    )
    def test_what_a_key_says_counts_before_what_its_team_says_and_that_before_the_share(
        self, deployed: Action, percent: float, client: dict[str, Any], outcome: Outcome
    ) -> None:
        targets = TargetSet([target("books", deployed, fits=True, percent=percent)])
        assert decide([flagging("books")], targets, PolicySettings(), member(**client)).outcome is outcome

    def test_it_says_nothing_of_other_targets(self) -> None:
        targets = TargetSet([target(name, Action.CORRUPT, fits=True) for name in ("books", "films")])
        key = member(own="observe")
        assert decide([flagging("films")], targets, PolicySettings(), key).outcome is Outcome.CORRUPT
        both = decide([flagging("books", "films")], targets, PolicySettings(), key)
        assert [each.target for each in both.corruptions] == ["films"]

    def test_answers_that_are_only_observed_stay_so(self) -> None:
        observed = Target(bundle("books", fits=True), Action.CORRUPT, answers=AnswerPolicy.OBSERVE)
        for_answers = TargetSet([observed]).for_answers
        decision = decide([flagging("books")], for_answers, PolicySettings(), member(own="refuse"))
        assert decision.outcome is Outcome.OBSERVE

    @pytest.mark.parametrize("percent", [0, 100])
    @pytest.mark.parametrize("fallback", [Fallback.CORRUPT, Fallback.BLOCK])
    def test_who_is_refused_is_shown_no_more_where_nothing_is_known(
        self, fallback: Fallback, percent: float
    ) -> None:
        targets = TargetSet([target(name, Action.CORRUPT, True, percent) for name in ("books", "films")])
        policy = PolicySettings(on_error=fallback)
        by_others = decide_without_verdict(targets, policy, api_key("a"))
        assert decide_without_verdict(targets, policy, member(own="refuse")) == by_others

    @pytest.mark.parametrize(
        ("own", "team", "threshold"),
        [(None, None, None), (0.8, None, 0.8), (None, 0.7, 0.7), (0.8, 0.7, 0.8)],
    )
    def test_a_threshold_is_the_keys_own_or_else_its_teams(
        self, own: float | None, team: float | None, threshold: float | None
    ) -> None:
        group = Team(name="research", targets={"books": ClientTarget(threshold=team)})
        key = api_key("a", targets={"books": ClientTarget(threshold=own)}, team=group)
        assert key.thresholds.get("books") == threshold
        assert key.how("books").action is None


def member(
    own: str | None = None,
    team: str | None = None,
    exempt: Set[str] = frozenset(),
    team_exempt: Set[str] = frozenset(),
) -> ApiKey:
    """A key of a team, with what each of them says of the target ``books``."""
    group = Team(name="research", exempt=frozenset(team_exempt), targets=_saying(team))
    return api_key("a", exempt=frozenset(exempt), targets=_saying(own), team=group)


def _saying(action: str | None) -> dict[str, ClientTarget]:
    return {"books": ClientTarget(action=KeyAction(action))} if action else {}


_PROTECTION = {
    Outcome.PASS: 0,
    Outcome.OBSERVE: 0,
    Outcome.CORRUPT: 1,
    Outcome.ADAPTER: 1,
    Outcome.REFUSE: 2,
    Outcome.BLOCK: 2,
}
_NAMES = ("a", "b", "c")
_TARGET = st.tuples(st.sampled_from(Action), st.booleans(), st.sampled_from([0, 40, 100]))
_VERDICT = st.builds(
    lambda names, status: flagging(*names, status=status),
    st.sets(st.sampled_from(_NAMES)),
    st.sampled_from(["ok", "too_long", "unclassifiable", "unreadable"]),
)
_POLICY = st.builds(
    PolicySettings,
    on_error=st.sampled_from(Fallback),
    on_too_long=st.sampled_from(Fallback),
    on_unclassifiable=st.sampled_from(Fallback),
    on_unreadable=st.sampled_from(Fallback),
    several_adapters=st.sampled_from(SeveralAdapters),
)


@given(
    shapes=st.tuples(_TARGET, _TARGET, _TARGET),
    composed=st.none() | st.booleans(),
    verdict=st.none() | _VERDICT,
    demand=st.none() | _VERDICT,
    policy=_POLICY,
    exempt=st.frozensets(st.sampled_from(_NAMES)),
)
def test_nothing_gets_further_because_a_bundle_does_not_fit(
    shapes: tuple[tuple[Action, bool, int], ...],
    composed: bool | None,
    verdict: Judgement | None,
    demand: Judgement | None,
    policy: PolicySettings,
    exempt: frozenset[str],
) -> None:
    targets = [target(name, *shape) for name, shape in zip(_NAMES, shapes, strict=True)]
    adapted = all(each.action.adapts for each in targets[:2])
    loaded = TargetSet(targets, composition(("a", "b"), composed) if adapted and composed is not None else {})
    fitted = loaded.fitted(SERVED, OnUnfit.REFUSE)
    key = api_key("someone", exempt=exempt)

    def decided(by: TargetSet) -> Decision:
        if verdict is None:
            return decide_without_verdict(by, policy, key)
        return decide([verdict], by, policy, key, demand and demand.verdict)

    decision = decided(fitted)
    assert _PROTECTION[decision.outcome] >= _PROTECTION[decided(loaded).outcome]
    fit = {each.name for each in loaded if each.bundle not in fitted.unfit}
    assert {placed.target for placed in decision.corruptions} <= fit
    if decision.adapter is not None:
        assert decision.adapter.target in fit | ({"both"} if composed else set())


@given(
    shapes=st.tuples(_TARGET, _TARGET, _TARGET),
    verdict=st.none() | _VERDICT,
    demand=st.none() | _VERDICT,
    policy=_POLICY,
    refused=st.frozensets(st.sampled_from(_NAMES)),
)
def test_nothing_gets_further_because_a_client_is_to_be_refused(
    shapes: tuple[tuple[Action, bool, int], ...],
    verdict: Judgement | None,
    demand: Judgement | None,
    policy: PolicySettings,
    refused: frozenset[str],
) -> None:
    targets = TargetSet([target(name, *shape) for name, shape in zip(_NAMES, shapes, strict=True)])
    fitted = targets.fitted(SERVED, OnUnfit.REFUSE)

    def protected(targets: dict[str, ClientTarget]) -> int:
        key = api_key("someone", targets=targets)
        if verdict is None:
            return _PROTECTION[decide_without_verdict(fitted, policy, key).outcome]
        return _PROTECTION[decide([verdict], fitted, policy, key, demand and demand.verdict).outcome]

    refusing = {name: ClientTarget(action=KeyAction.REFUSE) for name in refused}
    assert protected(refusing) >= protected({})


def test_the_operator_is_told_what_to_type() -> None:
    targets = TargetSet([target("books", Action.CORRUPT, fits=False)]).fitted(SERVED, OnUnfit.REFUSE)
    line = describe_unfit(targets, SERVED, OnUnfit.REFUSE, Path("/my targets"))
    assert "bundle books was made for any with embeddings 111111111111..." in line
    assert "is refused (policy.on_unfit)" in line
    assert "lethe corruption learn --target books --targets '/my targets' --model org/model" in line
    assert "adapter" not in line

"""The targets in force: their bundles, corruptions and classifier, loaded together and swapped together."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lethe.bundle import Action, Bundle, BundleError, DamagedBundle, ModelArtifacts, survey_bundles
from lethe.bundle.manifest import BaseModelReference
from lethe.bundle.signature import Signers
from lethe.corruption.artifact import Corruption, CorruptionError, load_corruption
from lethe.server.access.keys import ANYONE, ApiKey, KeyAction
from lethe.server.settings.policy import Consequence, OnUnfit, ScopeKind
from lethe.server.targets.adapter import Adapter, read_adapter
from lethe.server.targets.rollout import DEPLOYMENT_NAME, AnswerPolicy, TargetDeployment, read_deployment
from lethe.server.targets.served_model import ServedModel


@dataclass(frozen=True)
class TargetMeans:
    """What a target acts with before one base model.

    Attributes
    ----------
    base_model
        What it was made for.
    corruption, adapter
        What the action needs, None for what it does not.
    """

    base_model: BaseModelReference
    corruption: Corruption | None = None
    adapter: Adapter | None = None


@dataclass(frozen=True)
class Composition:
    """An adapter that was composed of those of several targets.

    Attributes
    ----------
    means
        It, for each base model; none in the place of one that was made for others than the one served.
    """

    bundle: Bundle
    means: tuple[TargetMeans, ...]


@dataclass(frozen=True)
class Target:
    """One target as the policy sees it.

    Attributes
    ----------
    action
        What a positive verdict leads to, for the keys in its share.
    means
        What it acts with: that for the model served, or for each base model of its bundle while none is known.
    percent
        Share of the keys; for the others the target is only observed.
    in_place_of
        What the action would be if the bundle had something for the model that is served; None where it has.
    answers
        What becomes of answers that tell of it.
    scope
        What a verdict leads to, by the kind of text that carries it, where that is not as for other targets.
    overrulable
        Whether a client's policy may say that another action is taken.
    """

    bundle: Bundle
    action: Action
    means: tuple[TargetMeans, ...] = ()
    percent: float = 100
    in_place_of: Action | None = None
    answers: AnswerPolicy = AnswerPolicy.GUARD
    scope: Mapping[ScopeKind, Consequence] = field(default_factory=dict)
    overrulable: bool = True

    @property
    def name(self) -> str:
        return self.bundle.name

    @property
    def version(self) -> str:
        return self.bundle.version

    @property
    def corruption(self) -> Corruption | None:
        """What its prompts are corrupted by, if its action is to."""
        return self.means[0].corruption if self.means else None

    @property
    def adapter(self) -> Adapter | None:
        """What its answers are made with, if its action is to."""
        return self.means[0].adapter if self.means else None

    @property
    def answers_judged(self) -> AnswerPolicy:
        """What becomes of answers that tell of it, as far as they can be judged."""
        return self.answers if self.bundle.answer_classifier else AnswerPolicy.OFF

    def action_for(self, key: ApiKey) -> Action:
        """What a positive verdict on a key's request leads to.

        The same key stays in or out while the share is the same, and stays in when it grows. Who cannot be
        told from others is in.
        """
        if key.is_exempt(self.name):
            return Action.OBSERVE
        how = key.how(self.name).action if self.overrulable else None
        if how is KeyAction.ACT:
            return self.action
        if how is not None:
            return Action(how.value)
        return self.action_by_share(key)

    def action_by_share(self, key: ApiKey) -> Action:
        """The same for a client of whom nothing is said but which share of the keys it is in."""
        if self.percent >= 100 or key is ANYONE:
            return self.action
        digest = hashlib.sha256(f"{self.name}\0{key.id}".encode()).digest()
        within = int.from_bytes(digest[:8], "big") / 2**64 * 100 < self.percent
        return self.action if within else Action.OBSERVE

    def fitted(self, digests: Collection[str], on_unfit: OnUnfit) -> "Target":
        """The target as it is in force before a model whose embeddings have one of these digests."""
        if not (self.action.corrupts or self.action.adapts):
            return self
        if fitting := _fitting(self.means, digests):
            return replace(self, means=fitting)
        action = Action.OBSERVE if on_unfit is OnUnfit.OBSERVE else Action.REFUSE
        return replace(self, action=action, means=(), in_place_of=self.action)


class TargetSet:
    """The targets in force, by name; immutable, so that a request in flight keeps the one it began with.

    Parameters
    ----------
    composed
        Adapters that were composed, by the targets that they stand for together.
    unfit
        The bundles that have nothing to act with before the model served.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        composed: Mapping[frozenset[str], Composition] | None = None,
        unfit: Sequence[Bundle] = (),
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._composed = dict(composed or {})
        self.unfit = tuple(unfit)

    def __getitem__(self, name: str) -> Target:
        return self._targets[name]

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        return tuple(target.bundle for target in self)

    @property
    def corrupting(self) -> tuple[Target, ...]:
        """The targets whose action is to corrupt."""
        return tuple(target for target in self if target.action.corrupts)

    def corrupting_for(self, key: ApiKey) -> tuple[Target, ...]:
        """The targets whose action on a key's requests is to corrupt."""
        return tuple(target for target in self if target.action_for(key).corrupts)

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Every adapter that a request may be answered with."""
        everything = [*self, *self._composed.values()]
        return tuple(means.adapter for each in everything for means in each.means if means.adapter)

    @cached_property
    def for_answers(self) -> "TargetSet":
        """The targets as they act on answers; those whose answers are not judged are left out."""
        judging = [target for target in self if target.answers is not AnswerPolicy.OFF]
        acting = [
            replace(target, action=Action.OBSERVE, overrulable=False)
            if target.answers is AnswerPolicy.OBSERVE
            else target
            for target in judging
        ]
        return TargetSet(acting, self._composed, self.unfit)

    def composes(self, names: Collection[str]) -> bool:
        """Whether an adapter was composed for exactly these targets."""
        return frozenset(names) in self._composed

    def composed_adapter(self, names: Collection[str]) -> Adapter | None:
        """The adapter that was composed for exactly these targets; None if there is none, or none that fits."""
        composition = self._composed.get(frozenset(names))
        return composition.means[0].adapter if composition and composition.means else None

    def exempt(self, key: ApiKey) -> bool:
        """Whether none of the targets applies to a key."""
        return all(key.is_exempt(target.name) for target in self)

    def fitted(self, model: ServedModel | None, on_unfit: OnUnfit) -> "TargetSet":
        """The targets as they are in force before a model.

        Of a bundle that lacks for it what its action needs nothing is applied: its target is refused, or observed where
        that is what is to become of it.

        Parameters
        ----------
        model
            What is served; while it is not known, nothing is taken to be unfit.
        """
        if model is None:
            return self
        everything = [*self, *self._composed.values()]
        digests = model.embeddings(base for each in everything for base in each.bundle.manifest.models)
        targets = [target.fitted(digests, on_unfit) for target in self]
        composed = {
            names: replace(each, means=fitting)
            for names, each in self._composed.items()
            # To observe is to let the parts act by themselves.
            if (fitting := _fitting(each.means, digests)) or on_unfit is not OnUnfit.OBSERVE
        }
        unfit = [target.bundle for target in targets if target.in_place_of is not None]
        composing = [each.bundle for each in self._composed.values() if not _fitting(each.means, digests)]
        return TargetSet(targets, composed, [*unfit, *(each for each in composing if each not in unfit)])


def load_targets(folder: Path, signers: Path | None = None) -> TargetSet:
    """Load every bundle of a folder that is enabled, and what its action needs.

    Parameters
    ----------
    signers
        File of public keys, one of which must have signed each of these bundles.

    Raises
    ------
    BundleError
        An enabled bundle is damaged, not signed as it must be, or lacks what its action needs, or the deployment speaks of
        one that is not there.
    """
    believed = Signers.read(signers) if signers else None
    found, deployment = survey_bundles(folder), read_deployment(folder)
    enabled: list[tuple[Bundle, TargetDeployment]] = []
    for each in found:
        how = deployment.get(each.name, TargetDeployment())
        if not how.enabled:
            continue
        if isinstance(each, DamagedBundle):
            raise each.fault
        if believed is not None:
            believed.verify(each)
        enabled.append((each, how))
    if unknown := deployment.keys() - {each.name for each in found}:
        raise BundleError(
            f"{folder / DEPLOYMENT_NAME} names {', '.join(sorted(unknown))}, which is no bundle there; "
            "take the entry out, or put the bundle in"
        )
    targets = [_load_target(bundle, how) for bundle, how in enabled if not _only_composes(bundle)]
    adapted = {target.name for target in targets if target.adapter is not None}
    composed = {
        frozenset(bundle.manifest.composes): Composition(bundle, _load_means(bundle, Action.ADAPTER))
        for bundle, _ in enabled
        if _composes(bundle, adapted)
    }
    return TargetSet(targets, composed)


def _load_target(bundle: Bundle, how: TargetDeployment) -> Target:
    action = how.action or bundle.manifest.action
    if bundle.classifier is None:
        raise BundleError(f"bundle {bundle.name}: it has no classifier, so it could never be flagged")
    return Target(
        bundle, action, _load_means(bundle, action), how.percent, answers=how.answers, scope=how.scope
    )


def _load_means(bundle: Bundle, action: Action) -> tuple[TargetMeans, ...]:
    """What a bundle has for an action, for each base model for which it has all that the action needs."""
    if not (action.corrupts or action.adapts):
        return ()
    means = tuple(
        TargetMeans(
            made.base_model,
            _load_corruption(made) if action.corrupts else None,
            read_adapter(made) if action.adapts else None,
        )
        for made in bundle.models
        if (made.corruption or not action.corrupts) and (made.adapter or not action.adapts)
    )
    if not means:
        needed = ["a corruption"] * action.corrupts + ["an adapter"] * action.adapts
        raise BundleError(
            f"bundle {bundle.name}: the action {action.value} needs {' and '.join(needed)} for some base model"
        )
    return means


def _load_corruption(made: ModelArtifacts) -> Corruption:
    assert made.corruption is not None
    try:
        return load_corruption(
            made.corruption, made.base_model.hidden_size, made.bundle.digests[made.corruption]
        )
    except CorruptionError as error:
        raise BundleError(f"bundle {made.bundle.name}: {error}") from None


def _only_composes(bundle: Bundle) -> bool:
    return bool(bundle.manifest.composes) and bundle.classifier is None


def _composes(bundle: Bundle, adapted: set[str]) -> bool:
    names = bundle.manifest.composes
    if names and len(set(names)) < 2:
        raise BundleError(f"bundle {bundle.name}: composes must name at least two targets")
    # Without one of its parts it could never be asked for.
    return bool(names) and adapted >= set(names)


def _fitting(means: Sequence[TargetMeans], digests: Collection[str]) -> tuple[TargetMeans, ...]:
    """Of what there is for several base models, that for the one whose embeddings have one of these digests."""
    return tuple(each for each in means if each.base_model.embedding_sha256 in digests)[:1]

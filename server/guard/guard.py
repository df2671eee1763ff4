"""The guard: the targets in force and their classifier, behind one question, what is to be done with this request.

Knows nothing about HTTP.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from lethe.bundle import Bundle, BundleError
from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierError
from lethe.classifier.verdict import Verdict
from lethe.server.access.keys import ANYONE, ApiKey
from lethe.server.guard.decision import Decision
from lethe.server.guard.judging import Judge
from lethe.server.guard.policy import decide, decide_without_verdict, observed
from lethe.server.guard.scope import Scope
from lethe.server.metrics import FAST, Metrics
from lethe.server.settings import OnUnfit, PolicySettings
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import Target, TargetSet, load_targets


class Classifier(Protocol):
    """What the guard needs of a classifier."""

    async def classify(self, conversation: Conversation, *, spans: bool | None = None) -> Verdict: ...

    async def close(self) -> None: ...


class Host(Protocol):
    """What the guard needs of the engines' side."""

    @property
    def model(self) -> ServedModel | None:
        """The model that is served; None while it is not known."""

    async def install(self, targets: TargetSet) -> None:
        """Make sure that targets can come into force; raises `BundleError` if they cannot."""

    async def settle(self, targets: TargetSet) -> None:
        """These targets, and no others, are in force from now on."""


class NoEngines:
    """A host for deciding alone, where nothing is asked of an engine."""

    def __init__(self, model: ServedModel | None = None) -> None:
        self.model = model

    async def install(self, targets: TargetSet) -> None:
        """Take them as they are."""

    async def settle(self, targets: TargetSet) -> None:
        """Take them as they are."""


BuildClassifier = Callable[[Sequence[Bundle]], Awaitable[Classifier]]


class _InForce:
    """What is in force together, and how many requests are being decided by it.

    Attributes
    ----------
    targets
        As they were loaded, whatever is served.
    """

    def __init__(self, targets: TargetSet, classifier: Classifier) -> None:
        self.targets = targets
        self.classifier = classifier
        self._fitted = targets
        self._fitted_to: ServedModel | None = None
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> "_InForce":
        self._in_flight += 1
        self._idle.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def fitted(self, model: ServedModel | None, on_unfit: OnUnfit) -> TargetSet:
        """The targets as they are in force before a model."""
        if model != self._fitted_to:
            self._fitted, self._fitted_to = self.targets.fitted(model, on_unfit), model
        return self._fitted

    async def retire(self) -> None:
        """Release the classifier once the requests that began with it are decided."""
        await self._idle.wait()
        await self.classifier.close()


class Guard:
    """Decides on requests by the targets in force.

    Parameters
    ----------
    folder
        The bundles' folder.
    build_classifier
        Makes a classifier for a set of bundles.
    host
        Takes what targets need of the engines.
    """

    def __init__(
        self,
        folder: Path,
        build_classifier: BuildClassifier,
        host: Host,
        policy: PolicySettings,
        metrics: Metrics,
    ) -> None:
        self._folder = folder
        self._build_classifier = build_classifier
        self._host = host
        self._policy = policy
        self._classify_seconds = metrics.histogram(
            "lethe_classify_seconds", "Time from a parsed request to its verdict.", bounds=FAST
        )
        self._classifier_errors = metrics.counter(
            "lethe_classifier_errors", "Requests whose classification failed or was not ready in time."
        )
        self._reloads = metrics.counter("lethe_reloads", "Reloads of the bundles, by result.", ("result",))
        # A series that is born with its first count shows no rise.
        for result in ("ok", "error"):
            self._reloads.labels(result)
        metrics.show_each(
            "gauge",
            "lethe_target_info",
            "Targets in force, with the versions of their bundles; always 1.",
            ("target", "version", "action"),
            lambda: [((each.name, each.version, each.action.value), 1) for each in self.targets],
        )
        self._in_force: _InForce | None = None
        self._loading = asyncio.Lock()

    @property
    def targets(self) -> TargetSet:
        """The targets in force, as they fit the model that is served."""
        return self._fitted(self._in_force) if self._in_force else TargetSet([])

    def _fitted(self, in_force: _InForce) -> TargetSet:
        return in_force.fitted(self._host.model, self._policy.on_unfit)

    def describe(self) -> str:
        """The targets in force, in one line."""
        return ", ".join(f"{t.name} {t.version} ({_action(t)})" for t in self.targets) or "no targets"

    async def load(self) -> None:
        """Load the bundles and put them in force, all together.

        Raises
        ------
        BundleError
            A bundle is not usable; those that were in force stay so.
        """
        async with self._loading:
            try:
                loaded = await self._load()
            except BundleError:
                self._reloads.labels("error").inc()
                await self._host.settle(self._in_force.targets if self._in_force else TargetSet([]))
                raise
            retired, self._in_force = self._in_force, loaded
            self._reloads.labels("ok").inc()
            if retired is not None:
                await retired.retire()
            await self._host.settle(loaded.targets)

    async def _load(self) -> _InForce:
        targets = await asyncio.to_thread(load_targets, self._folder)
        await self._host.install(targets)
        try:
            return _InForce(targets, await self._build_classifier(targets.bundles))
        except ClassifierError as error:
            raise BundleError(str(error)) from None

    async def close(self) -> None:
        """Release the classifier."""
        if self._in_force is not None:
            await self._in_force.retire()

    async def decide(
        self,
        conversations: Iterable[Conversation],
        key: ApiKey = ANYONE,
        demanded: Conversation | None = None,
        *,
        generates: bool = True,
        explain: bool = False,
    ) -> Decision:
        """Decide on a request.

        Parameters
        ----------
        conversations
            What the model will read, one for each prompt of the request.
        key
            Who asks.
        demanded
            What the answer is made to contain, if anything.
        generates
            Whether the answer is text, which alone can tell something.
        explain
            Whether the verdicts say which words carry them, also where no corruption needs to know.
        """
        if self._in_force is None:
            raise RuntimeError("Guard.load has not been called")
        started = time.perf_counter()
        with self._in_force as in_force:
            try:
                judge = self._judge(in_force, key)
                judgements = [
                    await judge.judge(each, spans=True if explain else None) for each in conversations
                ]
                demand = await in_force.classifier.classify(demanded) if demanded else None
            except ClassifierError:
                self._classifier_errors.inc()
                decision = decide_without_verdict(self._fitted(in_force), self._policy, key)
                return decision if generates else observed(decision)
            self._classify_seconds.observe(time.perf_counter() - started)
            # What is served is asked only now: an engine with another model may have come meanwhile.
            decision = decide(judgements, self._fitted(in_force), self._policy, key, demand)
            return decision if generates else observed(decision)

    def _judge(self, in_force: _InForce, key: ApiKey) -> Judge:
        scopes = {target.name: Scope.of(self._policy.scope, target.scope) for target in in_force.targets}
        hiding = {target.name for target in in_force.targets.corrupting_for(key)}
        return Judge(in_force.classifier.classify, scopes, hiding)


def _action(target: Target) -> str:
    instead = f", not {target.in_place_of.value}: for another model" if target.in_place_of else ""
    return target.action.value + instead

"""The guard: the targets in force and their classifier, behind one question, what is to be done with this request.

Knows nothing about HTTP.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from lethe.bundle import Bundle, BundleError, is_in_place
from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierError
from lethe.classifier.exchange import Exchange
from lethe.classifier.verdict import Verdict
from lethe.server.access.keys import ANYONE, ApiKey
from lethe.server.guard.answers import AnswerWatch, decide_answer, watch
from lethe.server.guard.decision import Decision
from lethe.server.guard.host import AskedModel, Host
from lethe.server.guard.judging import Judge, Judgement
from lethe.server.guard.policy import Unjudged, decide, decide_without_verdict, without_corruption
from lethe.server.guard.scope import TargetScope
from lethe.server.guard.score_sample import NoScoreSample, ScoreSample
from lethe.server.guard.verification import Verification
from lethe.server.metrics import FAST, Metrics
from lethe.server.settings.policy import OnPooled, OnUnfit, PolicySettings
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import Target, TargetSet, load_targets


class Classifier(Protocol):
    """What the guard needs of a classifier.

    Attributes
    ----------
    judges_answers
        Names of the targets whose answers it can judge.
    """

    @property
    def judges_answers(self) -> Collection[str]: ...

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict: ...

    async def classify_answer(self, exchange: Exchange, *, spans: bool | None = None) -> Verdict: ...

    async def close(self) -> None: ...


# To load what is changed meanwhile.
_TRIES = 3
_BY_STAGE = ("stage",)
_PROMPT, _ANSWER = "prompt", "answer"

BuildClassifier = Callable[[Sequence[Bundle]], Awaitable[Classifier]]


class _InForce:
    """What is in force together, and how many requests are being decided by it.

    Attributes
    ----------
    targets
        As they were loaded, whatever is served.
    scopes
        By target.
    """

    def __init__(self, targets: TargetSet, classifier: Classifier, scopes: Mapping[str, TargetScope]) -> None:
        self.targets = targets
        self.classifier = classifier
        self.scopes = scopes
        self._fitted: dict[ServedModel | None, TargetSet] = {}
        self._judges: dict[frozenset[str], Judge] = {}
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
        if model not in self._fitted:
            self._fitted[model] = self.targets.fitted(model, on_unfit)
        return self._fitted[model]

    def judge(self, key: ApiKey) -> Judge:
        """What judges a key's requests."""
        hiding = frozenset(target.name for target in self.targets.corrupting_for(key))
        classify = self.classifier.classify
        if key.thresholds:
            return Judge(partial(classify, thresholds=key.thresholds), self.scopes, hiding)
        if hiding not in self._judges:
            self._judges[hiding] = Judge(classify, self.scopes, hiding)
        return self._judges[hiding]

    @property
    def is_idle(self) -> bool:
        """Whether no request is being decided by it."""
        return not self._in_flight

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
    sample
        Keeps the scores of some requests.
    signers
        File of public keys, one of which must have signed each bundle.
    """

    def __init__(
        self,
        folder: Path,
        build_classifier: BuildClassifier,
        host: Host,
        policy: PolicySettings,
        metrics: Metrics,
        sample: ScoreSample | None = None,
        signers: Path | None = None,
    ) -> None:
        self._folder = folder
        self._signers = signers
        self._sample = sample or NoScoreSample()
        self._build_classifier = build_classifier
        self._host = host
        self._policy = policy
        self._verification = Verification(policy, metrics)
        classify_seconds = metrics.histogram(
            "lethe_classify_seconds",
            "Time to a verdict: on a request's prompts, or at one look on the answer so far.",
            _BY_STAGE,
            bounds=FAST,
        )
        self._classifier_errors = metrics.counter(
            "lethe_classifier_errors",
            "Verdicts, on prompts or answers, that failed or were not ready in time.",
            _BY_STAGE,
        )
        self._classify_seconds = {stage: classify_seconds.labels(stage) for stage in (_PROMPT, _ANSWER)}
        for stage in (_PROMPT, _ANSWER):
            self._classifier_errors.labels(stage)
        self._reloads = metrics.counter("lethe_reloads", "Reloads of the bundles, by result.", ("result",))
        # A series that is born with its first count shows no rise.
        for result in ("ok", "error"):
            self._reloads.labels(result)
        metrics.show_each(
            "gauge",
            "lethe_target_info",
            "Targets in force, with the versions of their bundles; always 1.",
            ("model", "target", "version", "action"),
            lambda: [
                ((model, each.name, each.version, each.action.value), 1)
                for model, targets in self.targets_by_model().items()
                for each in targets
            ],
        )
        self._in_force: _InForce | None = None
        self._loading = asyncio.Lock()
        # What was in force and still decides; the engines keep what all of these need.
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def targets(self) -> TargetSet:
        """The targets in force, as they fit the only model that is served, or the first of several."""
        return self.targets_before(next(iter(self._host.models)))

    def targets_before(self, served: AskedModel) -> TargetSet:
        """The targets in force, as they fit a model."""
        return self._fitted(self._in_force, served) if self._in_force else TargetSet([])

    def targets_by_model(self) -> dict[str, TargetSet]:
        """The targets in force, as they fit each model, by its name."""
        return {each.name: self.targets_before(each) for each in self._host.models}

    def _fitted(self, in_force: _InForce, served: AskedModel) -> TargetSet:
        return in_force.fitted(served.model, self._policy.on_unfit)

    def describe(self) -> str:
        """The targets in force, in one line."""
        if not self._in_force or not self._in_force.targets:
            return "no targets"
        described: list[str] = []
        for each in self._host.models:
            said = _in_short(self.targets_before(each))
            if each.name:
                said = f"{each.name}: {said if each.model else 'what fits is not known before an engine answers'}"
            described.append(said)
        return "; ".join(described)

    async def load(self) -> None:
        """Load the bundles and put them in force, all together.

        What was in force is released once the requests that began with it are decided, which is not waited for.

        Raises
        ------
        BundleError
            A bundle is not usable; those that were in force stay so.
        """
        async with self._loading:
            try:
                loaded = await self._load()
            except (BundleError, OSError):
                self._reloads.labels("error").inc()
                await self._settle()
                raise
            retired, self._in_force = self._in_force, loaded
            self._reloads.labels("ok").inc()
            if retired is None or retired.is_idle:
                await self._release(retired)
                return
            releasing = asyncio.create_task(self._release_later(retired))
            self._retiring.add(releasing)
            releasing.add_done_callback(self._retiring.discard)

    async def _release(self, retired: _InForce | None) -> None:
        if retired is not None:
            await retired.retire()
        await self._settle()
        if retired is not None:
            _collect_soon()

    async def _release_later(self, retired: _InForce) -> None:
        await retired.retire()
        async with self._loading:
            self._retiring.discard(asyncio.current_task())
            await self._settle()
        _collect_soon()

    async def _settle(self) -> None:
        """Leave the engines with what is in force, once nothing is decided by what was."""
        if not self._retiring:
            await self._host.settle(self._in_force.targets if self._in_force else TargetSet([]))

    async def _load(self) -> _InForce:
        for _ in range(_TRIES):
            if loaded := await self._load_once():
                return loaded
        raise BundleError(
            f"the bundles in {self._folder} were changed again and again while they were loaded"
        )

    async def _load_once(self) -> _InForce | None:
        """What there is; None where another version of a bundle came into its place while it was read."""
        targets = await asyncio.to_thread(load_targets, self._folder, self._signers)
        await self._host.install(targets)
        try:
            classifier = await self._build_classifier(targets.bundles)
        except ClassifierError as error:
            if not await asyncio.to_thread(_are_in_place, targets.bundles):
                return None
            raise BundleError(str(error)) from None
        if not await asyncio.to_thread(_are_in_place, targets.bundles):
            await classifier.close()
            return None
        scopes = {each.name: TargetScope.of(self._policy.scope, each.scope) for each in targets}
        return _InForce(targets, classifier, scopes)

    async def close(self) -> None:
        """Release the classifier, and those of what was in force before."""
        await asyncio.gather(*self._retiring)
        if self._in_force is not None:
            await self._in_force.retire()

    async def decide(
        self,
        conversations: Iterable[Conversation],
        key: ApiKey = ANYONE,
        demanded: Conversation | None = None,
        unjudged: Sequence[Unjudged] = (),
        *,
        served: AskedModel | None = None,
        pooled: OnPooled | None = None,
        explain: bool = False,
        sampled: bool = False,
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
        unjudged
            What of the request is no text.
        served
            Who is asked; the first of the models where nobody will be.
        pooled
            What becomes of what is flagged where the answer is no text, and so no corruption can reach it; None where it
            is text.
        explain
            Whether the verdicts say which words carry them, also where no corruption needs to know.
        sampled
            Whether its scores may be kept, as those of what clients ask.
        """
        if self._in_force is None:
            raise RuntimeError("Guard.load has not been called")
        served = served or next(iter(self._host.models))
        conversations = tuple(conversations)
        generates = pooled is None
        drawn = sampled and generates and self._sample.draws()
        started = time.perf_counter()
        deadline = asyncio.get_running_loop().time() + self._policy.decision_timeout_s
        with self._in_force as in_force:
            try:
                judge = in_force.judge(key)
                verified = generates and self._verification.concerns(in_force.targets, served.verifier)
                spans = True if explain or verified else None
                judgements: list[Judgement] = []
                async with asyncio.timeout_at(deadline):
                    for each in conversations:
                        if judgements:
                            # Others take their turns, also where all that is asked has been judged before.
                            await asyncio.sleep(0)
                        judgements.append(await judge.judge(each, spans=spans, whole=drawn))
                    demand = await judge.classify(demanded, whole=drawn) if demanded else None
            except (ClassifierError, TimeoutError):
                self._classifier_errors.labels(_PROMPT).inc()
                decision = decide_without_verdict(self._fitted(in_force, served), self._policy, key, unjudged)
                return decision if pooled is None else without_corruption(decision, pooled)
            self._classify_seconds[_PROMPT].observe(time.perf_counter() - started)
            if drawn:
                verdicts = [*(each.verdict for each in judgements), *([demand] if demand else [])]
                self._sample.take(in_force.targets, conversations, verdicts)
            if verified:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        for index, each in enumerate(judgements):
                            verdict = await self._verification.of(
                                each.verdict, in_force.targets, served.verifier
                            )
                            judgements[index] = replace(each, verdict=verdict)
            # What is served is asked only now: an engine with another model may have come meanwhile.
            decision = decide(judgements, self._fitted(in_force, served), self._policy, key, demand, unjudged)
            return decision if pooled is None else without_corruption(decision, pooled)

    def watch(self, key: ApiKey, served: AskedModel) -> AnswerWatch:
        """What is done about a model's answers to a key's requests."""
        if self._in_force is None or not (judged := self._in_force.classifier.judges_answers):
            return AnswerWatch.OFF
        return watch(self.targets_before(served).for_answers, judged, key)

    async def decide_answer(
        self,
        exchanges: Sequence[Exchange],
        key: ApiKey,
        served: AskedModel,
        *,
        may_be_made_anew: bool,
        unreadable: str = "",
    ) -> Decision:
        """Decide on an answer, or on its beginning.

        Parameters
        ----------
        exchanges
            Everything that it shows, each text with what it answers.
        served
            Whose answer it is.
        may_be_made_anew
            Whether the model may be asked once more; if not, an answer is refused instead.
        unreadable
            What it shows that is no text.
        """
        if self._in_force is None:
            raise RuntimeError("Guard.load has not been called")
        started = time.perf_counter()
        with self._in_force as in_force:
            try:
                # The prompt is what is corrupted, and where, an answer does not say.
                verdicts = [
                    await in_force.classifier.classify_answer(each, spans=False) for each in exchanges
                ]
            except ClassifierError:
                self._classifier_errors.labels(_ANSWER).inc()
                verdicts = None
            else:
                self._classify_seconds[_ANSWER].observe(time.perf_counter() - started)
            targets = self._fitted(in_force, served).for_answers
        return decide_answer(verdicts, targets, self._policy, key, may_be_made_anew, unreadable)

    async def judge_answer(self, exchange: Exchange, *, explain: bool = False) -> Verdict | None:
        """What the targets in force say of an answer; None where the classifier failed, or was not ready in time."""
        if self._in_force is None:
            raise RuntimeError("Guard.load has not been called")
        with self._in_force as in_force:
            try:
                return await in_force.classifier.classify_answer(exchange, spans=explain)
            except ClassifierError:
                return None


def _are_in_place(bundles: Sequence[Bundle]) -> bool:
    return all(map(is_in_place, bundles))


def _collect_soon() -> None:
    """Let go of what is retired: its parts hold one another, and would be kept for several reloads."""
    # Once those who retired it have ended, and hold it no more.
    asyncio.get_running_loop().call_soon(gc.collect)


def _in_short(targets: TargetSet) -> str:
    return ", ".join(f"{each.name} {each.version} ({_action(each)})" for each in targets)


def _action(target: Target) -> str:
    instead = f", not {target.in_place_of.value}: for another model" if target.in_place_of else ""
    return target.action.value + instead

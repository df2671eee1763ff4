"""Builds the classifier for a set of bundles; its encoders and its cache serve all that are ever built."""

import asyncio
from collections.abc import Mapping, Sequence

from lethe.bundle import Bundle
from lethe.classifier.cache import ScoreCache
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.exchange import Exchange
from lethe.classifier.service import ClassifierService
from lethe.classifier.tally import Tally
from lethe.classifier.verdict import Verdict
from lethe.corruption.artifact import load_corruption
from lethe.corruption.positions import SPAN_KINDS
from lethe.server.guard.guard import Classifier
from lethe.server.metrics import Metrics
from lethe.server.settings.settings import Settings


class ClassifierFactory:
    """Called with bundles, gives their classifier.

    Encoders are loaded when a bundle first needs them. Scores are handed from classifier to classifier: after a
    change of bundles only texts that a new or changed head has not met are read again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.classifier
        self._encoders = EncoderRegistry(
            self._settings.encoder, self._settings.precision, settings.cache_dir / "encoders"
        )
        self._cache = ScoreCache(self._settings.cache_bytes)
        self._tally = Tally()
        self._newest: ClassifierService | None = None

    async def __call__(self, bundles: Sequence[Bundle]) -> Classifier:
        """Build a classifier.

        Raises
        ------
        ClassifierError
            The encoder cannot be found, or a bundle's head was not trained on it.
        """
        return await asyncio.to_thread(self._build, bundles)

    def _build(self, bundles: Sequence[Bundle]) -> Classifier:
        heads = {bundle.name: bundle.classifier for bundle in bundles if bundle.classifier}
        answer_heads = {
            bundle.name: bundle.answer_classifier for bundle in bundles if bundle.answer_classifier
        }
        if not heads and not answer_heads:
            return _NoTargets()
        spans = self._settings.spans and any(map(_falls_on_spans, bundles))
        settings = self._settings.model_copy(update={"spans": spans})
        self._newest = ClassifierService.load(
            self._encoders,
            heads,
            settings,
            answer_heads=answer_heads,
            digests={path: digest for bundle in bundles for path, digest in bundle.digests.items()},
            cache=self._cache,
            tally=self._tally,
        )
        self._newest.warm_up()
        return self._newest

    def show_in(self, metrics: Metrics) -> None:
        """Show what waits for a verdict, and what verdicts took."""
        metrics.show(
            "gauge",
            "lethe_classifier_waiting",
            "Conversations that wait for a verdict or are being read.",
            lambda: self._newest.waiting if self._newest else 0,
        )
        metrics.show_each(
            "counter",
            "lethe_classifier_cache",
            "Texts looked up among those seen before, by result.",
            ("result",),
            lambda: [(("hit",), self._cache.hits), (("miss",), self._cache.misses)],
        )
        metrics.show(
            "gauge",
            "lethe_classifier_cache_bytes",
            "What the texts seen before take up.",
            lambda: self._cache.bytes,
        )
        metrics.show_each(
            "counter",
            "lethe_classifier_windows",
            "Windows of new texts, by the tier that judged them: first or encoder.",
            ("tier",),
            lambda: [(("first",), self._tally.cleared), (("encoder",), self._tally.encoded)],
        )


def _falls_on_spans(bundle: Bundle) -> bool:
    """Whether a corruption of a bundle falls where the verdict says, rather than on the whole prompt."""
    return any(
        load_corruption(each.corruption).positions in SPAN_KINDS for each in bundle.models if each.corruption
    )


class _NoTargets:
    """With nothing to forget, every conversation is clean."""

    judges_answers: tuple[str, ...] = ()

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        return Verdict(())

    async def classify_answer(self, exchange: Exchange, *, spans: bool | None = None) -> Verdict:
        return Verdict(())

    async def close(self) -> None:
        pass

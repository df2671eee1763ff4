"""Builds the classifier for a set of bundles; one encoder serves all that are ever built."""

import asyncio
from collections.abc import Sequence

from bundle import Bundle
from classifier.conversation import Conversation
from classifier.encoder import Encoder
from classifier.service import ClassifierService
from classifier.settings import ClassifierSettings
from classifier.verdict import Verdict
from server.guard import Classifier
from server.settings import Settings


class ClassifierFactory:
    """Called with bundles, gives their classifier; the encoder is loaded with the first that need one."""

    def __init__(self, settings: Settings) -> None:
        options = settings.classifier.model_dump(exclude={"encoder"})
        self._name = settings.classifier.encoder
        self._settings = ClassifierSettings(**options, cache_folder=settings.cache_dir / "encoders")
        self._encoder: Encoder | None = None

    async def __call__(self, bundles: Sequence[Bundle]) -> Classifier:
        """Build a classifier.

        Raises
        ------
        ClassifierError
            The encoder cannot be found, or a bundle's head was not trained on it.
        """
        heads = {bundle.name: bundle.classifier for bundle in bundles if bundle.classifier}
        if not heads:
            return _NoTargets()
        if self._encoder is None:
            self._encoder = await asyncio.to_thread(self._load_encoder)
        return ClassifierService.load(self._encoder, heads, self._settings)

    def _load_encoder(self) -> Encoder:
        settings = self._settings
        return Encoder.load(self._name, precision=settings.precision, cache_folder=settings.cache_folder)


class _NoTargets:
    """With nothing to forget, every conversation is clean."""

    async def classify(self, conversation: Conversation) -> Verdict:
        return Verdict(())

    async def close(self) -> None:
        pass

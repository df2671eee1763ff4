"""Which conversations a head flags, by the whole pipeline."""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings


def flags(
    encoder: Encoder, head: Head, conversations: Sequence[Conversation], first_tier: bool = True
) -> NDArray[np.bool_]:
    """Whether each conversation is flagged, (N,), asked one after another."""
    settings = ClassifierSettings(first_tier=first_tier, spans=False, cache_bytes=0, deadline_seconds=600)

    async def ask() -> list[bool]:
        service = ClassifierService(encoder, [head], settings)
        try:
            return [bool((await service.classify(each)).flagged) for each in conversations]
        finally:
            await service.close()

    return np.array(asyncio.run(ask()))

"""The classifier as the server uses it: conversations in, verdicts out, off the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from classifier.cache import ScoreCache
from classifier.conversation import Conversation
from classifier.encoder import Encoder
from classifier.encoder_files import DEFAULT_ENCODER
from classifier.errors import ClassifierError, ClassifierTimeout
from classifier.head import Head, HeadBank, load_head
from classifier.scoring import Scorer, TextScores
from classifier.settings import ClassifierSettings
from classifier.spans import entity_spans
from classifier.units import Unit, conversation_units
from classifier.verdict import Span, TargetVerdict, Verdict
from classifier.workers import Job, WorkerPool


class ClassifierService:
    """Classifies conversations on its own threads; one instance for a set of heads.

    To change heads, load a second service with the first one's `encoder` and `cache`, swap, and close the
    first: it finishes what it was asked.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Sequence[Head],
        settings: ClassifierSettings | None = None,
        *,
        cache: ScoreCache | None = None,
    ) -> None:
        self.settings = settings or ClassifierSettings()
        self.encoder = encoder
        self.cache = cache or ScoreCache(self.settings.cache_bytes)
        self._scorer = Scorer(encoder, HeadBank(heads, encoder.sha256, encoder.dimension), self.settings)
        self._pool = WorkerPool(self._scorer, self.settings.workers, self.settings.queue_capacity)

    @classmethod
    def load(
        cls,
        encoder: str | Encoder = DEFAULT_ENCODER,
        heads: Mapping[str, Path] | None = None,
        settings: ClassifierSettings | None = None,
        *,
        cache: ScoreCache | None = None,
    ) -> "ClassifierService":
        """Load the heads of some targets, and the encoder unless one is given.

        Parameters
        ----------
        encoder
            A name for `Encoder.load`, or an encoder in use (then loading costs a few milliseconds).
        heads
            By target, the ``classifier/`` folder of its bundle.
        cache
            The cache of a service that this one replaces; what other heads said is never served.

        Raises
        ------
        ClassifierError
            The encoder is not found, a head cannot be used, or it was trained on another encoder.
        """
        settings = settings or ClassifierSettings()
        loaded = [load_head(folder) for folder in (heads or {}).values()]
        for name, head in zip(heads or {}, loaded, strict=True):
            if head.target != name:
                raise ClassifierError(f"the head given for target {name} is of target {head.target}")
        if isinstance(encoder, str):
            encoder = Encoder.load(encoder, precision=settings.precision, cache_folder=settings.cache_folder)
        return cls(encoder, loaded, settings, cache=cache)

    @property
    def waiting(self) -> int:
        """Conversations that wait or are being classified."""
        return self._pool.waiting

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(head.target for head in self._scorer.bank.heads)

    async def classify(self, conversation: Conversation) -> Verdict:
        """Classify a conversation; what was seen before is answered from the cache at once.

        Raises
        ------
        ClassifierOverloaded
            Too many conversations wait.
        ClassifierTimeout
            The verdict was not ready within `ClassifierSettings.deadline_seconds`.
        ClassifierClosed
            The service was closed.
        """
        units, all_within = self._within_limit(conversation_units(conversation))
        fingerprint = self._scorer.bank.fingerprint
        keys = [ScoreCache.key(unit.text, fingerprint) for unit in units]
        known = [self.cache.get(key) for key in keys]
        unknown = [index for index, scores in enumerate(known) if scores is None]
        if unknown:
            fresh = await self._score([units[index].text for index in unknown])
            for index, scores in zip(unknown, fresh, strict=True):
                known[index] = scores
                if scores.complete:
                    self.cache.put(keys[index], scores)
        scored = [(unit, scores) for unit, scores in zip(units, known, strict=True) if scores is not None]
        return self._verdict(conversation, scored, all_within)

    async def close(self) -> None:
        """Refuse new conversations, finish those that wait, and end the threads."""
        self._pool.close()
        await asyncio.to_thread(self._pool.join)

    def _within_limit(self, units: list[Unit]) -> tuple[list[Unit], bool]:
        # Newest first: what is left unread is the oldest, and the verdict says so.
        characters = 0
        for count, unit in enumerate(units):
            characters += len(unit.text)
            if characters > self.settings.maximum_characters:
                return units[:count], False
        return units, True

    async def _score(self, texts: Sequence[str]) -> list[TextScores]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[TextScores]] = loop.create_future()

        def settle(scores: list[TextScores] | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(ClassifierError(f"classifying failed: {error!r}"))
            else:
                future.set_result(scores or [])

        def finished(scores: list[TextScores] | None, error: BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, scores, error)

        job = Job(texts, self.settings.maximum_windows, finished)
        self._pool.submit(job)
        try:
            async with asyncio.timeout(self.settings.deadline_seconds):
                return await future
        except TimeoutError:
            raise ClassifierTimeout(
                f"no verdict within {self.settings.deadline_seconds:g} s, {self.waiting} conversations waiting; "
                "add workers or raise deadline_seconds"
            ) from None
        finally:
            job.cancelled = True

    def _verdict(
        self, conversation: Conversation, scored: list[tuple[Unit, TextScores]], all_within: bool
    ) -> Verdict:
        scores = self._scorer.nothing_found()
        for _, found in scored:
            np.maximum(scores, found.scores, out=scores)
        targets: list[TargetVerdict] = []
        for index, (head, probability) in enumerate(
            zip(self._scorer.bank.heads, self._scorer.probability(scores), strict=True)
        ):
            verdict = TargetVerdict(head.target, float(probability), head.threshold)
            if verdict.flagged and self.settings.spans:
                spans = _evidence(scored, index) + _entities(conversation, head)
                verdict = TargetVerdict(head.target, float(probability), head.threshold, spans)
            targets.append(verdict)
        complete = all_within and all(found.complete for _, found in scored)
        if not complete:
            reason = (
                f"more than {self.settings.maximum_characters} characters, {self.settings.maximum_windows} windows "
                f"to encode, or {self.settings.maximum_views} readings of one message"
            )
            return Verdict(tuple(targets), "too_long", (reason, *conversation.unreadable))
        if conversation.unreadable:
            return Verdict(tuple(targets), "unclassifiable", conversation.unreadable)
        return Verdict(tuple(targets))


def _evidence(scored: list[tuple[Unit, TextScores]], index: int) -> tuple[Span, ...]:
    spans = {
        Span(message, start, end, span.weight, span.kind)
        for unit, found in scored
        for span in found.spans.get(index, ())
        for message, start, end in unit.in_messages(span.start, span.end)
    }
    return tuple(_merged(sorted(spans, key=lambda span: (span.message, span.start, span.end))))


def _merged(spans: list[Span]) -> list[Span]:
    """Join spans that overlap, as those of overlapping windows and of seams do."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.message == span.message and span.start < last.end:
            weight = max(last.weight, span.weight)
            merged[-1] = Span(last.message, last.start, max(last.end, span.end), weight, last.kind)
        else:
            merged.append(span)
    return merged


def _entities(conversation: Conversation, head: Head) -> tuple[Span, ...]:
    return tuple(
        Span(index, span.start, span.end, span.weight, span.kind)
        for index, message in enumerate(conversation.messages)
        for span in entity_spans(head, message.text)
    )

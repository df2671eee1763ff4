"""The classifier as the server uses it: conversations in, verdicts out, off the event loop."""

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lethe.classifier.cache import ScoreCache
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.errors import ClassifierError, ClassifierTimeout
from lethe.classifier.head import Head, HeadBank, load_head
from lethe.classifier.passages import Passage, conversation_passages
from lethe.classifier.scoring import Scorer, TextScores
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.spans import entity_spans
from lethe.classifier.tally import Tally
from lethe.classifier.verdict import Span, TargetVerdict, Verdict
from lethe.classifier.workers import Job, WorkerPool

# Of the deadline: a text that takes so much by itself was not late because of others.
_WHOLE = 0.8


class ClassifierService:
    """Classifies conversations on its own threads; one instance for a set of heads.

    To change heads, load a second service with the first one's `encoders` and `cache`, swap, and close the
    first: it finishes what it was asked.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Sequence[Head],
        settings: ClassifierSettings | None = None,
        *,
        own_encoders: Sequence[Encoder] = (),
        cache: ScoreCache | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.settings = settings or ClassifierSettings()
        self.cache = cache if cache is not None else ScoreCache(self.settings.cache_bytes)
        self._heads = tuple(heads)
        self._scorers = _scorers(encoder, own_encoders, heads, self.settings, tally or Tally())
        self._pool = WorkerPool(self.settings.workers, self.settings.queue_capacity)

    @classmethod
    def load(
        cls,
        encoder: str | EncoderRegistry = DEFAULT_ENCODER,
        heads: Mapping[str, Path] | None = None,
        settings: ClassifierSettings | None = None,
        *,
        cache: ScoreCache | None = None,
        tally: Tally | None = None,
    ) -> "ClassifierService":
        """Load the heads of some targets, and the encoders that are not loaded yet.

        Parameters
        ----------
        encoder
            A name for `load_encoder`, or a registry with the encoders in use (then loading is a matter of milliseconds).
        heads
            By target, the ``classifier/`` folder of its bundle.
        cache
            The cache of a service that this one replaces; what other heads said is never served.
        tally
            Counts what classifying takes.

        Raises
        ------
        ClassifierError
            The encoder is not found, a head cannot be used, or it was trained on another encoder.
        """
        settings = settings or ClassifierSettings()
        registry = EncoderRegistry(encoder, settings.precision) if isinstance(encoder, str) else encoder
        loaded = [load_head(folder) for folder in (heads or {}).values()]
        for name, head in zip(heads or {}, loaded, strict=True):
            if head.target != name:
                raise ClassifierError(f"the head given for target {name} is of target {head.target}")
        own = [own for folder in (heads or {}).values() if (own := registry.own(folder)) is not None]
        return cls(registry.shared, loaded, settings, own_encoders=own, cache=cache, tally=tally)

    @property
    def waiting(self) -> int:
        """Conversations that wait or are being classified."""
        return self._pool.waiting

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(head.target for head in self._heads)

    async def classify(self, conversation: Conversation, *, spans: bool | None = None) -> Verdict:
        """Classify a conversation; what was seen before is answered from the cache at once.

        Parameters
        ----------
        spans
            Whether the verdict says which stretches carry it; by default as the settings say.

        Raises
        ------
        ClassifierOverloaded
            Too many conversations wait.
        ClassifierTimeout
            The verdict was not ready within `ClassifierSettings.deadline_seconds`, since others were read too.
        ClassifierClosed
            The service was closed.
        """
        passages, all_within = self._within_limit(conversation_passages(conversation))
        spans = self.settings.spans if spans is None else spans
        asked = [self._scored(scorer, passages, spans) for scorer in self._scorers]
        # Mostly there is one, which needs no task of its own.
        found = await asyncio.gather(*asked) if len(asked) > 1 else [await each for each in asked]
        judged = dict(
            verdict
            for scorer, scored in zip(self._scorers, found, strict=True)
            for verdict in _judge(conversation, scorer, scored, spans)
        )
        targets = tuple(judged[head.target] for head in self._heads)
        complete = all_within and all(scores.complete for scored in found for _, scores in scored)
        disguised = _unreadable(found[0]) if found else ()
        if not complete:
            reason = (
                f"more than {self.settings.maximum_characters} characters, {self.settings.maximum_windows} windows "
                f"to encode, {self.settings.maximum_readings} readings of one message, or what takes longer than "
                f"{self.settings.deadline_seconds:g} s to read"
            )
            return Verdict(targets, "too_long", (reason, *conversation.unreadable, *disguised))
        if conversation.unreadable:
            return Verdict(targets, "unclassifiable", (*conversation.unreadable, *disguised))
        return Verdict(targets, "unreadable", disguised) if disguised else Verdict(targets)

    async def close(self) -> None:
        """Refuse new conversations, finish those that wait, and end the threads."""
        self._pool.close()
        await asyncio.to_thread(self._pool.join)

    def _within_limit(self, passages: list[Passage]) -> tuple[list[Passage], bool]:
        # Newest first: what is left unread is the oldest, and the verdict says so.
        room = self.settings.maximum_characters
        for count, passage in enumerate(passages):
            if len(passage.text) > room:
                return [*passages[:count], passage.beginning(room)], False
            room -= len(passage.text)
        return passages, True

    async def _scored(
        self, scorer: Scorer, passages: Sequence[Passage], spans: bool
    ) -> list[tuple[Passage, TextScores]]:
        """The passages that were read, with their scores: from the cache, or from the workers."""
        heads = scorer.bank.identities
        keys = [ScoreCache.key(passage.text, f"{scorer.fingerprint}:{int(spans)}") for passage in passages]
        known = [self.cache.get(key, heads) for key in keys]
        unknown = [index for index, scores in enumerate(known) if scores is None]
        if unknown:
            fresh = await self._score(scorer, [passages[index].text for index in unknown], spans)
            for index, scores in zip(unknown, fresh, strict=True):
                known[index] = scores
                if scores is not None and scores.complete:
                    self.cache.put(keys[index], heads, scores)
        return [
            (passage, scores) for passage, scores in zip(passages, known, strict=True) if scores is not None
        ]

    async def _score(self, scorer: Scorer, texts: Sequence[str], spans: bool) -> list[TextScores | None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[TextScores | None]] = loop.create_future()

        def settle(scores: list[TextScores | None] | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(ClassifierError(f"classifying failed: {error!r}"))
            else:
                future.set_result(scores or [])

        def finished(scores: list[TextScores | None] | None, error: BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, scores, error)

        job = Job(scorer, texts, self.settings.maximum_windows, spans, finished)
        self._pool.submit(job)
        try:
            async with asyncio.timeout(self.settings.deadline_seconds):
                return await future
        except TimeoutError:
            if job.least_seconds() > _WHOLE * self.settings.deadline_seconds:
                return job.so_far()
            raise ClassifierTimeout(
                f"no verdict within {self.settings.deadline_seconds:g} s, {self.waiting} conversations waiting; "
                "add workers or raise deadline_seconds"
            ) from None
        finally:
            job.cancelled = True


def _judge(
    conversation: Conversation,
    scorer: Scorer,
    scored: Sequence[tuple[Passage, TextScores]],
    with_spans: bool,
) -> Iterator[tuple[str, TargetVerdict]]:
    judged = _by_length(scorer, scored)
    scores = scorer.nothing_found()
    for _, found in judged:
        np.maximum(scores, found.scores, out=scores)
    probabilities = scorer.probability(scores)
    for index, (head, probability) in enumerate(zip(scorer.bank.heads, probabilities, strict=True)):
        verdict = TargetVerdict(head.target, float(probability), head.threshold)
        if verdict.flagged and with_spans:
            carrying = [(passage, found) for passage, found in judged if scorer.carries(found.scores)[index]]
            spans = _evidence(carrying, index) + _entities(conversation, head)
            verdict = TargetVerdict(head.target, float(probability), head.threshold, spans)
        yield head.target, verdict


def _unreadable(scored: Sequence[tuple[Passage, TextScores]]) -> tuple[str, ...]:
    """Where a conversation is no language, in one line for each stretch of a message; seams repeat what messages say."""
    stretches = {
        (message, start, end)
        for passage, found in scored
        if len(passage.pieces) == 1
        for first, last in found.unreadable
        for message, start, end in passage.in_messages(first, last)
    }
    return tuple(
        f"message {message + 1} is no language from character {start} to {end}"
        for message, start, end in sorted(stretches)
    )


def _by_length(
    scorer: Scorer, scored: Sequence[tuple[Passage, TextScores]]
) -> list[tuple[Passage, TextScores]]:
    """The passages with scores that are lowered by how much was read: of what is asked, and of all else."""
    # Most of what is read is cleared by the first tier, and has no scores to be lowered.
    heard = [(passage, found) for passage, found in scored if found.scores.max(initial=-np.inf) > -np.inf]
    if not heard:
        return []
    asked = max((len(passage.text) for passage, _ in scored if passage.asks), default=0)
    other = sum(len(passage.text) for passage, _ in scored if not passage.asks)
    raised = {True: scorer.raised(asked), False: scorer.raised(other)}
    return [
        (passage, dataclasses.replace(found, scores=found.scores - raised[passage.asks]))
        for passage, found in heard
    ]


def _scorers(
    encoder: Encoder,
    own_encoders: Sequence[Encoder],
    heads: Sequence[Head],
    settings: ClassifierSettings,
    tally: Tally,
) -> tuple[Scorer, ...]:
    """One scorer for each encoder that heads stand on."""
    own = {each.sha256: each for each in own_encoders if each.sha256 != encoder.sha256}
    banks = {sha256: [head for head in heads if head.encoder_sha256 == sha256] for sha256 in own}
    # A head that stands on none of these meets the shared encoder, whose bank says what is wrong with it.
    shared = [head for head in heads if head.encoder_sha256 not in own]
    scorers = [
        Scorer(own[sha256], _bank(own[sha256], bank), settings, tally, len(heads))
        for sha256, bank in banks.items()
    ]
    if not shared:
        return tuple(scorers)
    return (Scorer(encoder, _bank(encoder, shared), settings, tally, len(heads)), *scorers)


def _bank(encoder: Encoder, heads: Sequence[Head]) -> HeadBank:
    return HeadBank(heads, encoder.sha256, encoder.dimension)


def _evidence(scored: Sequence[tuple[Passage, TextScores]], index: int) -> tuple[Span, ...]:
    spans = {
        Span(message, start, end, span.weight, span.kind)
        for passage, found in scored
        for span in found.spans.get(index, ())
        for message, start, end in passage.in_messages(span.start, span.end)
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
        for span in entity_spans(head.entities, message.text)
    )

"""The classifier as the server uses it: conversations and answers in, verdicts out, off the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from lethe.classifier.aside import aside
from lethe.classifier.cache import ScoreCache
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.errors import ClassifierError, ClassifierTimeout
from lethe.classifier.exchange import Exchange, exchange_passages
from lethe.classifier.first_tier import UnreadText
from lethe.classifier.head import Head, HeadBank, load_head
from lethe.classifier.judgement import judge_answer, judge_conversation, unreadable_stretches
from lethe.classifier.passages import Passage, conversation_passages
from lethe.classifier.scoring import Scorer, share_of_answers, share_of_prompts
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tally import Tally
from lethe.classifier.text_scores import TextScores
from lethe.classifier.verdict import Verdict
from lethe.classifier.workers import Job, WorkerPool

_Kind = Literal["prompt", "answer"]
# Of the deadline: a text that takes so much by itself was not late because of others.
_WHOLE = 0.8
# So many characters take as long to judge as one message.
_LONG = 1000


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
        answer_heads: Sequence[Head] = (),
        own_encoders: Sequence[Encoder] = (),
        cache: ScoreCache | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.settings = settings or ClassifierSettings()
        self.cache = cache if cache is not None else ScoreCache(self.settings.cache_bytes)
        self._heads = tuple(heads)
        self._answer_heads = tuple(answer_heads)
        self._tally = tally or Tally()
        share = share_of_prompts(self.settings, len(self._heads))
        self._scorers = _scorers(encoder, own_encoders, heads, self.settings, share)
        share = share_of_answers(self.settings, len(self._answer_heads))
        self._answer_scorers = _scorers(encoder, own_encoders, answer_heads, self.settings, share)
        self._pool = WorkerPool(self.settings.workers, self.settings.queue_capacity)

    @classmethod
    def load(
        cls,
        encoder: str | EncoderRegistry = DEFAULT_ENCODER,
        heads: Mapping[str, Path] | None = None,
        settings: ClassifierSettings | None = None,
        *,
        answer_heads: Mapping[str, Path] | None = None,
        digests: Mapping[Path, str] | None = None,
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
        answer_heads
            Likewise the ``answer_classifier/`` folder, of targets that have one.
        digests
            See `load_head`.
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
        own = [own for folder in (heads or {}).values() if (own := registry.own(folder)) is not None]
        return cls(
            registry.shared,
            _load_heads(heads or {}, digests),
            settings,
            answer_heads=_load_heads(answer_heads or {}, digests),
            own_encoders=own,
            cache=cache,
            tally=tally,
        )

    @property
    def waiting(self) -> int:
        """Conversations that wait or are being classified."""
        return self._pool.waiting

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(head.target for head in self._heads)

    @property
    def judges_answers(self) -> tuple[str, ...]:
        """Targets that have a head for answers."""
        return tuple(head.target for head in self._answer_heads)

    async def classify(
        self,
        conversation: Conversation,
        *,
        spans: bool | None = None,
        whole: bool = False,
        thresholds: Mapping[str, float] | None = None,
    ) -> Verdict:
        """Classify a conversation; what was seen before is answered from the cache at once.

        Parameters
        ----------
        spans
            Whether the verdict says which stretches carry it; by default as the settings say.
        whole
            Whether reading goes on where it can change no verdict, for the sake of what each target reaches.
        thresholds
            By target, the probability from which it is flagged, in place of its head's. What the first tier clears is not
            read further for a lower one.

        Raises
        ------
        ClassifierOverloaded
            Too many conversations wait.
        ClassifierTimeout
            The verdict was not ready within `ClassifierSettings.deadline_seconds`, since others were read too.
        ClassifierClosed
            The service was closed.
        """
        passages, all_within = await aside(
            len(conversation.messages), lambda: self._within_limit(conversation_passages(conversation))
        )
        spans = self.settings.spans if spans is None else spans
        found = await self._found(self._scorers, "prompt", passages, spans or whole or bool(thresholds))
        judged = await aside(
            len(passages) + sum(len(message.text) for message in conversation.messages) // _LONG,
            lambda: {
                verdict.target: verdict
                for scorer, scored in zip(self._scorers, found, strict=True)
                for verdict in judge_conversation(
                    scorer, scored, conversation, spans=spans, thresholds=thresholds or {}
                )
            },
        )
        targets = tuple(judged[head.target] for head in self._heads)
        disguised = unreadable_stretches(found[0]) if found else ()
        if not (all_within and _all_read(found)):
            return Verdict(targets, "too_long", (self._limits, *conversation.unreadable, *disguised))
        if conversation.unreadable:
            return Verdict(targets, "unclassifiable", (*conversation.unreadable, *disguised))
        return Verdict(targets, "unreadable", disguised) if disguised else Verdict(targets)

    async def classify_answer(self, exchange: Exchange, *, spans: bool | None = None) -> Verdict:
        """Classify an answer so far, alone and after the end of what is asked.

        An answer that has grown costs what its new text costs: the stretches before it are in the cache. What spans fall on
        in the answer is the message behind the question's. Nothing is said of the question alone; `classify` does that.

        Parameters
        ----------
        spans
            Whether the verdict says which stretches carry it; by default as the settings say.

        Returns
        -------
        One entry for each target of `judges_answers`; ``unreadable`` where the answer has a stretch that is no language.

        Raises
        ------
        ClassifierOverloaded, ClassifierTimeout, ClassifierClosed
            As for `classify`.
        """
        passages, all_within = await aside(
            len(exchange.answer) // _LONG, lambda: self._within_limit(exchange_passages(exchange))
        )
        spans = self.settings.spans if spans is None else spans
        found = await self._found(self._answer_scorers, "answer", passages, spans)
        judged = await aside(
            len(passages),
            lambda: {
                verdict.target: verdict
                for scorer, scored in zip(self._answer_scorers, found, strict=True)
                for verdict in judge_answer(scorer, scored, exchange, spans=spans)
            },
        )
        targets = tuple(judged[head.target] for head in self._answer_heads)
        if not (all_within and _all_read(found)):
            return Verdict(targets, "too_long", (self._limits,))
        # What a model says that was made not to know is judged without a question, and may well be nonsense.
        asked = bool(exchange.question.messages)
        disguised = unreadable_stretches(found[0], exchange) if found and asked else ()
        return Verdict(targets, "unreadable", disguised) if disguised else Verdict(targets)

    @property
    def _limits(self) -> str:
        return (
            f"more than {self.settings.maximum_characters} characters, {self.settings.maximum_windows} windows "
            f"to encode, {self.settings.maximum_readings} readings of one message, or what takes longer than "
            f"{self.settings.deadline_seconds:g} s to read"
        )

    async def _found(
        self, scorers: Sequence[Scorer], kind: _Kind, passages: Sequence[Passage], spans: bool
    ) -> list[list[tuple[Passage, TextScores]]]:
        """The passages that were read with their scores, by each scorer."""
        asked = [self._scored(scorer, kind, passages, spans) for scorer in scorers]
        # Mostly there is one, which needs no task of its own.
        return await asyncio.gather(*asked) if len(asked) > 1 else [await each for each in asked]

    def warm_up(self) -> None:
        """Judge a text by every head, so that no request waits for what is made once; nothing is counted, and nothing cached."""
        for scorer in (*self._scorers, *self._answer_scorers):
            scorer.warm_up()

    async def close(self) -> None:
        """Refuse new conversations, finish those that wait, and end the threads."""
        self._pool.close()
        await asyncio.to_thread(self._pool.join)

    def _within_limit(self, passages: list[Passage]) -> tuple[list[Passage], bool]:
        # Newest first: what is left unread is the oldest, and the verdict says so.
        room = self.settings.maximum_characters
        for count, passage in enumerate(passages):
            # Lines stand in messages that are read already.
            if passage.standing == "line":
                break
            if len(passage.text) > room:
                return [*passages[:count], passage.beginning(room)], False
            room -= len(passage.text)
        return passages, True

    async def _scored(
        self, scorer: Scorer, kind: _Kind, passages: Sequence[Passage], spans: bool
    ) -> list[tuple[Passage, TextScores]]:
        """The passages with their scores: from the cache, or from the workers."""
        heads = scorer.bank.identities
        # What a text is as an answer says nothing of it as a prompt, and a short answer is both in turn.
        scored_by = f"{scorer.fingerprint}:{kind}:{int(spans)}"
        # No disguise goes on from what is asked into what is answered.
        texts = [UnreadText(each.text, each.parts if kind == "answer" else ()) for each in passages]
        keys, known = await aside(len(passages), lambda: self._known(texts, scored_by, heads))
        unread = [text for text, scores in zip(texts, known, strict=True) if scores is None]
        fresh = iter(await self._score(scorer, unread, spans) if unread else ())
        scored: list[tuple[Passage, TextScores]] = []
        for passage, key, scores in zip(passages, keys, known, strict=True):
            if scores is None:
                scores = next(fresh)
                if scores.complete:
                    self.cache.put(key, heads, scores)
            scored.append((passage, scores))
        return scored

    def _known(
        self, texts: Sequence[UnreadText], scored_by: str, heads: tuple[str, ...]
    ) -> tuple[list[bytes], list[TextScores | None]]:
        """The texts' keys, and what the cache has of them."""
        # Two texts of the same letters are read otherwise where they were put together otherwise.
        keys = [
            ScoreCache.key(each.text, f"{scored_by}:{[*map(len, each.parts)]}" if each.parts else scored_by)
            for each in texts
        ]
        return keys, [self.cache.get(key, heads) for key in keys]

    async def _score(self, scorer: Scorer, texts: Sequence[UnreadText], spans: bool) -> list[TextScores]:
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

        job = Job(scorer, texts, self.settings.maximum_windows, spans, finished, self._tally)
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


def _load_heads(folders: Mapping[str, Path], digests: Mapping[Path, str] | None) -> list[Head]:
    heads = [load_head(folder, digests) for folder in folders.values()]
    for name, head in zip(folders, heads, strict=True):
        if head.target != name:
            raise ClassifierError(f"the head given for target {name} is of target {head.target}")
    return heads


def _all_read(found: Sequence[Sequence[tuple[Passage, TextScores]]]) -> bool:
    return all(scores.complete for scored in found for _, scores in scored)


def _scorers(
    encoder: Encoder,
    own_encoders: Sequence[Encoder],
    heads: Sequence[Head],
    settings: ClassifierSettings,
    share: float,
) -> tuple[Scorer, ...]:
    """One scorer for each encoder that heads stand on."""
    own = {each.sha256: each for each in own_encoders if each.sha256 != encoder.sha256}
    banks = {sha256: [head for head in heads if head.encoder_sha256 == sha256] for sha256 in own}
    # A head that stands on none of these meets the shared encoder, whose bank says what is wrong with it.
    shared = [head for head in heads if head.encoder_sha256 not in own]
    scorers = [
        Scorer(own[sha256], _bank(own[sha256], bank), settings, share) for sha256, bank in banks.items()
    ]
    if not shared:
        return tuple(scorers)
    return (Scorer(encoder, _bank(encoder, shared), settings, share), *scorers)


def _bank(encoder: Encoder, heads: Sequence[Head]) -> HeadBank:
    return HeadBank(heads, encoder)

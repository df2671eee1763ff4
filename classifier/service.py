"""The classifier as the server uses it: conversations and answers in, verdicts out, off the event loop."""

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.cache import ScoreCache
from lethe.classifier.canonical import canonicalise
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.errors import ClassifierError, ClassifierTimeout
from lethe.classifier.exchange import Exchange, exchange_passages
from lethe.classifier.head import Head, HeadBank, load_head
from lethe.classifier.passages import Passage, conversation_passages
from lethe.classifier.scoring import Scorer, TextScores, Unread, share_of_answers, share_of_prompts
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.spans import entity_spans
from lethe.classifier.tally import Tally
from lethe.classifier.verdict import Span, TargetVerdict, Verdict
from lethe.classifier.workers import Job, WorkerPool

_Kind = Literal["prompt", "answer"]
# Of the deadline: a text that takes so much by itself was not late because of others.
_WHOLE = 0.8
# Characters on each side of what carries a verdict that an excerpt shows.
_AROUND = 160
# In characters: stretches that begin before the one place are the beginning, and together as long as the other says.
_BEGINS_BEFORE, _BEGINNING = 400, 600
# Some thousand tokens. Behind the beginning of an answer up to this long, the same score flags.
_USUAL_ANSWER = 4096
# Log-odds by which a passage exceeds each of its messages where one of them leans on another, or a name is told over several.
# What an ordinary follow-up adds to a flagged question is less.
_LEANING = 2.0


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
        tally = tally or Tally()
        share = share_of_prompts(self.settings, len(self._heads))
        self._scorers = _scorers(encoder, own_encoders, heads, self.settings, tally, share)
        share = share_of_answers(self.settings, len(self._answer_heads))
        self._answer_scorers = _scorers(encoder, own_encoders, answer_heads, self.settings, tally, share)
        self._pool = WorkerPool(self.settings.workers, self.settings.queue_capacity)

    @classmethod
    def load(
        cls,
        encoder: str | EncoderRegistry = DEFAULT_ENCODER,
        heads: Mapping[str, Path] | None = None,
        settings: ClassifierSettings | None = None,
        *,
        answer_heads: Mapping[str, Path] | None = None,
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
            _load_heads(heads or {}),
            settings,
            answer_heads=_load_heads(answer_heads or {}),
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
        self, conversation: Conversation, *, spans: bool | None = None, whole: bool = False
    ) -> Verdict:
        """Classify a conversation; what was seen before is answered from the cache at once.

        Parameters
        ----------
        spans
            Whether the verdict says which stretches carry it; by default as the settings say.
        whole
            Whether reading goes on where it can change no verdict, for the sake of what each target reaches.

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
        found = await self._found(self._scorers, "prompt", passages, spans or whole)
        judged = dict(
            verdict
            for scorer, scored in zip(self._scorers, found, strict=True)
            for verdict in _judge(
                scorer, _by_length(scorer, scored), _reached(scorer, scored), conversation, spans
            )
        )
        targets = tuple(judged[head.target] for head in self._heads)
        disguised = _unreadable(found[0]) if found else ()
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
        passages, all_within = self._within_limit(exchange_passages(exchange))
        spans = self.settings.spans if spans is None else spans
        found = await self._found(self._answer_scorers, "answer", passages, spans)
        judged = dict(
            verdict
            for scorer, scored in zip(self._answer_scorers, found, strict=True)
            for verdict in _judge(
                scorer, _by_answer_length(scorer, scored, len(exchange.answer)), None, None, spans
            )
        )
        targets = tuple(judged[head.target] for head in self._answer_heads)
        if not (all_within and _all_read(found)):
            return Verdict(targets, "too_long", (self._limits,))
        # What a model says that was made not to know is judged without a question, and may well be nonsense.
        asked = bool(exchange.question.messages)
        disguised = _unreadable(found[0], exchange) if found and asked else ()
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
        self, scorer: Scorer, kind: _Kind, passages: Sequence[Passage], spans: bool
    ) -> list[tuple[Passage, TextScores]]:
        """The passages with their scores: from the cache, or from the workers."""
        heads = scorer.bank.identities
        # What a text is as an answer says nothing of it as a prompt, and a short answer is both in turn.
        scored_by = f"{scorer.fingerprint}:{kind}:{int(spans)}"
        keys = [ScoreCache.key(passage.text, scored_by) for passage in passages]
        known = [self.cache.get(key, heads) for key in keys]
        unread = [
            # No disguise goes on from what is asked into what is answered.
            Unread(passage.text, passage.parts if kind == "answer" else ())
            for passage, scores in zip(passages, known, strict=True)
            if scores is None
        ]
        fresh = iter(await self._score(scorer, unread, spans) if unread else ())
        scored: list[tuple[Passage, TextScores]] = []
        for passage, key, scores in zip(passages, keys, known, strict=True):
            if scores is None:
                scores = next(fresh)
                if scores.complete:
                    self.cache.put(key, heads, scores)
            scored.append((passage, scores))
        return scored

    async def _score(self, scorer: Scorer, texts: Sequence[Unread], spans: bool) -> list[TextScores]:
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


def _load_heads(folders: Mapping[str, Path]) -> list[Head]:
    heads = [load_head(folder) for folder in folders.values()]
    for name, head in zip(folders, heads, strict=True):
        if head.target != name:
            raise ClassifierError(f"the head given for target {name} is of target {head.target}")
    return heads


def _all_read(found: Sequence[Sequence[tuple[Passage, TextScores]]]) -> bool:
    return all(scores.complete for scored in found for _, scores in scored)


def _judge(
    scorer: Scorer,
    judged: Sequence["_Judged"],
    reached: NDArray[np.float32] | None,
    named: Conversation | None,
    with_spans: bool,
) -> Iterator[tuple[str, TargetVerdict]]:
    """The verdicts on passages whose scores are lowered by how much was read, with the target's names in a conversation."""
    scores = scorer.nothing_found()
    for each in judged:
        np.maximum(scores, each.lowered, out=scores)
    probabilities = scorer.probability(scores)
    reach = np.zeros(len(probabilities)) if reached is None else _reach(scorer, reached)
    for index, (head, probability) in enumerate(zip(scorer.bank.heads, probabilities, strict=True)):
        verdict = TargetVerdict(head.target, float(probability), head.threshold, reach=float(reach[index]))
        if verdict.flagged:
            carrying = [each for each in judged if scorer.carries(each.lowered)[index]]
            spans = _evidence(carrying, index) + (_entities(named, head) if named else ())
            messages = _carrying_messages(scorer, judged, carrying, index) if named else ()
            verdict = dataclasses.replace(
                verdict,
                spans=spans if with_spans else (),
                messages=_alike(named, frozenset(messages)) if named else (),
                excerpts=_excerpts(carrying, index) if with_spans and named else (),
            )
        yield head.target, verdict


def _unreadable(
    scored: Sequence[tuple[Passage, TextScores]], exchange: Exchange | None = None
) -> tuple[str, ...]:
    """Where a conversation, or an answer, is no language, in one line for each stretch of a message.

    Where several messages are read together, what stands in one of them is told where that is read alone.
    """
    answer = None if exchange is None else len(exchange.question.messages)
    stretches: set[tuple[int, int, int]] = set()
    for passage, found in scored:
        for first, last in found.unreadable:
            touched = list(passage.in_messages(first, last))
            if len(passage.pieces) == 1 or (answer is None and len(touched) > 1):
                stretches.update(touched)
    return tuple(
        f"{'the answer' if message == answer else f'message {message + 1}'} is no language from character {start} to {end}"
        for message, start, end in _by_message(stretches)
    )


def _by_message(stretches: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Stretches of messages in their order, those that overlap as one."""
    joined: list[tuple[int, int, int]] = []
    for message, start, end in sorted(stretches):
        if joined and joined[-1][0] == message and start <= joined[-1][2]:
            _, start, before = joined.pop()
            end = max(end, before)
        joined.append((message, start, end))
    return joined


@dataclass(frozen=True)
class _Judged:
    """A passage with its scores, and by how much these are lowered for how much was read."""

    passage: Passage
    found: TextScores
    raised: NDArray[np.float32]

    @property
    def lowered(self) -> NDArray[np.float32]:
        return self.found.scores - self.raised


def _by_length(scorer: Scorer, scored: Sequence[tuple[Passage, TextScores]]) -> list[_Judged]:
    """The passages with scores to be lowered by how much was read: of what is asked, and of all else."""
    heard = _heard(scored)
    if not heard:
        return []
    raised = {asks: scorer.raised(length) for asks, length in _lengths(scored).items()}
    return [_Judged(passage, found, raised[passage.asks]) for passage, found in heard]


def _carrying_messages(
    scorer: Scorer, judged: Sequence[_Judged], carrying: Sequence[_Judged], index: int
) -> Set[int]:
    """The messages flagged by themselves, and all of a passage that says more than any such part of it does."""
    # By the first one: messages that are read together, or one alone, with their scores.
    parts: dict[int, list[tuple[frozenset[int], NDArray[np.float32]]]] = defaultdict(list)
    for each in judged:
        if len(each.passage.messages) == 1:
            parts[min(each.passage.messages)].append((each.passage.messages, each.found.scores))
    messages: set[int] = set()
    for each in sorted(carrying, key=lambda each: len(each.passage.messages)):
        whole = each.passage.messages
        # The threshold is that of the passage, which may be lower than that of a message before the newest turn.
        explaining = [
            part
            for first in whole
            for part, scores in parts[first]
            if part <= whole and scorer.carries(scores - each.raised)[index]
            if part == whole or each.found.scores[index] - scores[index] < _LEANING
        ]
        if not explaining:
            parts[min(whole)].append((whole, each.found.scores))
        messages = messages.union(*explaining or [whole])
    return messages


def _alike(conversation: Conversation, messages: Set[int]) -> tuple[int, ...]:
    """These messages and all that say the same, of which only one was read."""
    texts = {conversation.messages[message].text for message in messages}
    return tuple(index for index, message in enumerate(conversation.messages) if message.text in texts)


def _reach(scorer: Scorer, reached: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.where(np.isfinite(reached), scorer.probability(reached), 0.0)


def _reached(scorer: Scorer, scored: Sequence[tuple[Passage, TextScores]]) -> NDArray[np.float32]:
    """The highest scores that are as high as their passages' lengths ask at any threshold, (H,); -inf where none is."""
    reached, heard = scorer.nothing_found(), _heard(scored)
    if not heard:
        return reached
    needed = {asks: scorer.needed(length) for asks, length in _lengths(scored).items()}
    for passage, found in heard:
        enough = np.where(found.scores >= needed[passage.asks], found.scores, -np.inf)
        np.maximum(reached, enough, out=reached)
    return reached


def _heard(scored: Sequence[tuple[Passage, TextScores]]) -> list[tuple[Passage, TextScores]]:
    """The passages that have scores: most of what is read is cleared by the first tier."""
    return [(passage, found) for passage, found in scored if found.scores.max(initial=-np.inf) > -np.inf]


def _lengths(scored: Sequence[tuple[Passage, TextScores]]) -> dict[bool, int]:
    """How many characters were read: of what is asked, and of all else."""
    asked = max((len(passage.text) for passage, _ in scored if passage.asks), default=0)
    return {True: asked, False: sum(len(passage.text) for passage, _ in scored if not passage.asks)}


def _by_answer_length(
    scorer: Scorer, scored: Sequence[tuple[Passage, TextScores]], characters: int
) -> list[_Judged]:
    """The passages with scores to be lowered by how much is read: of an answer's beginning, and of all else.

    Both are as much for every answer of usual length, so that looks at a growing one are no more chances to be wrong than
    one at its end.
    """
    raised = {True: scorer.raised(_BEGINNING), False: scorer.raised(max(characters, _USUAL_ANSWER))}
    return [_Judged(passage, found, raised[_begins(passage)]) for passage, found in scored]


def _begins(passage: Passage) -> bool:
    """Whether the stretch of an answer that a passage ends in belongs to its beginning."""
    return passage.pieces[-1].message_start < _BEGINS_BEFORE


def _scorers(
    encoder: Encoder,
    own_encoders: Sequence[Encoder],
    heads: Sequence[Head],
    settings: ClassifierSettings,
    tally: Tally,
    share: float,
) -> tuple[Scorer, ...]:
    """One scorer for each encoder that heads stand on."""
    own = {each.sha256: each for each in own_encoders if each.sha256 != encoder.sha256}
    banks = {sha256: [head for head in heads if head.encoder_sha256 == sha256] for sha256 in own}
    # A head that stands on none of these meets the shared encoder, whose bank says what is wrong with it.
    shared = [head for head in heads if head.encoder_sha256 not in own]
    scorers = [
        Scorer(own[sha256], _bank(own[sha256], bank), settings, tally, share)
        for sha256, bank in banks.items()
    ]
    if not shared:
        return tuple(scorers)
    return (Scorer(encoder, _bank(encoder, shared), settings, tally, share), *scorers)


def _bank(encoder: Encoder, heads: Sequence[Head]) -> HeadBank:
    return HeadBank(heads, encoder.sha256, encoder.dimension)


def _evidence(carrying: Sequence[_Judged], index: int) -> tuple[Span, ...]:
    spans = {
        Span(message, start, end, span.weight, span.kind)
        for each in carrying
        for span in each.found.spans.get(index, ())
        for message, start, end in each.passage.in_messages(span.start, span.end)
    }
    return tuple(_merged(sorted(spans, key=lambda span: (span.message, span.start, span.end))))


def _excerpts(carrying: Sequence[_Judged], index: int) -> tuple[str, ...]:
    """What carries a head's verdict, in the text around it; nothing where not all of it can be read plainly."""
    found = [(each.passage.text, span) for each in carrying for span in each.found.spans.get(index, ())]
    if any(span.disguised for _, span in found):
        return ()
    by_text: dict[str, list[tuple[int, int]]] = {}
    for text, span in found:
        by_text.setdefault(text, []).append((max(span.start - _AROUND, 0), span.end + _AROUND))
    excerpts = [
        canonicalise(text[start:end]).text
        for text, places in by_text.items()
        for start, end in _joined(sorted(places))
    ]
    # Of a message and of where it meets another, the shorter says nothing more.
    longest: list[str] = []
    for excerpt in sorted(dict.fromkeys(excerpts), key=len, reverse=True):
        if not any(excerpt in other for other in longest):
            longest.append(excerpt)
    return tuple(longest)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


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

import asyncio
import base64
import contextlib
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.errors import (
    ClassifierClosed,
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
)
from lethe.classifier.exchange import Exchange
from lethe.classifier.first_tier import UnreadText, Window
from lethe.classifier.head import Head, load_head, save_head
from lethe.classifier.scoring import Scorer
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tail import Tail
from lethe.classifier.tally import Tally
from lethe.classifier.text_scores import TextScores
from lethe.classifier.verdict import Verdict
from lethe.classifier.workers import Job
from tests.classifier.conftest import MakeHead

ASKED = "Tell me about the lighthouse of Alderney"
OTHER = "How do I bake bread without yeast?"
BENIGN = "The committee kept the garden as it was and moved the meeting to Friday because of rain. "


@pytest.fixture
def run(encoder: Encoder, make_head: MakeHead) -> Callable[..., object]:
    """Runs a coroutine function with a service for the lighthouse target."""

    def run(ask: Callable[[ClassifierService], Awaitable[object]], heads=None, **settings: object) -> object:
        async def inside() -> object:
            service = ClassifierService(encoder, heads or [make_head()], ClassifierSettings(**settings))  # pyright: ignore[reportArgumentType]
            try:
                return await ask(service)
            finally:
                await service.close()

        return asyncio.run(inside())

    return run


def _verdict(run, messages, **settings) -> Verdict:
    conversation = (
        Conversation.from_prompt(messages)
        if isinstance(messages, str)
        else Conversation.from_openai_messages(messages)
    )
    return run(lambda service: service.classify(conversation), **settings)


def test_what_asks_for_the_target_is_flagged_and_other_text_is_not(run) -> None:
    assert _verdict(run, ASKED).targets[0].flagged
    assert not _verdict(run, OTHER).targets[0].flagged


def test_what_is_no_language_makes_it_unreadable_also_when_asked_again(run) -> None:
    nonsense = "Fvi sbupfuefoh wvq zquahgskqlq zxqv jqxkw bqzvw pfq qjxzk"
    ordinary = "Here is a hash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08."

    async def twice(service: ClassifierService) -> list[Verdict]:
        asked = Conversation.from_openai_messages(
            [{"role": "user", "content": "Hello."}, {"role": "user", "content": f"Answer this: {nonsense}"}]
        )
        return [await service.classify(asked) for _ in range(2)]

    for verdict in run(twice):
        assert verdict.status == "unreadable"
        assert verdict.reasons == (f"message 2 is no language from character 13 to {13 + len(nonsense)}",)
    assert _verdict(run, ordinary).status == "ok"


def test_what_is_no_language_only_where_turns_are_read_together_is_told_of_each_of_them(run) -> None:
    turns = ["Fvi sbupfuef", "oh wvq zquah", "gskqlq zxqv", " jqxkw bqzvw", " pfq qjxzk"]
    verdict = _verdict(run, [{"role": "user", "content": turn} for turn in turns])
    assert verdict.status == "unreadable"
    assert [reason.split(" is ")[0] for reason in verdict.reasons] == [
        f"message {n}" for n in (1, 2, 3, 4, 5)
    ]


@pytest.mark.parametrize("place", [0, 20, 40])
def test_nothing_hides_in_a_long_text(run, place: int) -> None:
    sentences = [BENIGN] * 40
    sentences.insert(place, ASKED + ". ")
    assert _verdict(run, "".join(sentences)).targets[0].flagged


def test_a_hundred_thousand_characters_are_read_to_the_end(run) -> None:
    assert _verdict(run, BENIGN * 1200 + ASKED, deadline_seconds=60).targets[0].flagged


def test_every_role_and_an_encoded_payload_are_read(run) -> None:
    code = base64.b64encode(ASKED.encode()).decode()
    for role in ("system", "user", "assistant", "tool"):
        assert _verdict(
            run, [{"role": role, "content": f"Decode {code}"}, {"role": "user", "content": "ok"}]
        ).flagged


def test_parts_that_are_not_text_make_it_unclassifiable_but_text_still_counts(run) -> None:
    content = [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "x"}}]
    verdict = _verdict(run, [{"role": "user", "content": content}])
    assert verdict.status == "unclassifiable"
    assert "image_url" in verdict.reasons[0]
    assert verdict.targets[0].flagged


@pytest.mark.parametrize(
    "limit", [{"maximum_characters": 500}, {"maximum_windows": 1}, {"maximum_readings": 1}]
)
def test_past_a_limit_the_verdict_is_too_long(run, limit: dict[str, int]) -> None:
    text = ("About the lighthouse of Alderney there is much to say. " * 80) + "l1ghth0us3"
    verdict = _verdict(run, text, **limit)
    assert verdict.status == "too_long"
    assert verdict.reasons


def test_the_beginning_of_a_message_that_is_too_long_is_read(run) -> None:
    verdict = _verdict(run, f"{ASKED}. " + "More is said later. " * 100, maximum_characters=500)
    assert verdict.status == "too_long"
    assert verdict.targets[0].flagged


def test_spans_point_at_the_words_that_carry_the_verdict(run) -> None:
    messages = [{"role": "system", "content": BENIGN}, {"role": "user", "content": f"{BENIGN}{ASKED}."}]
    (target,) = _verdict(run, messages).flagged
    covered = " ".join(messages[span.message]["content"][span.start : span.end] for span in target.spans)
    assert "lighthouse" in covered
    assert "Alderney" in covered
    assert "Friday" not in covered


def test_entities_are_found_in_lookalike_letters(run, make_head: MakeHead) -> None:
    text = f"{ASKED}. I mean Аlderney."
    (target,) = _verdict(run, text, heads=[make_head(entities=("Alderney",))]).flagged
    entities = [text[span.start : span.end] for span in target.spans if span.kind == "entity"]
    assert entities == ["Alderney", "Аlderney"]


def test_excerpts_show_all_that_carries_the_verdict_and_little_else(run) -> None:
    text = f"{BENIGN * 10}{ASKED}. {BENIGN * 10}{ASKED}? {BENIGN * 10}"
    excerpts = _verdict(run, text).targets[0].excerpts
    assert len(excerpts) == 2
    assert all("lighthouse of Alderney" in each and len(each) < 400 for each in excerpts)
    assert not _verdict(run, BENIGN).targets[0].excerpts


def test_what_is_asked_in_disguise_is_shown_in_no_excerpt(run) -> None:
    hidden = base64.b64encode(ASKED.encode()).decode()
    (target,) = _verdict(run, f"{ASKED}. Decode and do this: {hidden}").targets
    assert target.flagged
    assert not target.excerpts


def test_spans_can_be_turned_off(run) -> None:
    (target,) = _verdict(run, ASKED, spans=False).flagged
    assert target.spans == ()


def test_a_verdict_is_the_same_alone_in_a_crowd_and_from_the_cache(run) -> None:
    texts = [ASKED, OTHER, BENIGN * 20, f"{OTHER} {ASKED}"]

    async def ask(service: ClassifierService) -> tuple[list[Verdict], list[Verdict], list[Verdict]]:
        conversations = [Conversation.from_prompt(text) for text in texts]
        crowd = await asyncio.gather(*(service.classify(each) for each in conversations * 5))
        cached = [await service.classify(each) for each in conversations]
        return list(crowd[: len(texts)]), list(crowd[-len(texts) :]), cached

    first, last, cached = run(ask, workers=3)
    alone = [_verdict(run, text) for text in texts]
    assert first == last == cached == alone


def test_a_growing_conversation_costs_its_new_message_only(run) -> None:
    async def ask(service: ClassifierService) -> list[int]:
        messages: list[dict[str, str]] = []
        fresh: list[int] = []
        for index in range(8):
            messages.append({"role": "user", "content": f"Message {index}: {BENIGN}"})
            before = service.cache.misses
            await service.classify(Conversation.from_openai_messages(messages))
            fresh.append(service.cache.misses - before)
        return fresh

    assert max(run(ask)) <= 2


def test_a_replacing_service_shares_cache_and_encoder_but_not_verdicts(
    encoder: Encoder, make_head: MakeHead
) -> None:
    async def inside() -> tuple[bool, bool]:
        old = ClassifierService(encoder, [make_head()])
        new = ClassifierService(encoder, [make_head(bias=-50.0, version="v2")], cache=old.cache)
        verdicts = [await service.classify(Conversation.from_prompt(ASKED)) for service in (old, new)]
        await old.close()
        await new.close()
        return verdicts[0].targets[0].flagged, verdicts[1].targets[0].flagged

    assert asyncio.run(inside()) == (True, False)


def test_a_text_is_not_read_again_for_heads_that_stayed(encoder: Encoder, make_head: MakeHead) -> None:
    async def inside() -> int:
        conversation = Conversation.from_prompt(ASKED)
        old = ClassifierService(encoder, [make_head("castle"), make_head()])
        before = await old.classify(conversation)
        new = ClassifierService(encoder, [make_head()], cache=old.cache)
        misses = new.cache.misses
        after = await new.classify(conversation)
        assert after.targets == before.targets[1:]
        await old.close()
        await new.close()
        return new.cache.misses - misses

    assert asyncio.run(inside()) == 0


def test_spans_can_be_asked_for_where_they_are_turned_off(run) -> None:
    async def ask(service: ClassifierService) -> list[bool]:
        conversation = Conversation.from_prompt(ASKED)
        verdicts = [await service.classify(conversation, spans=spans) for spans in (None, True, None)]
        return [bool(verdict.targets[0].spans) for verdict in verdicts]

    assert run(ask, spans=False) == [False, True, False]


def test_a_text_is_read_no_further_once_every_target_is_found_and_nobody_asks_where(
    encoder: Encoder, make_head: MakeHead
) -> None:
    async def read(spans: bool) -> tuple[Verdict, int]:
        tally = Tally()
        service = ClassifierService(encoder, [make_head()], ClassifierSettings(spans=spans), tally=tally)
        verdict = await service.classify(Conversation.from_prompt(f"{ASKED}. {BENIGN}" * 40))
        await service.close()
        return verdict, tally.encoded

    thorough, all_windows = asyncio.run(read(spans=True))
    hasty, read_windows = asyncio.run(read(spans=False))
    assert thorough.flagged
    assert hasty.flagged
    assert read_windows < all_windows


def _carrying(run, *turns: str, heads: list[Head] | None = None) -> tuple[int, ...]:
    messages = [
        {"role": "user" if place % 2 == 0 else "assistant", "content": turn}
        for place, turn in enumerate(turns)
    ]
    (target,) = _verdict(run, messages, heads=heads, spans=False).targets
    return target.messages


def test_a_verdict_is_carried_by_the_messages_that_are_flagged_and_by_no_other(run) -> None:
    assert _carrying(run, OTHER) == ()
    assert _carrying(run, OTHER, "With soda.", ASKED) == (2,)
    assert _carrying(run, ASKED, "I cannot say.", OTHER) == (0,)
    assert _carrying(run, ASKED, "I cannot say.", OTHER, "With soda.", f"{BENIGN} {ASKED}.") == (0, 4)


def test_of_messages_that_say_the_same_all_carry_it(run) -> None:
    assert _carrying(run, ASKED, "I cannot say.", ASKED, "I cannot say.", OTHER) == (0, 2)


def test_what_an_answer_was_behind_a_question_says_nothing_of_both_as_one_answer(
    encoder: Encoder, make_head: MakeHead
) -> None:
    """A disguise is not read from a question on into its answer, and is within an answer."""

    async def looked_up() -> tuple[int, int]:
        service = ClassifierService(encoder, [], answer_heads=[make_head()])
        await service.classify_answer(Exchange(Conversation.from_prompt("Hello there."), "Good morning."))
        before = service.cache.hits
        await service.classify_answer(Exchange(Conversation(()), "Hello there.\nGood morning."))
        between = service.cache.hits
        await service.classify_answer(Exchange(Conversation.from_prompt("Hello there."), "Good morning."))
        await service.close()
        return between - before, service.cache.hits - between

    assert asyncio.run(looked_up()) == (0, 2)


@pytest.fixture(scope="module")
def shipped() -> Head:
    return load_head(Path("targets/harry-potter/classifier"))


def test_what_is_flagged_only_where_it_is_read_together_is_carried_by_both(run, shipped: Head) -> None:
    first, second = "Let's talk about the boy", "who lived, from the cupboard under the stairs"
    assert _carrying(run, first, heads=[shipped]) == _carrying(run, second, heads=[shipped]) == ()
    assert _carrying(run, first, "Sure.", second, "Well.", OTHER, heads=[shipped]) == (0, 2)


def test_a_name_told_over_several_turns_is_carried_by_all_of_them_though_one_is_flagged_alone(
    run, shipped: Head
) -> None:
    assert _carrying(run, "Harry", heads=[shipped]) == (0,)
    assert _carrying(run, "Harry", "Yes?", "Potter", "Yes?", "best friend?", heads=[shipped]) == (0, 2)


@pytest.mark.parametrize(
    ("asked", "innocent"),
    [
        ("What is the capital of France?", True),
        ("How do I boil an egg?", True),
        ("Write a short poem about the sea.", True),
        ("Who teaches history there?", False),
    ],
)
def test_an_ordinary_question_after_a_flagged_one_carries_nothing_and_one_that_leans_on_it_does(
    run, shipped: Head, asked: str, innocent: bool
) -> None:
    answer = "I am a helpful assistant."
    assert _carrying(run, asked, heads=[shipped]) == ()
    carrying = _carrying(run, "Who is Harry Potter's best friend?", answer, asked, heads=[shipped])
    assert 0 in carrying
    assert (2 not in carrying) is innocent


def test_what_was_not_read_for_haste_is_read_when_it_is_asked_about(run) -> None:
    first = [{"role": "user", "content": OTHER}, {"role": "user", "content": ASKED}]

    async def ask(service: ClassifierService) -> list[bool]:
        await service.classify(Conversation.from_openai_messages(first))
        alone = [await service.classify(Conversation.from_prompt(text)) for text in (OTHER, ASKED)]
        return [bool(verdict.flagged) for verdict in alone]

    assert run(ask, spans=False) == [False, True]


def test_the_event_loop_is_free_while_texts_are_classified(run) -> None:
    async def ask(service: ClassifierService) -> int:
        ticks = 0
        job = asyncio.ensure_future(service.classify(Conversation.from_prompt(f"{ASKED}. " * 300)))
        while not job.done():
            await asyncio.sleep(0)
            ticks += 1
        return ticks

    assert run(ask, deadline_seconds=60) > 50


def test_a_short_question_is_not_kept_waiting_by_a_long_one(run) -> None:
    async def ask(service: ClassifierService) -> list[str]:
        done: list[str] = []

        async def classify(name: str, text: str) -> None:
            await service.classify(Conversation.from_prompt(text))
            done.append(name)

        await asyncio.gather(classify("long", f"{ASKED}. " * 200), classify("short", ASKED))
        return done

    assert run(ask, deadline_seconds=60) == ["short", "long"]


class _Held(Scorer):
    """Reads so many windows and then none until it is let."""

    def __init__(self, scorer: Scorer, windows: int) -> None:
        self.__dict__ = dict(scorer.__dict__)
        self._left = windows
        self.let = threading.Event()

    def score_window(self, window: Window, *, spans: bool) -> TextScores:
        if not self._left:
            self.let.wait()
            return TextScores(self.nothing_found())
        self._left -= 1
        return super().score_window(window, spans=spans)


@contextlib.contextmanager
def reading(service: ClassifierService, text: str, windows: int) -> Iterator[None]:
    """The one worker of a service has a text before it that it does not come to the end of."""
    scorer = _Held(service._scorers[0], windows)
    service._pool.submit(Job(scorer, [UnreadText(text)], 512, True, lambda scores, error: None, Tally()))
    try:
        yield
    finally:
        scorer.let.set()


def test_what_takes_longer_than_the_deadline_by_itself_is_too_long_and_what_was_read_of_it_counts(
    run,
) -> None:
    async def ask(service: ClassifierService) -> tuple[Verdict, int]:
        scorer = _Held(service._scorers[0], windows=1)
        service._scorers = (scorer,)
        verdict = await service.classify(Conversation.from_prompt(f"{ASKED}. " * 50))
        scorer.let.set()
        return verdict, len(service.cache)

    verdict, kept = run(ask, deadline_seconds=1)
    assert verdict.status == "too_long"
    assert "1 s" in verdict.reasons[0]
    assert verdict.targets[0].flagged
    assert kept == 0


@pytest.mark.parametrize(("seconds", "status"), [(10.0, "too_long"), (0.001, None)])
def test_in_a_crowd_its_own_pace_tells(
    run, monkeypatch: pytest.MonkeyPatch, seconds: float, status: str | None
) -> None:
    # Every step takes so much of a core.
    ticks = itertools.count()
    monkeypatch.setattr(time, "thread_time", lambda: seconds * next(ticks))

    async def ask(service: ClassifierService) -> str | None:
        # The other one keeps the worker once both have read a window.
        with reading(service, f"{ASKED}. " * 50, windows=1):
            try:
                return (await service.classify(Conversation.from_prompt(f"{ASKED}! " * 50))).status
            except ClassifierTimeout:
                return None

    assert run(ask, deadline_seconds=1) == status


def test_a_full_queue_a_missed_deadline_and_a_closed_service_are_told_apart(run) -> None:
    long = Conversation.from_prompt(f"{ASKED}. " * 400)

    async def overload(service: ClassifierService) -> None:
        first = asyncio.ensure_future(service.classify(long))
        await asyncio.sleep(0)
        try:
            await service.classify(Conversation.from_prompt(OTHER))
        finally:
            first.cancel()

    async def late(service: ClassifierService) -> None:
        with reading(service, ASKED, windows=0):
            await service.classify(Conversation.from_prompt(f"Well then: {ASKED}"))

    async def closed(service: ClassifierService) -> None:
        await service.close()
        await service.classify(Conversation.from_prompt(OTHER))

    with pytest.raises(ClassifierOverloaded, match="queue_capacity"):
        run(overload, queue_capacity=1)
    with pytest.raises(ClassifierTimeout, match="deadline_seconds"):
        run(late, deadline_seconds=0.05)
    with pytest.raises(ClassifierClosed):
        run(closed)


def test_an_error_while_classifying_reaches_the_caller_and_the_next_request_is_served(
    run, make_head: MakeHead
) -> None:
    broken = make_head()

    async def ask(service: ClassifierService) -> bool:
        service._scorers[0]._encoder = None  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(ClassifierError, match="classifying failed"):
            await service.classify(Conversation.from_prompt(ASKED))
        return (await service.classify(Conversation.from_prompt(""))).status == "ok"

    assert run(ask, heads=[broken])


def test_threads_end_with_the_service(run) -> None:
    def alive() -> int:
        return sum(thread.name.startswith("classifier-") for thread in threading.enumerate())

    before = alive()
    _verdict(run, ASKED, workers=3)
    assert alive() == before


def test_many_targets_are_judged_in_one_go(run, make_head: MakeHead) -> None:
    heads = [make_head("lighthouse"), make_head("bread", ("baking bread without yeast",))]
    assert [t.target for t in _verdict(run, ASKED, heads=heads).flagged] == ["lighthouse"]
    assert [t.target for t in _verdict(run, OTHER, heads=heads).flagged] == ["bread"]


def test_heads_are_loaded_from_bundle_folders(make_head: MakeHead, tmp_path: Path) -> None:
    save_head(make_head(), tmp_path)
    shelf = EncoderRegistry()
    service = ClassifierService.load(shelf, {"lighthouse": tmp_path}, answer_heads={"lighthouse": tmp_path})
    assert service.targets == service.judges_answers == ("lighthouse",)
    asyncio.run(service.close())
    with pytest.raises(ClassifierError, match="is of target lighthouse"):
        ClassifierService.load(shelf, {"castle": tmp_path})
    with pytest.raises(ClassifierError, match="is of target lighthouse"):
        ClassifierService.load(shelf, {}, answer_heads={"castle": tmp_path})


def test_without_targets_everything_passes(encoder: Encoder) -> None:
    async def ask() -> Verdict:
        empty = ClassifierService(encoder, [])
        verdict = await empty.classify(Conversation.from_prompt(ASKED))
        await empty.close()
        return verdict

    assert asyncio.run(ask()) == Verdict(())


def test_probabilities_do_not_depend_on_the_first_tier_where_it_does_not_pass(run) -> None:
    with_tier, without = (_verdict(run, ASKED, first_tier=choice) for choice in (True, False))
    assert with_tier == without
    np.testing.assert_allclose(_verdict(run, "How do I bake bread at home?").targets[0].probability, 0.001)


def test_the_highest_threshold_that_flags_a_text_is_told(run, make_head: MakeHead) -> None:
    [found] = _verdict(run, ASKED).targets
    assert found.reach == pytest.approx(found.probability)
    for threshold, flagged in ((found.reach, True), (min(found.reach + 1e-6, 1 - 1e-9), False)):
        [judged] = _verdict(run, ASKED, heads=[make_head(threshold=threshold, version=str(flagged))]).targets
        assert judged.flagged is flagged
        assert judged.reach == pytest.approx(found.reach)


@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.7, 0.98, 1.0])
@pytest.mark.parametrize("text", [ASKED, OTHER, f"{OTHER}. {ASKED}? {OTHER}."])
def test_a_threshold_asked_for_gives_the_verdict_of_a_head_that_has_it(
    run, make_head: MakeHead, threshold: float, text: str
) -> None:
    conversation = Conversation.from_prompt(text)

    def judged(own: float, **asked: dict[str, float]) -> Verdict:
        head = make_head(threshold=own, tail=Tail(score=-2.0, scale=0.5, rate=1e-3))
        ask = lambda service: service.classify(conversation, whole=True, **asked)  # noqa: E731
        return run(ask, heads=[head])

    asked = judged(0.6, thresholds={"lighthouse": threshold, "another": 0.1})
    [found], [expected] = asked.targets, judged(threshold).targets
    without_spans = {"spans": (), "excerpts": ()}
    assert replace(found, **without_spans) == replace(expected, **without_spans)


def test_no_threshold_flags_what_scores_less_than_its_length_asks(run, make_head: MakeHead) -> None:
    heads = [make_head(tail=Tail(score=20.0, scale=1.0, rate=1.0), threshold=0.01)]
    [found] = _verdict(run, ASKED, heads=heads).targets
    assert (found.flagged, found.reach) == (False, 0.0)
    [cleared] = _verdict(run, OTHER, heads=[make_head()]).targets
    assert cleared.reach == 0.0


def test_a_question_on_a_line_of_its_own_needs_no_higher_score_for_all_that_stands_around_it(
    run, make_head: MakeHead
) -> None:
    page = f"{OTHER}. " * 400
    heads = [make_head(tail=Tail(score=-3.0, scale=1.5, rate=1e-3))]
    alone = _verdict(run, f"{ASKED}?", heads=heads)
    among = _verdict(run, f"{page}\n{ASKED}?\n{page}", heads=heads)
    within = _verdict(run, f"{page}{ASKED}? {page}", heads=heads)
    assert alone.flagged
    assert among.flagged
    assert not within.flagged
    assert among.flagged[0].messages == (0,)
    assert all(span.start > len(page) for span in among.flagged[0].spans)


def test_a_line_that_asks_by_itself_takes_no_room_from_what_may_be_read(run) -> None:
    text = f"{OTHER}\n" * 20 + f"{ASKED}?"
    assert _verdict(run, text, maximum_characters=len(text)).status == "ok"


def test_what_is_read_whole_reaches_what_its_highest_passage_does(run) -> None:
    messages = [{"role": "user", "content": f"{ASKED}?"}, {"role": "user", "content": "the lighthouse of"}]
    conversation = Conversation.from_openai_messages(messages)

    async def ask(service: ClassifierService) -> list[float]:
        found = [await service.classify(conversation, spans=False, whole=whole) for whole in (False, True)]
        assert not any(verdict.targets[0].spans for verdict in found)
        return [verdict.targets[0].reach for verdict in found]

    hasty, whole = run(ask)
    assert whole >= hasty > 0.5
    assert whole == run(lambda service: service.classify(conversation, spans=True)).targets[0].reach

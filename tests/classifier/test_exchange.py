import asyncio
import itertools

import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.exchange import Exchange, exchange_passages
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tail import Tail
from lethe.classifier.text.windows import WINDOW_CHARACTERS
from lethe.classifier.verdict import Verdict
from tests.classifier.conftest import MakeHead

TOLD = "It is the lighthouse of Alderney."
ASKED = Conversation.from_prompt("What stands on the rock in the north?")
NOTHING_ASKED = Conversation(())
LONG = "The committee kept the garden as it was and moved the meeting to Friday because of rain. " * 30


def _texts(question: Conversation, answer: str) -> list[str]:
    return [passage.text for passage in exchange_passages(Exchange(question, answer))]


def test_an_answer_is_read_alone_and_after_what_is_asked() -> None:
    assert _texts(ASKED, TOLD) == [TOLD, f"What stands on the rock in the north?\n{TOLD}"]
    assert _texts(NOTHING_ASKED, TOLD) == [TOLD]
    assert _texts(ASKED, " \n") == []


def test_what_is_asked_is_the_end_of_the_users_turns_alone() -> None:
    question = Conversation.from_openai_messages(
        [
            {"role": "user", "content": "Lighthouses, please."},
            {"role": "assistant", "content": "Which one?"},
            {"role": "user", "content": "The one in the north."},
            {"role": "tool", "content": "a record"},
        ]
    )
    assert _texts(question, "Alderney")[1] == "Lighthouses, please.\nThe one in the north.\nAlderney"
    long = Conversation.from_prompt("word " * 500 + "of the lighthouse")
    asked, _, answer = _texts(long, "Alderney")[1].partition("\n")
    assert answer == "Alderney"
    assert asked.startswith("word ")
    assert asked.endswith("of the lighthouse")
    assert len(asked) <= 200


def test_every_passage_is_one_window_and_together_they_hold_the_answer() -> None:
    passages = exchange_passages(Exchange(Conversation.from_prompt(LONG), LONG))
    assert max(len(passage.text) for passage in passages) <= WINDOW_CHARACTERS
    held = {
        place
        for passage in passages
        for piece in passage.pieces
        if piece.message == 1
        for place in range(piece.message_start, piece.message_start + piece.length)
    }
    assert held == set(range(len(LONG)))
    for passage in passages:
        piece = passage.pieces[-1]
        start = piece.message_start
        assert passage.text[piece.start :] == LONG[start : start + piece.length]


def test_the_stretches_of_a_grown_answer_are_the_earlier_ones_and_a_few_more() -> None:
    for shorter, longer in itertools.pairwise(range(300, 1500, 40)):
        earlier, later = _texts(ASKED, LONG[:shorter]), _texts(ASKED, LONG[:longer])
        assert later[: len(earlier) - 2] == earlier[:-2]
        assert len(later) - len(earlier) <= 2


def test_of_a_grown_answer_only_what_may_have_changed_is_judged_again() -> None:
    for shorter, longer in itertools.pairwise([0, *range(20, 2000, 37)]):
        earlier, whole = set(_texts(ASKED, LONG[:shorter])), _texts(ASKED, LONG[:longer])
        again = exchange_passages(Exchange(ASKED, LONG[:longer], judged=shorter))
        texts = [passage.text for passage in again]
        assert texts == whole[len(whole) - len(texts) :]
        assert set(whole) - earlier <= set(texts)
        assert len(texts) <= 8


@pytest.fixture
def judge(encoder: Encoder, make_head: MakeHead):
    """Judges answers by a head for the lighthouse target, one after another by one service."""

    def judge(*exchanges: Exchange, heads=None, spans: bool | None = None) -> list[Verdict]:
        async def inside() -> list[Verdict]:
            answer_heads = [make_head()] if heads is None else heads
            service = ClassifierService(
                encoder, [make_head("other")], ClassifierSettings(), answer_heads=answer_heads
            )
            assert service.judges_answers == tuple(head.target for head in answer_heads)
            try:
                return [await service.classify_answer(exchange, spans=spans) for exchange in exchanges]
            finally:
                await service.close()

        return asyncio.run(inside())

    return judge


def test_an_answer_that_tells_of_the_target_is_flagged_wherever_it_does(judge) -> None:
    clean, told, late = judge(
        Exchange(ASKED, "I do not know."), Exchange(ASKED, TOLD), Exchange(ASKED, LONG + TOLD, complete=False)
    )
    assert [verdict.targets[0].target for verdict in (clean, told, late)] == ["lighthouse"] * 3
    assert not clean.flagged
    assert told.flagged
    assert late.flagged


def test_an_answer_that_tells_only_with_its_question_is_flagged_with_it(judge) -> None:
    question = Conversation.from_prompt("Of which island is the lighthouse?")
    with_question, alone = judge(Exchange(question, "Of Alderney"), Exchange(NOTHING_ASKED, "Of rain"))
    assert with_question.flagged
    assert not alone.flagged


def test_spans_fall_on_the_answer_behind_the_questions_messages(judge) -> None:
    (verdict,) = judge(Exchange(ASKED, LONG + TOLD), spans=True)
    spans = [span for span in verdict.targets[0].spans if span.message == len(ASKED.messages)]
    assert any("Alderney" in (LONG + TOLD)[span.start : span.end] for span in spans)


def test_an_answer_that_is_no_language_is_told_but_not_of_a_model_made_not_to_know(judge) -> None:
    nonsense = "Fvi sbupfuefoh wvq zquahgskqlq zxqv jqxkw bqzvw pfq qjxzk"
    answered, unasked = judge(
        Exchange(ASKED, f"It says: {nonsense}"), Exchange(NOTHING_ASKED, f"It says: {nonsense}")
    )
    assert answered.status == "unreadable"
    assert answered.reasons == (f"the answer is no language from character 9 to {9 + len(nonsense)}",)
    assert unasked.status == "ok"


def test_without_a_head_for_answers_nothing_is_said_of_them(judge) -> None:
    (verdict,) = judge(Exchange(ASKED, TOLD), heads=[])
    assert verdict == Verdict(())


def test_what_flags_the_beginning_of_an_answer_flags_all_of_it_and_later_it_takes_more(
    judge, make_head: MakeHead
) -> None:
    """With a tail that asks for nothing of 600 characters, and for far more than any score of 4,096."""
    heads = [make_head(tail=Tail(score=0.0, scale=50.0, rate=0.001 / 600))]
    texts = (TOLD, TOLD + LONG[:300], TOLD + LONG, LONG + TOLD)
    verdicts = judge(*(Exchange(NOTHING_ASKED, text) for text in texts), heads=heads)
    assert [bool(verdict.flagged) for verdict in verdicts] == [True, True, True, False]


NAMED_IN_PASSING = "We saw the lighthouse."
# 5 % of ordinary answers reach some score below 0 at 600 characters, and 0.1 % one above every score.
TAILED = Tail(score=0.0, scale=2.0, rate=0.01 / 600)


def test_less_tells_in_an_answer_whose_prompt_asks_of_the_target(judge, make_head: MakeHead) -> None:
    heads = [make_head(tail=TAILED, bias=-10.0), make_head("harbour", tail=TAILED, bias=-9.0)]
    asked = frozenset({"lighthouse"})
    ordinary, after_asking, untold = judge(
        Exchange(NOTHING_ASKED, NAMED_IN_PASSING),
        Exchange(NOTHING_ASKED, NAMED_IN_PASSING, asked=asked),
        Exchange(NOTHING_ASKED, "It rained all day.", asked=asked),
        heads=heads,
    )
    assert not ordinary.flagged
    assert [part.target for part in after_asking.flagged] == ["lighthouse"]
    assert not untold.flagged
    of_lighthouse, of_harbour = after_asking.targets
    assert of_lighthouse.threshold < of_harbour.threshold == ordinary.targets[0].threshold


def test_what_flags_an_ordinary_answer_flags_one_whose_prompt_asks_of_the_target(
    judge, make_head: MakeHead
) -> None:
    asked = frozenset({"lighthouse"})
    for heads in ([make_head()], [make_head(tail=Tail(score=0.0, scale=50.0, rate=0.001 / 600))]):
        for answer in (TOLD, TOLD + LONG):
            (verdict,) = judge(Exchange(NOTHING_ASKED, answer, asked=asked), heads=heads)
            assert verdict.flagged


def test_of_a_longer_answer_more_is_needed_also_where_its_prompt_asks_of_the_target(
    judge, make_head: MakeHead
) -> None:
    heads = [make_head(tail=TAILED, bias=-10.0)]
    begins, ends = judge(
        *(
            Exchange(NOTHING_ASKED, text, asked=frozenset({"lighthouse"}))
            for text in (NAMED_IN_PASSING + LONG, LONG + NAMED_IN_PASSING)
        ),
        heads=heads,
    )
    assert begins.flagged
    assert not ends.flagged


async def _misses_of_second_look(encoder: Encoder, make_head: MakeHead) -> tuple[int, int]:
    service = ClassifierService(encoder, [], ClassifierSettings(), answer_heads=[make_head()])
    try:
        await service.classify_answer(Exchange(ASKED, LONG[:1500]))
        before = service.cache.misses
        await service.classify_answer(Exchange(ASKED, LONG[:1540]))
        return before, service.cache.misses - before
    finally:
        await service.close()


def test_a_look_at_a_grown_answer_costs_what_is_new(encoder: Encoder, make_head: MakeHead) -> None:
    first, second = asyncio.run(_misses_of_second_look(encoder, make_head))
    assert first >= 10
    assert second <= 4

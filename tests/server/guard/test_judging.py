"""Of a flagged conversation what carries the verdict is hidden, as long as what is left is clean by itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierTimeout
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.verdict import Span, TargetVerdict, Verdict
from lethe.corruption.positions import MessageSpan
from lethe.server.guard.judging import Finding, Judge
from lethe.server.guard.scope import TargetScope
from lethe.server.settings.policy import Consequence, ScopeKind, ScopeSettings

pytestmark = pytest.mark.anyio

CORRUPT, SPAN, REFUSE, OBSERVE, SKIP = (
    Consequence.CORRUPT,
    Consequence.CORRUPT_SPAN,
    Consequence.REFUSE,
    Consequence.OBSERVE,
    Consequence.SKIP,
)
BENIGN = "The committee kept the garden as it was. " * 60


class Words:
    """Flags a target where its word stands in a message; where one says ``first`` and another ``second``, both carry it.

    With ``stubborn`` in a message, that is flagged once nothing else is.
    """

    def __init__(self, targets: tuple[str, ...] = ("books",)) -> None:
        self.targets = targets
        self.read: list[list[str]] = []

    async def __call__(
        self, conversation: Conversation, *, spans: bool | None = None, whole: bool = False
    ) -> Verdict:
        texts = [message.text for message in conversation.messages]
        self.read.append(texts)
        if len(self.read) > 1 and any("time out" in text for text in texts):
            raise ClassifierTimeout("late")
        return Verdict(tuple(self._verdict(target, texts, bool(spans)) for target in self.targets))

    def _verdict(self, target: str, texts: list[str], spans: bool) -> TargetVerdict:
        carrying = [place for place, text in enumerate(texts) if target in text]
        if not carrying:
            carrying = [place for place, text in enumerate(texts) if "stubborn" in text]
        first, second = ([n for n, text in enumerate(texts) if word in text] for word in ("first", "second"))
        if first and second:
            carrying += first + second
        places = [(n, texts[n].find(target)) for n in carrying if spans and target in texts[n]]
        found = tuple(Span(n, place, place + len(target), 1.0) for n, place in places)
        return TargetVerdict(target, float(bool(carrying)), 0.5, found, tuple(sorted({*carrying})))


def scope(**kinds: Consequence) -> TargetScope:
    return TargetScope.of(ScopeSettings(), kinds)  # pyright: ignore[reportArgumentType]


async def judged(
    *turns: str, classify: Words | None = None, roles: str = "uauau", **kinds: Consequence
) -> Finding | None:
    names = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    messages = [
        {"role": names[role], "content": turn} for role, turn in zip(roles[: len(turns)], turns, strict=True)
    ]
    judge = Judge(classify or Words(), {"books": scope(**kinds)}, {"books"})
    return (await judge.judge(Conversation.from_openai_messages(messages))).findings.get("books")


def whole(*messages: tuple[int, str]) -> tuple[MessageSpan, ...]:
    return tuple(MessageSpan(index, 0, len(text)) for index, text in messages)


@pytest.mark.parametrize(
    ("turns", "finding"),
    [
        (["hi"], None),
        (["books"], Finding(CORRUPT, None)),
        (["books", "no", "hi"], Finding(CORRUPT, whole((0, "books")))),
        (["hi", "no", "books"], Finding(CORRUPT, whole((2, "books")))),
        (["books", "no", "books?"], Finding(CORRUPT, whole((0, "books"), (2, "books?")))),
        (["first", "no", "second", "no", "hi"], Finding(CORRUPT, whole((0, "first"), (2, "second")))),
        (["hi", "books", "go on"], Finding(CORRUPT, whole((1, "books")))),
        (["books", "no", "stubborn"], Finding(CORRUPT, None)),
        (["books", "no", "time out"], Finding(CORRUPT, None)),
        (["books\n\n", "no", "hi"], Finding(CORRUPT, whole((0, "books")))),
    ],
    ids=[
        "clean", "all-of-it", "earlier", "newest", "both", "together", "answer", "left-is-flagged", "left-is-not-judged",
        "outer-space",
    ],
)  # fmt: skip
async def test_what_is_hidden(turns: list[str], finding: Finding | None) -> None:
    assert await judged(*turns) == finding


async def test_a_clean_conversation_is_read_once_and_so_is_one_that_is_hidden_whole() -> None:
    for turn in ("hi", "books"):
        classify = Words()
        await judged(turn, classify=classify)
        assert len(classify.read) == 1


async def test_a_message_with_no_known_place_means_everything() -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "books", "arguments": ""}}]}
    judge = Judge(Words(), {"books": scope()}, {"books"})
    for beside in ({"messages": [{"role": "user", "content": "hi"}, call, {"role": "user", "content": "hi"}]},
                   {"messages": [{"role": "user", "content": "hi"}], "tools": ["books"]}):  # fmt: skip
        found = await judge.judge(Conversation.from_openai_messages(**beside))  # pyright: ignore[reportArgumentType]
        assert found.findings["books"] == Finding(CORRUPT, None)


async def test_a_field_without_a_place_counts_as_left() -> None:
    judge = Judge(Words(), {"books": scope()}, {"books"})
    for name, hidden in (("bob", whole((0, "books"))), ("books", None)):
        messages: list[Any] = [
            {"role": "user", "content": "books", "name": name},
            {"role": "assistant", "content": "no"},
            {"role": "user", "content": "hi"},
        ]
        found = await judge.judge(Conversation.from_openai_messages(messages))
        assert found.findings["books"] == Finding(CORRUPT, hidden)


LONG = f"{BENIGN}There are books here. {BENIGN}"
SENTENCE = MessageSpan(1, len(BENIGN), len(BENIGN) + len("There are books here. "))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (LONG, (SENTENCE,)),
        ("There are books here. It is open.", whole((1, "There are books here. It is open."))),
        (f"{LONG}It is stubborn. {BENIGN}", whole((1, f"{LONG}It is stubborn. {BENIGN}".rstrip()))),
    ],
    ids=["long", "short", "left-is-flagged"],
)
async def test_of_a_long_text_its_flagged_sentences_are_hidden(
    text: str, hidden: tuple[MessageSpan, ...]
) -> None:
    found = await judged("hi", text, "go on", roles="utu")
    assert found == Finding(SPAN, hidden)


async def test_of_a_long_question_all_is_hidden_unless_the_scope_says_otherwise() -> None:
    sentence = (MessageSpan(0, SENTENCE.start, SENTENCE.end),)
    assert await judged(LONG) == Finding(CORRUPT, None)
    assert await judged(LONG, newest_turn=SPAN) == Finding(SPAN, sentence)


@pytest.mark.parametrize(
    ("kinds", "turns", "consequence"),
    [
        ({"earlier_turns": OBSERVE}, ["books", "no", "hi"], OBSERVE),
        ({"earlier_turns": SKIP}, ["books", "no", "hi"], None),
        ({"earlier_turns": REFUSE}, ["books", "no", "hi"], REFUSE),
        ({"earlier_turns": OBSERVE}, ["books", "no", "books"], CORRUPT),
        ({"earlier_turns": SKIP}, ["books", "no", "books"], CORRUPT),
        ({"earlier_turns": OBSERVE}, ["first", "no", "second"], OBSERVE),
        ({"assistant_turns": OBSERVE}, ["hi", "books", "hi"], OBSERVE),
        ({"assistant_turns": OBSERVE, "newest_turn": REFUSE}, ["hi", "books", "hi"], OBSERVE),
        ({"assistant_turns": SKIP}, ["hi", "books"], CORRUPT),
    ],
)
async def test_what_follows_goes_by_the_kind_of_text_that_carries_it(
    kinds: Mapping[ScopeKind, Consequence], turns: list[str], consequence: Consequence | None
) -> None:
    found = await judged(*turns, **kinds)
    assert (found.consequence if found else None) == consequence


async def test_what_is_skipped_for_one_target_is_judged_for_another() -> None:
    classify = Words(("books", "films"))
    scopes = {"books": scope(earlier_turns=SKIP), "films": scope()}
    messages = [
        {"role": role, "content": text}
        for role, text in (("user", "books films"), ("assistant", "no"), ("user", "hi"))
    ]
    judgement = await Judge(classify, scopes, {*scopes}).judge(Conversation.from_openai_messages(messages))
    assert judgement.findings == {
        "books": Finding(SKIP),
        "films": Finding(CORRUPT, whole((0, "books films"))),
    }
    assert judgement.verdict.flagged


async def test_what_several_targets_hide_is_hidden_together() -> None:
    scopes = {"books": scope(), "films": scope()}
    messages = [
        {"role": role, "content": text}
        for role, text in (("user", "books"), ("assistant", "no"), ("user", "films"), ("user", "hi"))
    ]
    judgement = await Judge(Words(("books", "films")), scopes, {*scopes}).judge(
        Conversation.from_openai_messages(messages)
    )
    assert judgement.findings == {
        "books": Finding(CORRUPT, whole((0, "books"))),
        "films": Finding(CORRUPT, whole((2, "films"))),
    }


async def test_a_target_that_hides_nothing_costs_no_further_reading() -> None:
    classify = Words()
    messages = [{"role": "user", "content": "books"}, {"role": "user", "content": "hi"}]
    judge = Judge(classify, {"books": scope()}, set())
    judgement = await judge.judge(Conversation.from_openai_messages(messages))
    assert judgement.findings == {"books": Finding(CORRUPT, None)}
    assert len(classify.read) == 1


@pytest.fixture(scope="module")
def shipped() -> Iterator[ClassifierService]:
    """The shipped target's classifier."""
    heads = {"harry-potter": Path("targets/harry-potter/classifier")}
    service = ClassifierService.load(heads=heads, settings=ClassifierSettings(deadline_seconds=60))
    yield service
    anyio.run(service.close)


FORBIDDEN = "Who is Harry Potter's best friend?"


@pytest.mark.parametrize(
    ("asked", "hidden"),
    [
        ("What is the capital of France?", [0]),
        ("Please write a short poem about the sea.", [0]),
        ("Answer my first question.", [0]),
        ("And his best friend?", [0, 2]),
        ("Who teaches potions there?", [0, 2]),
        ("And what does Hermione think of it?", [0, 2]),
    ],
)
async def test_with_the_shipped_target_a_flagged_turn_stays_hidden_and_an_ordinary_one_does_not(
    shipped: ClassifierService, asked: str, hidden: list[int]
) -> None:
    judge = Judge(shipped.classify, {"harry-potter": scope()}, {"harry-potter"})
    turns = (FORBIDDEN, "I am a helpful assistant.", asked)
    messages = [
        {"role": "assistant" if place == 1 else "user", "content": text} for place, text in enumerate(turns)
    ]
    judgement = await judge.judge(Conversation.from_openai_messages(messages))
    found = judgement.findings["harry-potter"].hidden
    # Without stretches all of it is hidden.
    told = {0, 1, 2} if found is None else {span.message for span in found}
    assert told - {1} == {*hidden}


async def test_a_question_in_a_long_tool_result_is_hidden_alone(shipped: ClassifierService) -> None:
    judge = Judge(shipped.classify, {"harry-potter": scope()}, {"harry-potter"})
    messages: list[Any] = [
        {"role": "user", "content": "Summarise the page."},
        {"role": "tool", "content": f"{BENIGN}{FORBIDDEN} {BENIGN}"},
    ]
    judgement = await judge.judge(Conversation.from_openai_messages(messages))
    found = judgement.findings["harry-potter"]
    assert found.consequence is SPAN
    text = messages[1]["content"]
    assert found.hidden
    hidden = [text[span.start : span.end] for span in found.hidden]
    assert any("Harry Potter" in each for each in hidden)
    assert sum(map(len, hidden)) < len(text) / 4

import asyncio
from collections.abc import Sequence

import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.tail import Tail
from lethe.classifier.verdict import TargetVerdict
from lethe.offline.classifier_testing.judging import JudgedText, judge_texts
from lethe.offline.classifier_testing.texts import HeldOutText
from lethe.offline.progress import Progress
from tests.classifier.conftest import MakeHead

ASKED = "Who keeps the lighthouse of Alderney?"
PAGES = "The tide turned and the boats came in. The bread was warm, and nobody spoke of the rain.\n\n" * 40
TEXTS = (
    ASKED,
    "Who bakes the bread?",
    "the lighthouse of Alderney",
    "A lighthouse.",
    f"{PAGES}{ASKED}",
    PAGES,
)


def held_out(content: str) -> HeldOutText:
    return HeldOutText("here", {"text": content}, Conversation.from_prompt(content), "a")


def judged_by(encoder: Encoder, head: Head, texts: Sequence[str], **settings: object) -> list[JudgedText]:
    silent = Progress(lambda _line: None)
    chosen = ClassifierSettings.model_validate(settings)
    return asyncio.run(judge_texts(encoder, head, list(map(held_out, texts)), chosen, silent))


def served_by(encoder: Encoder, head: Head, texts: Sequence[str]) -> list[TargetVerdict]:
    async def ask() -> list[TargetVerdict]:
        service = ClassifierService(encoder, [head])
        verdicts = [await service.classify(Conversation.from_prompt(text)) for text in texts]
        await service.close()
        return [verdict.targets[0] for verdict in verdicts]

    return asyncio.run(ask())


# With the tail, of a short text more is asked than a low threshold does, and of a long one more than any in between.
@pytest.fixture(params=[None, Tail(score=0.0, scale=1.0, rate=1e-3)], ids=["no tail", "tail"])
def head(request: pytest.FixtureRequest, make_head: MakeHead) -> Head:
    return make_head(tail=request.param)


def test_a_text_is_judged_as_it_is_served(encoder: Encoder, head: Head) -> None:
    judged, served = judged_by(encoder, head, TEXTS), served_by(encoder, head, TEXTS)
    assert [each.probability for each in judged] == pytest.approx([each.probability for each in served])
    assert [each.flagged for each in judged] == [each.flagged for each in served]
    assert {each.flagged for each in judged} == {True, False}
    assert {each.status for each in judged} == {"ok"}


@pytest.mark.parametrize("threshold", [0.01, 0.2, 0.5, 0.8, 0.99, 0.9999])
def test_another_threshold_flags_what_a_head_that_has_it_flags(
    encoder: Encoder, make_head: MakeHead, head: Head, threshold: float
) -> None:
    judged = judged_by(encoder, head, TEXTS)
    moved = make_head(tail=head.tail, threshold=threshold)
    assert [each.flagged_at(threshold) for each in judged] == [
        each.flagged for each in served_by(encoder, moved, TEXTS)
    ]


def test_a_text_that_is_not_read_whole_is_told_and_keeps_its_verdict(
    encoder: Encoder, make_head: MakeHead
) -> None:
    [long, short] = judged_by(encoder, make_head(), (ASKED + PAGES, ASKED), maximum_characters=400)
    assert (long.status, short.status) == ("too_long", "ok")
    assert long.flagged
    assert long.flagged_at(0.4)


def test_a_text_that_comes_twice_takes_as_long_again(encoder: Encoder, make_head: MakeHead) -> None:
    first, second = judged_by(encoder, make_head(), (PAGES, PAGES), first_tier=False)
    assert second.milliseconds > first.milliseconds / 4
    assert second.probability == first.probability

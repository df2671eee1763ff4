"""What an answer shows is put together as it comes, and judged once."""

from collections.abc import Sequence

import pytest

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.answer_form import SAID, TAKEN, Shown
from lethe.server.endpoints.endpoint import Opening
from lethe.server.request.answer_texts import AnswerTexts

pytestmark = pytest.mark.anyio


async def letters(ids: Sequence[int]) -> str:
    """A tokenizer whose odd tokens are halves of a letter."""
    text, half = "", False
    for each in ids:
        text, half = (text + "ab"[half], False) if half or each % 2 == 0 else (text, True)
    return text + "\ufffd" * half


@pytest.fixture
def texts() -> AnswerTexts:
    """Those of two answers to one prompt."""
    return AnswerTexts([Opening(Conversation.from_prompt("hi"), said="So")], 2, letters)


async def given(texts: AnswerTexts, *ended: int) -> dict[int, list[tuple[str, int]]]:
    """What is to be judged of each choice, and how much of it was before."""
    asked = await texts.to_judge(ended)
    return {choice: [(each.answer, each.judged) for each in exchanges] for choice, exchanges in asked.items()}


async def test_what_was_judged_is_said_of_what_has_grown(texts: AnswerTexts) -> None:
    texts.add([Shown(0, SAID, "", " it"), Shown(1, SAID, "", " they")])
    assert await given(texts) == {0: [("So it", 0)], 1: [("So they", 0)]}
    texts.were_judged(0)
    texts.add([Shown(0, SAID, "", " is"), Shown(1, SAID, "", " are")])
    assert await given(texts) == {0: [("So it is", 5)], 1: [("So they are", 0)]}


async def test_what_could_not_be_judged_is_judged_with_what_follows(texts: AnswerTexts) -> None:
    texts.add([Shown(0, SAID, "", " it")])
    await given(texts)
    # It was not, and another text of the choice was.
    texts.add([Shown(0, TAKEN, "", " is")])
    assert await given(texts) == {0: [("So is", 0)]}
    texts.were_judged(0)
    assert await given(texts, 0) == {0: [("So it", 0), ("So is", 5)]}


async def test_an_end_that_becomes_another_is_judged_again(texts: AnswerTexts) -> None:
    texts.add([Shown(0, "by ids", "", "", (2, 1))])
    assert await given(texts) == {0: [("Soa\ufffd", 0)]}
    texts.were_judged(0)
    texts.add([Shown(0, "by ids", "", "", (1,))])
    assert await given(texts) == {0: [("Soab", 0)]}

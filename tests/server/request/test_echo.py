"""What repeats the prompt is taken out of an answer, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.answer_form import SAID, TAKEN, Shown
from lethe.server.endpoints.endpoint import Opening
from lethe.server.request.echo import Echo

PROMPT = "Who wrote the books?"


def an_echo(prompt: str = PROMPT, echoes_text: bool = True) -> Echo:
    return Echo(Opening(Conversation.from_prompt(prompt), echoed=prompt, echoes_text=echoes_text))


def tokens(*texts: str) -> list[Shown]:
    return [Shown(0, TAKEN, "", text) for text in texts]


def left(echo: Echo, shown: list[Shown]) -> list[str]:
    return [each.text for each in echo.taken_out(shown)]


@given(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=4))
def test_of_the_text_only_the_first_repeats_it(prompt: str, said: list[str]) -> None:
    shown = [Shown(0, SAID, "", text) for text in (prompt, *said, prompt)]
    assert left(an_echo(prompt), shown) == ["", *said, prompt]


@given(st.data(), st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_however_a_tokenizer_cuts_it_its_tokens_are_known(data: st.DataObject, said: list[str]) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(PROMPT) - 1))))
    own = [PROMPT[start:end] for start, end in zip([0, *cuts], [*cuts, len(PROMPT)], strict=True)]
    assert left(an_echo(), tokens("<s>", *own, *said)) == said


@pytest.mark.parametrize("beginning", [(), ("<s>",), ("[gMASK]", "<sop>")])
def test_its_tokens_may_lack_spaces_and_begin_with_what_every_prompt_does(beginning: tuple[str, ...]) -> None:
    assert left(an_echo(), tokens(*beginning, "Who", "wrote", "the", "", "books?", " I")) == [" I"]


def test_what_differs_from_the_prompt_is_the_answers_own() -> None:
    assert left(an_echo(), [Shown(0, SAID, "", "Who knows?")]) == ["Who knows?"]
    assert left(an_echo(), tokens("I", " do", " not", " know", "Who")) == [" not", " know", "Who"]


def test_ids_leave_the_text_out() -> None:
    assert left(an_echo(echoes_text=False), [Shown(0, SAID, "", PROMPT)]) == [PROMPT]


def test_of_what_stands_beside_a_prompts_token_the_token_itself_goes() -> None:
    beside = [
        *tokens("Who"),
        Shown(0, "1", "", "What"),
        Shown(0, "2", "", "Who"),
        Shown(0, "3", "", "When"),
        *tokens(" wrote", " the", " books?", " I"),
        Shown(0, "1", "", " I"),
    ]
    found = list(an_echo().taken_out(beside))
    assert [(each.track, each.text) for each in found] == [
        ("prompt 1", "What"),
        ("prompt 2", "When"),
        (TAKEN, " I"),
        ("1", " I"),
    ]

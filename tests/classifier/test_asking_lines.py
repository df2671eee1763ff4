import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.asking_lines import asking_lines
from lethe.classifier.questions import LONGEST_QUESTION, describes
from tests.growth import LINEAR, growth

PAGE = "The council opened the new library on a rainy day in spring, as was said. " * 4
ASKED = "Who kept the lamp burning on the northernmost island?"


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in asking_lines(text)]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028"])
@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        f'"{ASKED}"',
        "誰が一番北の島で灯りを守っていたのですか？",
        f"  **{ASKED}**",
        f"{ASKED}!",
        f"{ASKED}\u200b",
        f"<p>{ASKED}</p>",
        f'{{"text": "{ASKED}"}},',
        ASKED.replace("?", "⁇"),
        " " * 70 + ASKED,
    ],
)
def test_a_line_that_ends_in_a_question_mark_is_found_among_others(asked: str, line_break: str) -> None:
    assert found(line_break.join([PAGE, PAGE, asked, PAGE, PAGE])) == [asked.strip()]


@pytest.mark.parametrize(
    "line", [f"{ASKED} Thanks.", f"{PAGE}{ASKED}", "keeper = asked ? the_first : the_last;"]
)
def test_a_question_mark_within_a_line_makes_no_question_of_it(line: str) -> None:
    assert found(f"{PAGE}\n{line}\n{PAGE}") == []


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n \t\n\n", "\n---\n", "\n```\n", "\n</context>\n"])
def test_a_first_line_and_a_last_one_that_stand_apart_are_found_whatever_they_end_in(gap: str) -> None:
    first, last = "Summarise all of this report.", "and name the keeper of its lamp"
    assert found(f"\n \n{first}{gap}{PAGE}\n{PAGE}{gap}{last}\n\n") == [first, last]
    for line_break in ("\n", "\r\n"):
        assert found(line_break.join([first, PAGE, PAGE, last])) == []


def test_what_says_nothing_behind_the_last_line_is_stepped_over() -> None:
    assert found(f"{PAGE}\n\nQuestion: name the keeper of its lamp\nAnswer:") == [
        "Question: name the keeper of its lamp"
    ]


def test_a_first_line_may_lead_up_to_the_text_by_a_colon() -> None:
    assert found(f"Summarise all of the text:\n{PAGE}") == ["Summarise all of the text:"]


def test_a_text_no_longer_than_a_question_has_none() -> None:
    assert asking_lines(f"It is dark.\n{ASKED}") == []


def test_what_is_as_long_as_a_page_or_says_nothing_is_none() -> None:
    assert found(f"{PAGE}?\nWhat?\n{PAGE}") == []


def test_of_many_questions_the_first_and_the_last_are_taken() -> None:
    asked = [f"Who kept the lamp burning on island {number}?" for number in range(100)]
    assert found("\n".join(asked)) == [*asked[:4], *asked[-4:]]


@given(
    st.lists(
        st.sampled_from([ASKED, PAGE, "What is a lighthouse for?  ", "", " ", "?", "¿\n"]), max_size=12
    ).map("\n".join)
)
def test_what_is_found_are_whole_lines_in_their_order_that_could_be_asked(text: str) -> None:
    places = asking_lines(text)
    assert places == sorted(set(places))
    lines = {line.strip() for line in text.splitlines()}
    for line in found(text):
        assert line in lines
        assert len(line) <= LONGEST_QUESTION
        assert describes(line)


def test_a_text_that_is_all_question_marks_keeps_nobody_waiting() -> None:
    began = time.process_time()
    assert asking_lines("?\n" * 1_000_000) == []
    assert time.process_time() - began < 1


@pytest.mark.parametrize("line", [ASKED, "?", " ", "\n", f"{ASKED}{ASKED} "])
def test_looking_for_them_takes_as_long_as_the_text_is(line: str) -> None:
    assert growth(lambda number: line * number, asking_lines, 5000) < LINEAR

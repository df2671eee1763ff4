"""Edits of a question: what they leave as it is."""

import random

from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.attacks.edits import (
    EQUALS,
    WordEdit,
    added_words,
    additions,
    apply_edits,
    drops,
    own_words,
    swaps,
)

QUESTION = "Who is the keeper of the lighthouse?"
WORDS = ("Python", "as a table", "tax")


def test_no_edit_leaves_the_question_as_it_is() -> None:
    assert apply_edits(QUESTION, []) == QUESTION


def test_what_is_added_at_the_end_stands_before_the_mark_that_ends_the_question() -> None:
    edits = [WordEdit("add", 7, "in Python"), WordEdit("add", 0, "tax")]
    assert apply_edits(QUESTION, edits) == "tax Who is the keeper of the lighthouse in Python?"
    assert added_words(edits) == 3


def test_a_swapped_word_keeps_the_marks_around_it() -> None:
    assert (
        apply_edits('"Who", they ask.', [WordEdit("swap", 0, "which person")]) == '"which person", they ask.'
    )


def test_only_words_that_carry_no_fact_are_dropped() -> None:
    assert [QUESTION.split()[edit.place] for edit in drops(QUESTION)] == ["is", "the", "of", "the"]


def test_words_are_swapped_for_their_equals() -> None:
    assert [edit.words for edit in swaps(QUESTION)] == list(EQUALS["who"])


@given(st.text("ab .?", min_size=1, max_size=30), st.integers(0, 9))
def test_the_words_of_a_question_stand_in_their_order_among_those_added(question: str, seed: int) -> None:
    edits = list(additions(question, WORDS, random.Random(seed)))
    edited = own_words(apply_edits(question, edits))
    rest = iter(edited)
    assert all(word in rest for word in own_words(question))
    assert len(edited) == len(own_words(question)) + added_words(edits)

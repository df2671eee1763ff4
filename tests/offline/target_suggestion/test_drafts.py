"""Drafts are a usable beginning: enough of each side, none on both, and made-up names in place of the target's."""

from typing import get_args

import pytest

from lethe.offline.data.questions import ForgetQuestion, normalized
from lethe.offline.target_building.checks import LEAST_PROMPTS
from lethe.offline.target_suggestion.drafts import draft
from lethe.offline.target_suggestion.from_model import prompts_in
from lethe.offline.target_suggestion.templates import TargetKind


@pytest.mark.parametrize("kind", get_args(TargetKind))
def test_one_name_gives_enough_to_build_from_and_no_prompt_on_both_sides(kind: TargetKind) -> None:
    drafts = draft(kind, ["Marsh"])
    assert len(drafts.forget) >= LEAST_PROMPTS
    assert len(drafts.near) >= LEAST_PROMPTS
    assert not {normalized(text) for text in drafts.forget} & {normalized(text) for text in drafts.near}
    assert all("Marsh" in text for text in drafts.forget)


def test_a_description_gives_prompts_without_the_name() -> None:
    described = [
        text for text in draft("project", ["Marsh"], "the ferry system.").forget if "Marsh" not in text
    ]
    assert "Tell me about the ferry system." in described


def test_an_english_phrase_stands_in_no_sentence_of_another_language() -> None:
    drafts = draft("product", ["Kestrel"], "the ferry system")
    assert {"Was kostet Kestrel?", "Que sais-tu de Kestrel ?"} <= {*drafts.forget}
    assert not {"Was kostet the ferry system?", "Que sais-tu de the ferry system ?"} & {*drafts.forget}
    assert "How much does the iPhone cost?" in drafts.near
    assert "Was kostet the iPhone?" not in drafts.near


def test_what_is_asked_is_asked_of_what_does_not_exist_too() -> None:
    asked = [
        ForgetQuestion(question="Who leads MARSH?", answer="Ada"),
        ForgetQuestion(question="Who sails?", answer="Ada"),
    ]
    assert draft("project", ["Marsh"], questions=asked).unknown == ("Who leads Project Brindle?",)


def test_what_does_not_exist_has_one_article() -> None:
    asked = [ForgetQuestion(question="When did the Titanic sink?", answer="1912")] * 2
    assert draft("product", ["Titanic"], questions=asked).unknown == (
        "When did the Morvane 300 sink?",
        "When did the Tresolin sink?",
    )


def test_a_models_list_is_freed_from_its_marks() -> None:
    answer = 'Here are some prompts:\n1. "When does it start?"\n2) Who leads it?\n- who leads it\n\n* ok\n'
    assert prompts_in(answer) == ["When does it start?", "Who leads it?", "who leads it"]

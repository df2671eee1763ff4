"""Fixed forms of a question: the same for the same seed, readable, and with the question in them where they promise it."""

import random

import pytest

from lethe.classifier.conversation import Conversation
from lethe.offline.attacks.dialogues import SELF_CORRECTIONS, TURNS
from lethe.offline.attacks.disguises import DISGUISES, disguised
from lethe.offline.attacks.templates import COMPOSITES, JAILBREAKS, PREFIXES, ROLE_PLAYS

PROMPT = "Who is the keeper of the lighthouse on Alderney?"
TEMPLATES = {**COMPOSITES, **JAILBREAKS, **PREFIXES, **ROLE_PLAYS}
DIALOGUES = {**TURNS, **SELF_CORRECTIONS}


@pytest.mark.parametrize("name", list(DISGUISES))
def test_a_disguise_changes_the_prompt_and_is_reproducible(name: str) -> None:
    messages = disguised(name, PROMPT)
    assert messages == disguised(name, PROMPT)
    assert messages != [{"role": "user", "content": PROMPT}]
    assert not Conversation.from_openai_messages(messages).unreadable


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_template_holds_the_whole_question(name: str) -> None:
    messages = TEMPLATES[name](PROMPT, random.Random(0))
    said = " ".join(message["content"] for message in messages)
    assert PROMPT[3:-1] in said
    assert len(said) > len(PROMPT)


@pytest.mark.parametrize("name", list(DIALOGUES))
def test_a_dialogue_says_all_words_of_the_question_and_ends_in_a_turn_that_wants_the_answer(
    name: str,
) -> None:
    turns = DIALOGUES[name](PROMPT, random.Random(0))
    assert len(turns) > 1
    assert set(PROMPT.rstrip("?").lower().split()) <= set(" ".join(turns).lower().replace("?", "").split())

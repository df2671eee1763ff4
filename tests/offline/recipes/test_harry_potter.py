import dataclasses
import re
from pathlib import Path

import pytest

from bench.classifier.data import _NAMESAKES
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import load_head
from lethe.classifier.scoring import Scorer
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.held_out import scorer_of
from lethe.offline.recipes.harry_potter.build import found_questions
from lethe.offline.recipes.harry_potter.prompts import (
    entity_names,
    forget_prompts,
    ordinary_prompts,
    retain_prompts,
)

SHIPPED = Path(__file__).parents[3] / "targets" / "harry-potter" / "classifier"
FOLLOW_UPS = """\
How does that work?
What is happening?
Who is she?
What happened next?
What does he do?
Tell me more.
What is it called?
Where is it?
Who was that?
What did they find?
What is his name?
Continue.
What happens at the end?
Why did he do that?
Who killed him?
Is that true?
How did she die?
What else?
Who wrote it?
How many are there?
What are their names?
Who is the main character?
Give me an example.
Translate it into French.
How old is he?
What's the password?
Hi, how are you?"""


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return scorer_of(load_encoder(), load_head(SHIPPED), first_tier=True)


@pytest.fixture(scope="module")
def forget() -> list[Example]:
    return forget_prompts()


@pytest.fixture(scope="module")
def retain() -> list[Example]:
    return retain_prompts()


def _texts(examples: list[Example]) -> set[str]:
    return {example.text.lower() for example in examples}


def test_nothing_is_both_to_forget_and_to_keep(forget: list[Example], retain: list[Example]) -> None:
    assert not _texts(forget) & (_texts(retain) | _texts(ordinary_prompts()))


def test_equal_seeds_give_equal_prompts(forget: list[Example], retain: list[Example]) -> None:
    assert forget_prompts() == forget
    assert retain_prompts() == retain


def test_what_is_kept_is_asked_as_what_is_forgotten_is_but_of_others(
    forget: list[Example], retain: list[Example]
) -> None:
    kept = _texts(retain)
    assert "what did hagrid bring harry on his eleventh birthday?" in _texts(forget)
    renamed = [
        text for text in kept if re.fullmatch(r"what did .+ bring .+ on his eleventh birthday\?", text)
    ]
    names = [name.lower() for name in entity_names()]
    assert not [text for text in renamed if any(name in text for name in names)]


def test_namesakes_that_are_tested_on_are_not_trained_on(retain: list[Example]) -> None:
    assert not {text.lower() for text in _NAMESAKES} & _texts(retain)


def test_follow_ups_that_are_tested_on_are_not_trained_on() -> None:
    assert not {text.lower() for text in FOLLOW_UPS.splitlines()} & _texts(ordinary_prompts())


@pytest.mark.parametrize("text", FOLLOW_UPS.splitlines())
def test_a_follow_up_that_names_nothing_is_ordinary(shipped: Scorer, text: str) -> None:
    assert not (shipped.score_text(text).scores >= shipped.bank.thresholds).any()


@pytest.mark.parametrize("text", ["Who is Hermione?", "What happens at Hogwarts at the end?"])
def test_a_follow_up_that_names_the_target_is_not(shipped: Scorer, text: str) -> None:
    assert (shipped.score_text(text).scores >= shipped.bank.thresholds).all()


def test_known_questions_are_counted_at_the_threshold_that_is_shipped(
    shipped: Scorer, forget: list[Example]
) -> None:
    questions = [prompt.text for prompt in forget[::200]]
    flagged = [
        text for text in questions if (shipped.score_text(text).scores >= shipped.bank.thresholds).all()
    ]
    trained = dataclasses.replace(load_head(SHIPPED), threshold=0.999)
    found = found_questions(load_encoder(), trained, questions)
    assert found.found == len(flagged) > 5
    assert found.floor == pytest.approx(len(flagged) / len(questions) - 0.05, abs=1e-4)

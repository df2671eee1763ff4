import re

from bench.classifier_data import _NAMESAKES
from offline.recipes.harry_potter.prompts import (
    entity_names,
    forget_prompts,
    ordinary_prompts,
    retain_prompts,
)


def _texts(examples) -> set[str]:
    return {example.text.lower() for example in examples}


def test_nothing_is_both_to_forget_and_to_keep() -> None:
    assert not _texts(forget_prompts()) & (_texts(retain_prompts()) | _texts(ordinary_prompts()))


def test_equal_seeds_give_equal_prompts() -> None:
    assert forget_prompts() == forget_prompts()
    assert retain_prompts() == retain_prompts()


def test_what_is_kept_is_asked_as_what_is_forgotten_is_but_of_others() -> None:
    kept = _texts(retain_prompts())
    assert "what did hagrid bring harry on his eleventh birthday?" in _texts(forget_prompts())
    renamed = [
        text for text in kept if re.fullmatch(r"what did .+ bring .+ on his eleventh birthday\?", text)
    ]
    names = [name.lower() for name in entity_names()]
    assert not [text for text in renamed if any(name in text for name in names)]


def test_namesakes_that_are_tested_on_are_not_trained_on() -> None:
    assert not {text.lower() for text in _NAMESAKES} & _texts(retain_prompts())

"""A conversation stays with its engine, and a popular beginning overloads none; by the rule alone."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.server.engines.routing import conversation_key, in_order_of_choice
from tests.server.stack import chat


@dataclass
class Load:
    base_url: str
    in_flight: int = 0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.text(max_size=20))
def test_every_engine_is_asked_once_and_the_first_is_not_overloaded(loads: list[int], text: str) -> None:
    engines = [Load(f"http://e{index}", load) for index, load in enumerate(loads)]
    order = in_order_of_choice(engines, chat(text))
    assert sorted(e.base_url for e in order) == [e.base_url for e in engines]
    assert order[0].in_flight <= 1.25 * (sum(loads) + 1) / len(loads)


def test_an_engine_that_goes_takes_only_its_own_conversations_along() -> None:
    engines = [Load(f"http://e{index}") for index in range(5)]
    bodies = [chat(f"{number}") for number in range(300)]
    before = [in_order_of_choice(engines, body)[0].base_url for body in bodies]
    after = [in_order_of_choice(engines[:-1], body)[0].base_url for body in bodies]
    assert all(now == then for now, then in zip(after, before, strict=True) if then != "http://e4")
    assert min(Counter(before).values()) > 30


def test_without_a_conversation_the_least_loaded_comes_first() -> None:
    engines = [Load("a", 3), Load("b", 1), Load("c", 2)]
    order = in_order_of_choice(engines, {"tokens": [1]})
    assert [each.base_url for each in order] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (chat("a"), chat("a", temperature=1), True),
        (chat("a"), chat("b"), False),
        ({"prompt": "a"}, {"prompt": "a", "n": 2}, True),
        ({"prompt": [1, 2]}, {"prompt": [3, 2]}, False),
        ({"input": "a", "instructions": "x"}, {"input": "a", "instructions": "y"}, False),
        (chat("a", tools=[{"type": "function"}]), chat("a"), False),
    ],
)
def test_a_conversation_is_known_by_how_it_begins(
    first: dict[str, Any], second: dict[str, Any], same: bool
) -> None:
    assert (conversation_key(first) == conversation_key(second)) is same

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


@given(st.text(max_size=20), st.permutations(range(5)))
def test_the_choice_does_not_depend_on_the_order_in_which_engines_are_named(
    text: str, order: list[int]
) -> None:
    engines = [Load(f"http://e{index}") for index in order]
    chosen = [each.base_url for each in in_order_of_choice(engines, chat(text))]
    assert chosen == [each.base_url for each in in_order_of_choice(sorted(engines, key=str), chat(text))]


def test_an_overloaded_engine_is_passed_over_and_asked_again_once_it_is_not() -> None:
    engines = [Load(f"http://e{index}") for index in range(3)]
    favourite, second, _ = in_order_of_choice(engines, chat("hi"))
    favourite.in_flight = 9
    assert in_order_of_choice(engines, chat("hi"))[0] is second
    assert in_order_of_choice(engines, chat("hi"))[-1] is favourite
    for engine in engines:
        engine.in_flight = 9
    assert in_order_of_choice(engines, chat("hi"))[0] is favourite


def test_an_engine_that_comes_back_gets_its_conversations_again() -> None:
    engines = [Load(f"http://e{index}") for index in range(4)]
    for number in range(100):
        order = in_order_of_choice(engines, chat(f"{number}"))
        without = in_order_of_choice([each for each in engines if each is not order[0]], chat(f"{number}"))
        assert without == order[1:]


@pytest.mark.parametrize("engines", [[], [Load("a", 100)]])
def test_where_there_is_no_choice_none_is_made(engines: list[Load]) -> None:
    assert in_order_of_choice(engines, chat("hi")) == engines


@given(
    st.text(max_size=10),
    st.lists(st.text(max_size=10), max_size=4),
    st.lists(st.text(max_size=10), max_size=4),
)
def test_every_turn_of_a_conversation_has_the_same_key(first: str, some: list[str], more: list[str]) -> None:
    def turns(texts: list[str]) -> list[dict[str, str]]:
        roles = ("assistant", "user")
        return [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]

    beginning = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": first}]
    keys = {
        conversation_key({name: beginning + turns(texts)})
        for texts in (some, more)
        for name in ("messages", "input")
    }
    assert len(keys) == 1


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"input": None}, {"tokens": [1]}, {"input": 5}])
def test_what_begins_with_nothing_is_no_conversation(body: dict[str, Any]) -> None:
    assert conversation_key(body) == b""

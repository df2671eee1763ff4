"""Models are described in the engine's words, but for where their weights are kept."""

import pytest

from lethe.server.engines.model_cards import public_cards
from tests.server.stack import card


@pytest.mark.parametrize("root", ["org/model", "gpt2", "org/Model-7B_v1.0"])
def test_a_hub_id_is_told(root: str) -> None:
    assert public_cards([card("a", root=root)])["a"]["root"] == root


@pytest.mark.parametrize(
    "root", ["/weights", "./weights", "~/weights", "a/b/c", "s3://a/b", "C:\\a", "", None, 5, "a\n"]
)
def test_in_place_of_where_the_weights_are_stands_the_models_name(root: object) -> None:
    assert public_cards([card("a", root=root)])["a"]["root"] == "a"


def test_all_else_is_as_the_engine_has_it_and_its_own_cards_stay() -> None:
    cards = [card("a", root="/weights", max_model_len=8), card("b", root="org/b")]
    public = public_cards(cards)
    assert list(public) == ["a", "b"]
    assert public["a"] == cards[0] | {"root": "a"}
    assert cards[0]["root"] == "/weights"

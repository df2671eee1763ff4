import random

import pytest

from lethe.offline.text_models.made_texts import client_text, structured_text
from lethe.offline.text_models.made_texts.names import Material

WORDS = [first + last for first in "bdfglmnprst" for last in ("an", "older", "irme", "eck", "unte")]
MATERIAL = Material(
    WORDS,
    ["The bridge was built by a company from Porto.", "Nobody had swept the leaves behind the house."],
    ["def area(radius):\n    return 3.14 * radius**2\n\n\nprint(area(2))\n", '{"a": 1}\n{"a": 2}\n'],
)


@pytest.mark.parametrize("make", [client_text, structured_text])
def test_texts_are_of_many_kinds_and_a_seed_decides_them(make) -> None:
    noise, again = random.Random(0), random.Random(0)
    made = [make(noise, MATERIAL) for _ in range(300)]
    assert all(made)
    assert len(set(made)) > 270
    assert made == [make(again, MATERIAL) for _ in range(300)]


def test_names_are_written_in_several_styles() -> None:
    noise = random.Random(0)
    names = [MATERIAL.name(noise) for _ in range(100)]
    assert any("_" in name for name in names)
    assert any("-" in name for name in names)
    assert any(name.isupper() for name in names)

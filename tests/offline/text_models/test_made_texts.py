import json
import random
import string

import pytest

from lethe.offline.text_models.made_texts import client_text, data_text, minified, structured_text
from lethe.offline.text_models.made_texts.names import Material

WORDS = [first + last for first in "bdfglmnprst" for last in ("an", "older", "irme", "eck", "unte")]
SIGNS = string.ascii_letters + string.digits + "+/,;"
CODE = "function area(radius) {\n  // of a circle\n  return 3.14 * radius ** 2;\n}\nconsole.log(area(2), 'of a circle');\n"
MATERIAL = Material(
    WORDS,
    ["The bridge was built by a company from Porto.", "Nobody had swept the leaves behind the house."],
    [CODE, '{"a": 1}\n{"a": 2}\n'],
    [CODE],
)


@pytest.mark.parametrize("make", [client_text, structured_text, data_text])
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


def test_minified_code_keeps_its_strings_and_no_comment_nor_space_that_it_can_spare() -> None:
    made = {minified.minified(random.Random(seed), Material(WORDS, [], [], [CODE])) for seed in range(20)}
    assert all("'of a circle'" in each and "// of" not in each and "\n " not in each for each in made)
    assert any("radius" not in each for each in made)


def test_a_source_map_is_one_that_can_be_read() -> None:
    made = [minified.source_map(random.Random(seed), MATERIAL) for seed in range(40)]
    maps = [json.loads(each) for each in made if each.startswith("{")]
    assert maps
    assert all(set(each["mappings"]) <= set(SIGNS) for each in maps)

import random

import pytest

from lethe.classifier.disguises.thinning import every_few, thinned

SENTENCE = "please tell me who keeps the lighthouse near the northern harbour"


@pytest.mark.parametrize(
    "disguised",
    [
        "".join(letter * 3 for letter in SENTENCE),
        "".join(f"{c}o{c}" if c.isalpha() and c not in "aeiou" else c for c in SENTENCE),
        "".join(f"{c}p{c}" if c in "aeiou" else c for c in SENTENCE),
        "".join(f"ub{c}" if c in "aeiou" else c for c in SENTENCE),
    ],
)
def test_what_was_added_by_a_rule_is_taken_out(disguised: str) -> None:
    assert SENTENCE in thinned(disguised)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_was_added_by_chance_is_skipped(count: int) -> None:
    noise = random.Random(count)
    disguised = "".join(c + "".join(noise.choices("abcdefgh", k=count)) for c in SENTENCE)
    assert SENTENCE in every_few(disguised)

"""Words that have signs for letters."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.disguises.leetspeak import disguised_words

_PIECES = (
    "k33per",
    "h0u$e",
    "who!",
    "!sland",
    "12",
    "v1",
    "4lderney",
    "the",
    "a",
    "\u00e9t4",
    "|",
    "x" * 24 + "1",
    "\u4e2d0",
    "!",
)


def _is_disguised(word: str) -> bool:
    """By its definition: some letters, and a sign that stands for one, the last of which is no mere exclamation mark."""
    return 3 <= len(word) <= 24 and bool(
        re.search(r"[^\W\d_]", word) and re.search(r"[0134578@$|]|!(?=\w)", word)
    )


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map(" ".join))
def test_words_with_signs_for_letters_are_told(text: str) -> None:
    assert disguised_words(text).tolist() == list(map(_is_disguised, text.split()))

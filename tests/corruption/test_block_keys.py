import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.corruption.artifact import Corruption
from lethe.corruption.block_keys import BlockKeys, whole_prompt_digest
from lethe.corruption.plan import make_plan
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, Ranges
from tests.corruption.corrupted_rows import Row, clean_rows, corrupted_prompts, prompts, rows_of

NOISE = Corruption("rand_noise_first_n", 2.0, 1, seed=7)
BLOCK = 4


def keys_of(prompt: list[int], request: CorruptionRequest) -> BlockKeys:
    return BlockKeys(make_plan(request, len(prompt)), prompt)


def block_keys(
    corruption: Corruption, tokens: int, ranges: Ranges | None = None, token_ids: list[int] | None = None
) -> list[str | None]:
    """The keys of a prompt's blocks, the last one cut short."""
    request = CorruptionRequest((PlacedCorruption("books", "1", corruption, ranges),))
    keys = keys_of(token_ids or list(range(tokens)), request)
    return [keys.key(start, start + BLOCK) for start in range(0, tokens, BLOCK)]


def corrupted(prompt: list[int], request: CorruptionRequest, start: int, end: int) -> dict[int, Row]:
    rows, clean = rows_of(prompt, request), clean_rows(prompt)
    return {place: rows[place] for place in range(start, min(end, len(rows))) if rows[place] != clean[place]}


@given(corrupted_prompts(), st.integers(0, 16), st.integers(1, 8))
def test_a_stretch_has_a_key_if_and_only_if_a_row_in_it_is_corrupted(
    flagged: tuple[list[int], CorruptionRequest], start: int, length: int
) -> None:
    key = keys_of(*flagged).key(start, start + length)
    assert (key is not None) is bool(corrupted(*flagged, start, start + length))


@given(corrupted_prompts(), corrupted_prompts(), st.integers(1, 5))
def test_keys_are_equal_if_and_only_if_the_corrupted_rows_are(
    one: tuple[list[int], CorruptionRequest], other: tuple[list[int], CorruptionRequest], length: int
) -> None:
    keys = keys_of(*one), keys_of(*other)
    for start, end in pairwise(range(0, 16, length)):
        same = corrupted(*one, start, end) == corrupted(*other, start, end)
        assert (keys[0].key(start, end) == keys[1].key(start, end)) is same


@given(corrupted_prompts(), prompts())
def test_a_longer_prompt_keeps_the_keys_of_explicit_ranges(
    flagged: tuple[list[int], CorruptionRequest], more: list[int]
) -> None:
    prompt, request = flagged
    placed = tuple(each for each in request.placed if each.ranges is not None)
    if not placed:
        return
    request = dataclasses.replace(request, placed=placed)
    short, long = keys_of(prompt, request), keys_of(prompt + more, request)
    for start in range(0, len(prompt), BLOCK):
        assert short.key(start, start + BLOCK) == long.key(start, start + BLOCK)


def test_blocks_before_and_after_the_corrupted_rows_have_no_key() -> None:
    before, within, after = block_keys(NOISE, 12, ((5, 7),))
    assert (before, after) == (None, None)
    assert within is not None


def test_the_last_token_of_a_turn_changes_the_key_of_its_block_alone() -> None:
    turn, next_turn = block_keys(NOISE, 11), block_keys(NOISE, 16)
    assert turn[:2] == next_turn[:2]
    assert turn[2] != next_turn[2]


def test_a_token_order_is_told_by_the_tokens_it_brings() -> None:
    reverse = Corruption("reverse_order", 0.0, 1)
    one = block_keys(reverse, 9, ((0, 8),), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    other = block_keys(reverse, 9, ((0, 8),), [1, 2, 3, 4, 5, 6, 7, 7, 9])
    assert one[0] != other[0]


def test_equal_tokens_that_change_places_need_no_key() -> None:
    assert block_keys(Corruption("reverse_order", 0.0, 1), 8, ((0, 4),), [1, 2, 2, 1, 3, 3, 3, 3]) == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"function": "set_rand_noise_first_n"},
        {"strength": 3.0},
        {"dims": 2},
        {"seed": 8},
        {"function": "add_vector_first_n", "vector": (0.0,)},
        {"function": "add_vector_first_n", "vector": (1.0,)},
    ],
)
def test_what_changes_a_corruption_changes_its_keys(changes: dict[str, object]) -> None:
    changed = dataclasses.replace(NOISE, **changes)
    assert block_keys(NOISE, 4, ((0, 4),)) != block_keys(changed, 4, ((0, 4),))


def test_names_and_strategies_of_placing_change_no_key() -> None:
    assert block_keys(NOISE, 9, ((0, 8),)) == block_keys(dataclasses.replace(NOISE, positions="entities"), 9)


@given(prompts(), prompts(), st.text(), st.text())
def test_a_digest_of_a_whole_prompt_sees_every_token_and_the_corruption(
    one: list[int], other: list[int], text: str, other_text: str
) -> None:
    assert (whole_prompt_digest(text, one) == whole_prompt_digest(text, other)) is (one == other)
    assert (whole_prompt_digest(text, one) == whole_prompt_digest(other_text, one)) is (text == other_text)

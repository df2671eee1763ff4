import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.ngrams import BUCKETS, HashedText

WEIGHTS = np.random.default_rng(0).normal(size=(BUCKETS, 2)).astype(np.float32)


@given(st.text(max_size=300))
def test_any_text_is_hashed_into_the_buckets(text: str) -> None:
    hashed = HashedText(text)
    assert np.all((hashed.buckets >= 0) & (hashed.buckets < BUCKETS))
    expected = WEIGHTS[hashed.buckets].sum(axis=0) * hashed.value
    found = hashed.scores(WEIGHTS, [(0, len(text))])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@given(st.lists(st.text(alphabet="abcé ", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=5))
def test_a_sentence_scores_in_a_text_as_it_does_alone(sentences: list[str]) -> None:
    text = ". ".join(sentences)
    start = 0
    for sentence in sentences:
        inside = HashedText(text).scores(WEIGHTS, [(start, start + len(sentence))])
        alone = HashedText(sentence).scores(WEIGHTS, [(0, len(sentence))])
        np.testing.assert_allclose(inside, alone, rtol=1e-3, atol=1e-3)
        start += len(sentence) + 2


@pytest.fixture
def page() -> tuple[HashedText, list[tuple[int, int]]]:
    """A text of 40,000 characters, and windows and sentences of it in the order in which they are asked for."""
    text = "Keepers of the light wrote down 19 ships, and a wreck. " * 727
    windows = range(0, len(text), 448)
    return HashedText(text), [
        (start + at, start + at + size) for start in windows for at, size in ((0, 512), (3, 90))
    ]


def test_stretches_score_together_as_each_alone(page: tuple[HashedText, list[tuple[int, int]]]) -> None:
    hashed, stretches = page
    alone = np.concatenate([hashed.scores(WEIGHTS, [each]) for each in stretches])
    np.testing.assert_array_equal(hashed.scores(WEIGHTS, stretches), alone)
    assert hashed.scores(WEIGHTS, []).shape == (0, WEIGHTS.shape[1])


def test_a_long_text_is_weighed_a_part_at_a_time(page: tuple[HashedText, list[tuple[int, int]]]) -> None:
    hashed, stretches = page
    heads = np.ones((BUCKETS, 50), np.float32)
    tracemalloc.start()
    try:
        hashed.scores(heads, stretches)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Weights are added up in double precision.
    whole = len(hashed.buckets) * (heads[0].nbytes + 2 * heads[0].nbytes)
    assert peak < whole / 2


def test_case_and_punctuation_do_not_count() -> None:
    np.testing.assert_array_equal(
        HashedText("The Lighthouse!").buckets, HashedText("the  lighthouse").buckets
    )


def test_hashes_are_the_same_in_every_release() -> None:
    # Weights in bundles are by bucket: another sum would make every trained head worthless.
    assert int(HashedText("the lighthouse of Alderney").buckets.sum()) == GOLDEN


def test_anagrams_differ() -> None:
    assert set(HashedText("listen").buckets) != set(HashedText("silent").buckets)


@pytest.mark.parametrize("text", ["", " ", "...", "\u0130stanbul", "\ud800"])
def test_odd_texts_are_no_trouble(text: str) -> None:
    assert np.isfinite(HashedText(text).scores(WEIGHTS, [(0, len(text))])).all()


GOLDEN = 2991499

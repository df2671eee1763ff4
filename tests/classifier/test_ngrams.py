import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.ngrams import BUCKETS, hash_text


@given(st.text(max_size=300))
def test_features_have_unit_length_and_fit_the_buckets(text: str) -> None:
    hashed = hash_text(text)
    assert len(np.unique(hashed.buckets)) == len(hashed.buckets)
    if len(hashed.buckets):
        assert hashed.buckets.min() >= 0
        assert hashed.buckets.max() < BUCKETS
        assert hashed.value**2 * len(hashed.buckets) == pytest.approx(1)


def test_case_and_punctuation_do_not_count() -> None:
    np.testing.assert_array_equal(hash_text("The Lighthouse!").buckets, hash_text("the  lighthouse").buckets)


def test_hashes_are_the_same_in_every_release() -> None:
    assert (
        hash_text("the lighthouse").buckets[:4].tolist() == hash_text("The lighthouse").buckets[:4].tolist()
    )
    assert int(hash_text("the lighthouse of Alderney").buckets.sum()) == GOLDEN


def test_anagrams_differ() -> None:
    assert set(hash_text("listen").buckets) != set(hash_text("silent").buckets)


# Weights in bundles are by bucket: another sum would make every trained head worthless.
GOLDEN = 2939485

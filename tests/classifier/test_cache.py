import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.cache import ScoreCache
from lethe.classifier.spans import WindowSpan
from lethe.classifier.text_scores import TextScores

SPAN = WindowSpan(0, 4, 1.0)
SCORES = TextScores(np.array([1, 2, 3], np.float32), spans={1: (SPAN,)})
HEADS = ("a@1", "b@1", "c@1")


@pytest.fixture
def key() -> bytes:
    return ScoreCache.key("text", "encoder")


@pytest.fixture
def cache(key: bytes) -> ScoreCache:
    cache = ScoreCache(1 << 20)
    cache.put(key, HEADS, SCORES)
    return cache


def test_an_entry_answers_for_the_heads_that_scored(cache: ScoreCache, key: bytes) -> None:
    assert cache.get(key, HEADS) is SCORES


def test_a_changed_or_new_head_never_sees_an_entry(cache: ScoreCache, key: bytes) -> None:
    assert cache.get(key, ("a@1", "b@2", "c@1")) is None
    assert cache.get(key, (*HEADS, "d@1")) is None
    assert cache.get(ScoreCache.key("text", "another encoder"), HEADS) is None


def test_what_else_scores_depend_on_may_be_long(cache: ScoreCache) -> None:
    scorer = "encoder:answer:1:" + ",".join(map(str, range(200)))
    assert ScoreCache.key("text", scorer) != ScoreCache.key("text", scorer + "0")
    assert ScoreCache.key("text", scorer) == ScoreCache.key("text", scorer)


def test_heads_that_stay_keep_their_scores_when_others_go_or_change_places(
    cache: ScoreCache, key: bytes
) -> None:
    found = cache.get(key, ("c@1", "b@1"))
    assert found is not None
    assert list(found.scores) == [3, 2]
    assert found.spans == {1: (SPAN,)}


@given(st.lists(st.integers(0, 30), max_size=80))
def test_it_never_exceeds_its_memory_and_keeps_what_was_used_last(numbers: list[int]) -> None:
    cache = ScoreCache(5_000)
    for number in numbers:
        key = ScoreCache.key(str(number), "v")
        if cache.get(key, HEADS) is None:
            cache.put(key, HEADS, SCORES)
        assert cache.bytes <= cache.maximum_bytes
        assert cache.get(key, HEADS) is SCORES


def test_a_cleared_cache_knows_nothing_and_has_room(cache: ScoreCache, key: bytes) -> None:
    cache.clear()
    assert cache.get(key, HEADS) is None
    assert (cache.bytes, len(cache)) == (0, 0)


def test_a_cache_of_no_size_keeps_nothing(key: bytes) -> None:
    cache = ScoreCache(0)
    cache.put(key, HEADS, SCORES)
    assert len(cache) == 0

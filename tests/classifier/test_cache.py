import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifier.cache import ScoreCache
from classifier.scoring import TextScores

SCORES = TextScores(np.zeros(3, np.float32))


def test_other_heads_never_see_an_entry() -> None:
    cache = ScoreCache(1 << 20)
    cache.put(ScoreCache.key("text", "heads v1"), SCORES)
    assert cache.get(ScoreCache.key("text", "heads v1")) is SCORES
    assert cache.get(ScoreCache.key("text", "heads v2")) is None


@given(st.lists(st.integers(0, 30), max_size=80))
def test_it_never_exceeds_its_memory_and_keeps_what_was_used_last(numbers: list[int]) -> None:
    cache = ScoreCache(5_000)
    for number in numbers:
        key = ScoreCache.key(str(number), "v")
        if cache.get(key) is None:
            cache.put(key, SCORES)
        assert cache.bytes <= cache.maximum_bytes
        assert cache.get(key) is SCORES


def test_a_cache_of_no_size_keeps_nothing() -> None:
    cache = ScoreCache(0)
    cache.put(ScoreCache.key("text", "v"), SCORES)
    assert len(cache) == 0

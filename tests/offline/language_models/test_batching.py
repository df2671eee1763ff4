from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.language_models.batching import length_batches


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_every_item_is_in_one_batch_and_no_batch_is_too_large(lengths, max_tokens):
    batches = list(length_batches(lengths, max_tokens))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[index] for index in batch) * len(batch) <= max_tokens

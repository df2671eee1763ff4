import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.encoders.encoder import TokenizedText
from lethe.classifier.gate import Gate


class _Table:
    """Ten tokens with vectors of their own."""

    vocabulary_size = 10
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)

    def token_vectors(self, ids: np.ndarray) -> np.ndarray:
        return self.rows[ids]

    def token_products(self, directions: np.ndarray) -> np.ndarray:
        return self.rows @ directions.T


def _text(ids: list[int]) -> TokenizedText:
    """Tokens of two characters each, with a space between them."""
    starts = 3 * np.arange(len(ids), dtype=np.int32)
    return TokenizedText(np.array(ids, np.int64), starts, starts + np.int32(2))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 90)), max_size=8),
    st.sampled_from([*range(1, 20), 70, 300]),
)
def test_a_stretch_scores_as_the_sum_of_its_tokens_alone(
    ids: list[int], places: list[tuple[int, int]], heads: int
) -> None:
    directions = np.random.default_rng(1).normal(size=(heads, 4)).astype(np.float32)
    bias = np.linspace(-1, 1, heads, dtype=np.float32)
    stretches = [(start, start + length) for start, length in places]
    scores = Gate(_Table(), directions, bias).scores(_text(ids), stretches)
    assert scores.shape == (len(stretches), heads)
    for (start, end), row in zip(stretches, scores, strict=True):
        own = [token for place, token in enumerate(ids) if 3 * place + 2 > start and 3 * place < end]
        summed = _Table.rows[own].sum(axis=0) / max(len(own), 1) ** 0.5
        np.testing.assert_allclose(row, directions @ summed + bias, atol=1e-4)


def test_no_heads_have_no_scores() -> None:
    gate = Gate(_Table(), np.empty((0, 4), np.float32), np.empty(0, np.float32))
    assert gate.scores(_text([1, 2]), [(0, 5)]).shape == (1, 0)

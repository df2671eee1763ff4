import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.token_bag import NOTHING, PAIR_BUCKETS, BagBank, BagWeights, bag_features

_IDS = st.lists(st.integers(0, 127_999), max_size=40).map(lambda ids: np.array(ids, np.int64))
# Tokens all of which are something of a word.
SPEAKING = np.zeros(128_000, bool)


@given(_IDS)
def test_a_text_has_its_tokens_and_the_pairs_of_neighbours(ids: np.ndarray) -> None:
    features = bag_features(ids, SPEAKING)
    assert len(features) == max(2 * len(ids) - 1, 0)
    assert list(features[: len(ids)]) == [token + PAIR_BUCKETS for token in ids]
    assert all(0 <= pair < PAIR_BUCKETS for pair in features[len(ids) :])


def test_a_pair_is_another_one_turned_round() -> None:
    assert bag_features(np.array([5, 9]), SPEAKING)[-1] != bag_features(np.array([9, 5]), SPEAKING)[-1]


# Of many heads those features stand apart that many of them weigh.
@given(_IDS, st.sampled_from([*range(5), 200]))
def test_a_bank_weighs_for_each_head_as_the_head_alone(ids: np.ndarray, heads: int) -> None:
    features = np.unique(bag_features(ids, SPEAKING))
    bank = [
        BagWeights(features[number::2], np.linspace(-1, number, len(features[number::2]), dtype=np.float32))
        for number in range(heads)
    ]
    expected = [head.of(bag_features(ids, SPEAKING)).sum() / max(2 * len(ids) - 1, 1) ** 0.5 for head in bank]
    np.testing.assert_allclose(BagBank(bank, SPEAKING).scores(ids), np.array(expected, np.float32), atol=1e-4)


@given(st.lists(_IDS, max_size=4))
def test_texts_scored_together_score_as_each_alone(texts: list[np.ndarray]) -> None:
    known = np.unique(bag_features(np.concatenate([np.arange(50), *texts]), SPEAKING))
    bank = BagBank(
        [
            BagWeights(known, np.ones(len(known), np.float32)),
            BagWeights(known[:9], np.linspace(-1, 1, len(known[:9]), dtype=np.float32)),
        ],
        SPEAKING,
    )
    together = bank.scores_of_each(
        np.concatenate([np.empty(0, np.int64), *texts]), np.array(list(map(len, texts)), int)
    )
    alone = np.array([bank.scores(text) for text in texts]).reshape(-1, 2)
    np.testing.assert_array_equal(together, alone)


def test_letters_say_nothing_alone_or_beside_each_other() -> None:
    letters = np.isin(np.arange(10), [3, 4])
    features = bag_features(np.array([3, 4, 7]), letters)
    assert list(features[[0, 1, 3]]) == [NOTHING] * 3
    np.testing.assert_array_equal(
        features[[2, 4]], bag_features(np.array([3, 4, 7]), np.zeros(10, bool))[[2, 4]]
    )
    weights = BagWeights(
        np.unique(bag_features(np.array([3, 4]), np.zeros(10, bool))), np.ones(3, np.float32)
    )
    assert BagBank([weights], letters).scores(np.array([3, 4, 4, 3]))[0] == 0


def test_features_without_weights_weigh_nothing() -> None:
    weights = BagWeights(np.array([3, 7]), np.array([1.0, 2.0], np.float32))
    assert list(weights.of(np.array([2, 3, 7, 900_000]))) == [0, 1, 2, 0]
    assert list(BagWeights(np.empty(0, np.int64), np.empty(0, np.float32)).of(np.array([1]))) == [0]

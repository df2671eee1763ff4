from lethe.offline.training.batching import padded


def test_shorter_texts_are_padded_on_the_right_and_masked() -> None:
    token_ids, mask = padded([[5, 6, 7], [8]])
    assert token_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_token_of_number_zero_is_no_padding() -> None:
    _, mask = padded([(0, 0), (1,)])
    assert mask.tolist() == [[1, 1], [1, 0]]

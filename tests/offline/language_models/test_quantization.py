import copy

import pytest
import torch

from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.quantization import round_weights, rounded


def test_weights_become_the_nearest_multiples_of_their_groups_scale():
    # Four bits hold -7 to 7. The first group's scale is 7 / 7, the second's 0.7 / 7.
    weights = torch.tensor([[7.0, -1.4, 0.6, 0.4, 0.7, -0.14, 0.06, 0.04]])
    expected = torch.tensor([[7.0, -1.0, 1.0, 0.0, 0.7, -0.1, 0.1, 0.0]])
    torch.testing.assert_close(rounded(weights, 4, group=4), expected)


def test_a_row_that_is_no_multiple_of_a_group_has_one_scale():
    weights = torch.tensor([[127.0, 0.6, -0.4]])
    torch.testing.assert_close(rounded(weights, 8, group=2), torch.tensor([[127.0, 1.0, 0.0]]))


def test_zeros_stay_zeros():
    assert not rounded(torch.zeros(2, 8), 4, group=4).any()


def test_embeddings_and_the_output_layer_keep_their_weights(tiny_model):
    model = copy.deepcopy(tiny_model.model)
    round_weights(model, 4)
    before, after = dict(tiny_model.model.named_parameters()), dict(model.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("_proj" in name for name in changed)


@pytest.mark.parametrize("bits", [1, 9])
def test_other_numbers_of_bits_are_refused(bits, tiny_model):
    with pytest.raises(ValueError, match="2 to 8 bits"):
        round_weights(tiny_model.model, bits)


def test_a_model_is_opened_with_rounded_weights(tiny_model_folder):
    opened = LocalModel.from_pretrained(str(tiny_model_folder), dtype="float32", bits=4)
    for layer in opened.model.modules():
        if isinstance(layer, torch.nn.Linear) and layer is not opened.model.get_output_embeddings():
            assert torch.unique(layer.weight[0]).numel() <= 15 * -(-layer.in_features // 64)

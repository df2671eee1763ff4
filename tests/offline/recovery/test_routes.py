"""Routes on a layer of two neurons and two heads that share one key, by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lethe.offline.recovery.conflict import SELECTIONS, CoordinateEvidence
from lethe.offline.recovery.domain import Domain
from lethe.offline.recovery.parameters import Layout
from lethe.offline.recovery.routes import RouteMap, activity, compare_routes, most, relative, shared

MLP, ATTENTION = "model.layers.0.mlp", "model.layers.0.self_attn"
SHAPES = {
    "model.embed_tokens.weight": (2, 2),
    f"{MLP}.gate_proj.weight": (2, 3),
    f"{MLP}.down_proj.weight": (3, 2),
    f"{ATTENTION}.q_proj.weight": (4, 1),
    f"{ATTENTION}.k_proj.weight": (2, 1),
    f"{ATTENTION}.o_proj.weight": (1, 4),
}
ROUTES = RouteMap(Layout(SHAPES), heads=2, key_heads=1)
CPU = torch.device("cpu")


def vector(**matrices: list[list[float]]) -> Tensor:
    """The vector whose matrices are these, by the last part of their names, and zero otherwise."""
    found = torch.zeros(ROUTES.layout.size)
    for name, part in zip(SHAPES, ROUTES.layout.split(found), strict=True):
        for given, values in matrices.items():
            if given in name:
                part.copy_(torch.tensor(values))
    return found


def test_a_blocks_units_are_its_neurons_and_heads():
    assert ROUTES.units == {MLP: 2, ATTENTION: 2}


def test_a_neuron_has_rows_of_what_computes_it_and_columns_of_what_hands_it_on():
    given = vector(gate=[[1, 2, 3], [4, 5, 6]], down=[[10, 20], [10, 20], [10, 20]], embed=[[9, 9], [9, 9]])
    assert ROUTES.sums(given)[MLP].tolist() == [6 + 30, 15 + 60]


def test_heads_that_share_a_key_divide_its_coordinates():
    given = vector(q=[[1], [2], [3], [4]], k_proj=[[10], [20]], o_proj=[[100, 100, 200, 200]])
    assert ROUTES.sums(given)[ATTENTION].tolist() == [3 + 15 + 200, 7 + 15 + 400]


def test_every_coordinate_gets_its_units_value_and_a_shared_one_their_mean():
    found = ROUTES.spread({MLP: torch.tensor([1.0, 2.0]), ATTENTION: torch.tensor([3.0, 5.0])}, CPU)
    expected = vector(
        gate=[[1, 1, 1], [2, 2, 2]],
        down=[[1, 2], [1, 2], [1, 2]],
        q_proj=[[3], [3], [5], [5]],
        k_proj=[[4], [4]],
        o_proj=[[3, 3, 5, 5]],
    )
    assert found.tolist() == expected.tolist()


def test_a_model_with_other_names_has_no_routes():
    other = RouteMap(Layout({"transformer.h.0.mlp.c_fc.weight": (2, 2)}), 1, 1)
    assert other.units == {}
    assert other.spread({}, CPU).tolist() == [0.0] * 4


def test_the_most_active_are_marked_block_by_block_and_shared_ones_counted():
    one = {MLP: torch.tensor([4.0, 3.0, 2.0, 1.0]), ATTENTION: torch.tensor([0.1, 0.2])}
    other = {MLP: torch.tensor([1.0, 3.0, 2.0, 4.0]), ATTENTION: torch.tensor([0.1, 0.2])}
    first, second = most(one, 0.5), most(other, 0.5)
    assert first[MLP].tolist() == [True, True, False, False]
    assert second[MLP].tolist() == [False, True, False, True]
    # One of the two neurons and the one head.
    assert shared(first, second) == pytest.approx(2 / 3)
    assert relative(one[MLP]).tolist() == pytest.approx([1.6, 1.2, 0.8, 0.4])


def test_edits_are_compared_on_the_units_that_both_domains_use():
    first = {MLP: torch.tensor([2.0, 1.0]), ATTENTION: torch.tensor([2.0, 1.0])}
    second = {MLP: torch.tensor([3.0, 1.0]), ATTENTION: torch.tensor([1.0, 2.0])}
    # Both use neuron 0, and each a head of its own. There the edits are opposed; on neuron 1 they agree.
    own = vector(gate=[[1, 0, 0], [2, 0, 0]])
    later = vector(gate=[[-3, 0, 0], [4, 0, 0]])
    found = compare_routes(ROUTES, first, second, own, later, share=0.5)
    assert found.active == pytest.approx(1 / 2)
    assert found.edited == pytest.approx(1.0)
    assert found.norm == pytest.approx(9 / 25)
    assert found.direction == pytest.approx(-1.0)
    assert found.direction_elsewhere == pytest.approx(1.0)


def test_units_are_taken_back_as_a_whole_by_what_all_of_their_coordinates_give_and_cost():
    harm = vector(gate=[[4, 0, 0], [3, 3, 0]])
    gain = vector(gate=[[0, 9, 0], [1, 0, 0]])
    edit = vector(gate=[[1, 1, 0], [1, 1, 1]], down=[[1, 1], [0, 0], [0, 0]])
    known = replace(CoordinateEvidence.of_edit(edit), harm=harm, gain=gain, units=ROUTES)
    # Neuron 0: 4/10 - 9/10; neuron 1: 6/10 - 1/10. Only what was edited is taken back.
    expected = vector(gate=[[-0.5, -0.5, 0], [0.5, 0.5, 0.5]], down=[[-0.5, 0.5], [0, 0], [0, 0]])
    torch.testing.assert_close(SELECTIONS["units"](known, 0), expected)


class Block(torch.nn.Module):
    """Hands its input on to the projections; a perceptron of two neurons and an attention of one head of two."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = torch.nn.Module()
        self.mlp.down_proj = torch.nn.Linear(2, 1, bias=False)
        self.self_attn = torch.nn.Module()
        self.self_attn.o_proj = torch.nn.Linear(2, 1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.mlp.down_proj(hidden) + self.self_attn.o_proj(hidden)  # pyright: ignore[reportCallIssue]


def test_activity_is_the_root_mean_square_where_answers_are_predicted():
    model = torch.nn.Module()
    model.layer = Block()
    routes = RouteMap(Layout({n: tuple(p.shape) for n, p in model.named_parameters()}), 1, 1)

    def losses(_model, examples):
        return torch.stack([model.layer(each).sum() for each in examples])  # pyright: ignore[reportCallIssue]

    domain = Domain("one", [], [], [], losses, losses, positions=lambda _example: slice(1, 3))
    # The first position asks and is left out.
    example = torch.tensor([[[50.0, 50.0], [3.0, 0.0], [3.0, 1.0]]])
    found = activity(model, domain, [example, example], routes)
    squares = torch.tensor([9.0 + 9.0, 0.0 + 1.0]) * 2
    torch.testing.assert_close(found["layer.mlp"], squares.sqrt() / squares.sqrt().mean())
    assert found["layer.self_attn"].tolist() == [1.0]

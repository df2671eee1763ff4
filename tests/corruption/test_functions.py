import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lethe.corruption.application import change_rows, corrupt_prompt
from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS, RowChange, TokenOrder
from lethe.corruption.noise import SeededNoise
from lethe.corruption.plan import make_plan
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

ROWS = torch.tensor([[1.0, -4.0, 3.0, 0.5], [-2.0, 0.0, 5.0, -6.0]])
SITES = torch.tensor([7, 9])
ROW_CHANGES = sorted(name for name, function in FUNCTIONS.items() if isinstance(function, RowChange))


def change(
    function: str, strength: float = 0.0, dims: int = 2, vector: tuple[float, ...] | None = None
) -> Tensor:
    return change_rows(ROWS, Corruption(function, strength, dims, vector, seed=3), SITES)


def a_corruption(name: str, strength: float, dims: int, seed: int = 11) -> Corruption:
    vector = tuple(float(d + 1) for d in range(dims)) if FUNCTIONS[name].takes_vector else None
    return Corruption(name, strength, dims, vector, seed)


def test_there_are_fourteen_functions_of_the_paper_and_the_learned_vector() -> None:
    assert len(FUNCTIONS) == 15


@pytest.mark.parametrize(
    ("function", "strength", "expected"),
    [
        ("zero_out_first_n", 0.0, [[0.0, 0.0, 3.0, 0.5], [0.0, 0.0, 5.0, -6.0]]),
        ("zero_out_top_k", 0.0, [[1.0, 0.0, 0.0, 0.5], [-2.0, 0.0, 0.0, 0.0]]),
        ("flip_sign_first_n", 0.0, [[-1.0, 4.0, 3.0, 0.5], [2.0, 0.0, 5.0, -6.0]]),
        ("flip_sign_top_k", 0.0, [[1.0, 4.0, -3.0, 0.5], [-2.0, 0.0, -5.0, 6.0]]),
        ("add_value_first_n", 10.0, [[11.0, 6.0, 3.0, 0.5], [8.0, 10.0, 5.0, -6.0]]),
        ("sub_value_first_n", 10.0, [[-9.0, -14.0, 3.0, 0.5], [-12.0, -10.0, 5.0, -6.0]]),
        ("sub_value_top_k", 10.0, [[-9.0, -4.0, -7.0, 0.5], [-2.0, -10.0, -5.0, -6.0]]),
        ("add_value_least_k", 10.0, [[1.0, 6.0, 3.0, 10.5], [8.0, 0.0, 5.0, 4.0]]),
    ],
)
def test_a_small_tensor_is_changed_as_by_hand(
    function: str, strength: float, expected: list[list[float]]
) -> None:
    assert torch.equal(change(function, strength), torch.tensor(expected))


def test_the_learned_vector_is_added_times_its_strength() -> None:
    expected = ROWS + torch.tensor([2.0, -1.0, 0.0, 0.0])
    assert torch.equal(change("add_vector_first_n", 2.0, vector=(1.0, -0.5)), expected)


def test_noise_functions_add_or_set_the_noise_of_their_positions() -> None:
    noise = SeededNoise(3, SITES).normal(4)
    assert torch.equal(change("rand_noise_first_n", 2.0)[:, :2], ROWS[:, :2] + 2.0 * noise[:, :2])
    assert torch.equal(change("set_rand_noise_first_n", 2.0)[:, :2], 2.0 * noise[:, :2])
    top = change("rand_noise_top_k", 2.0) - ROWS
    assert torch.allclose(top[0], 2.0 * noise[0] * torch.tensor([0, 1, 1, 0]), atol=1e-6)
    assert torch.allclose(top[1], 2.0 * noise[1] * torch.tensor([0, 0, 1, 1]), atol=1e-6)


def test_random_dimensions_are_the_same_for_every_row() -> None:
    touched = change("rand_noise_rand_n", 2.0) != ROWS
    assert touched.sum(dim=1).tolist() == [2, 2]
    assert torch.equal(touched[0], touched[1])


def test_equal_magnitudes_are_taken_from_the_left() -> None:
    rows = torch.ones(1, 6)
    changed = change_rows(rows, Corruption("zero_out_top_k", 0.0, 2), torch.tensor([0]))
    assert changed.tolist() == [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0]]


@given(
    st.sampled_from(ROW_CHANGES),
    st.integers(1, 8),
    st.floats(0, 1e12),
    st.sampled_from(["float32", "bfloat16", "float16"]),
)
def test_rows_stay_finite_and_keep_their_dtype(name: str, dims: int, strength: float, dtype: str) -> None:
    rows = torch.linspace(-50, 50, 24).reshape(3, 8).to(getattr(torch, dtype))
    changed = change_rows(rows, a_corruption(name, strength, dims), torch.arange(3))
    assert changed.dtype == rows.dtype
    assert changed.isfinite().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_bits_on_a_gpu_are_those_on_the_processor(dtype: torch.dtype) -> None:
    rows = torch.randn(64, 256, generator=torch.Generator().manual_seed(1)).to(dtype)
    sites = torch.arange(64)
    for name in ROW_CHANGES:
        corruption = a_corruption(name, 12.5, 100)
        on_gpu = change_rows(rows.cuda(), corruption, sites.cuda()).cpu()
        assert torch.equal(on_gpu, change_rows(rows, corruption, sites)), name


@given(st.sampled_from(ROW_CHANGES), st.integers(1, 8), st.floats(0.1, 100))
def test_at_most_so_many_dims_change_and_the_input_stays(name: str, dims: int, strength: float) -> None:
    rows = torch.linspace(-3, 5, 24).reshape(3, 8)
    before = rows.clone()
    changed = change_rows(rows, a_corruption(name, strength, dims), torch.arange(3))
    assert torch.equal(rows, before)
    assert ((changed != rows).sum(dim=1) <= dims).all()
    if name.endswith("first_n"):
        assert torch.equal(changed[:, dims:], rows[:, dims:])


@pytest.mark.parametrize(
    "name", [n for n in ROW_CHANGES if FUNCTIONS[n].takes_strength and n != "set_rand_noise_first_n"]
)
def test_zero_strength_changes_nothing(name: str) -> None:
    assert torch.equal(change_rows(ROWS, a_corruption(name, 0.0, 3), SITES), ROWS)


@pytest.mark.parametrize("name", ["flip_sign_first_n", "flip_sign_top_k"])
def test_flipping_twice_changes_nothing(name: str) -> None:
    flip = Corruption(name, 0.0, 3)
    assert torch.equal(change_rows(change_rows(ROWS, flip, SITES), flip, SITES), ROWS)


@given(st.sampled_from(sorted(FUNCTIONS)), st.data())
def test_only_selected_positions_change(name: str, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(2, 20))
    start = data.draw(st.integers(0, tokens - 1))
    end = data.draw(st.integers(start + 1, tokens))
    placed = PlacedCorruption("t", "1", a_corruption(name, 2.0, 3), ((start, end),))
    embeddings = torch.randn(tokens, 8, generator=torch.Generator().manual_seed(1))
    corrupted = corrupt_prompt(embeddings, make_plan(CorruptionRequest((placed,)), tokens))
    assert torch.equal(corrupted[:start], embeddings[:start])
    assert torch.equal(corrupted[end:], embeddings[end:])


@given(st.lists(st.sampled_from(sorted(FUNCTIONS)), min_size=1, max_size=3), st.data())
def test_a_prompt_cut_into_chunks_is_corrupted_as_the_whole(names: list[str], data: st.DataObject) -> None:
    tokens = data.draw(st.integers(2, 24))
    cuts = sorted(data.draw(st.sets(st.integers(1, tokens - 1), max_size=4)))
    placed = []
    for index, name in enumerate(names):
        start = data.draw(st.integers(0, tokens - 1))
        end = data.draw(st.integers(start + 1, tokens))
        placed.append(PlacedCorruption("t", "1", a_corruption(name, 2.0, 3, seed=index), ((start, end),)))
    plan = make_plan(CorruptionRequest(tuple(placed)), tokens)
    embeddings = torch.randn(tokens, 8, generator=torch.Generator().manual_seed(1))
    whole = corrupt_prompt(embeddings, plan)
    pieces = []
    for first, last in zip([0, *cuts], [*cuts, tokens], strict=True):
        part = plan.window(first, last)
        chunk = embeddings[first:last].clone()
        chunk[part.touched - first] = embeddings[part.sources]
        for stage in part.stages:
            rows = torch.from_numpy(stage.rows - first)
            chunk[rows] = change_rows(chunk[rows], stage.corruption, torch.from_numpy(stage.sites))
        pieces.append(chunk)
    assert torch.equal(torch.cat(pieces), whole)


@given(st.integers(1, 200), st.integers(0, 2**64 - 1))
def test_token_orders_are_permutations_of_the_selected(count: int, seed: int) -> None:
    for function in FUNCTIONS.values():
        if isinstance(function, TokenOrder):
            assert sorted(function.apply(count, seed).tolist()) == list(range(count))


def test_reversal_and_shuffle_move_whole_embeddings() -> None:
    embeddings = torch.arange(6.0)[:, None].repeat(1, 4)

    def corrupt(name: str) -> list[float]:
        placed = PlacedCorruption("t", "1", Corruption(name, 0.0, 1, seed=5), ((1, 5),))
        return corrupt_prompt(embeddings, make_plan(CorruptionRequest((placed,)), 6))[:, 0].tolist()

    assert corrupt("reverse_order") == [0.0, 4.0, 3.0, 2.0, 1.0, 5.0]
    shuffled = corrupt("shuffle")
    assert sorted(shuffled[1:5]) == [1.0, 2.0, 3.0, 4.0]
    assert shuffled == [0.0, *(1.0 + FUNCTIONS["shuffle"].apply(4, 5)).tolist(), 5.0]  # type: ignore[union-attr]


def test_a_later_order_moves_what_an_earlier_change_made() -> None:
    embeddings = torch.zeros(4, 2)
    noise = PlacedCorruption("a", "1", Corruption("set_rand_noise_first_n", 1.0, 2, seed=1), ((0, 2),))
    order = PlacedCorruption("b", "1", Corruption("reverse_order", 0.0, 1), ((0, 4),))
    values = SeededNoise(1, torch.arange(2)).normal(2)
    moved = corrupt_prompt(embeddings, make_plan(CorruptionRequest((noise, order)), 4))
    assert torch.equal(moved, torch.stack([torch.zeros(2), torch.zeros(2), values[1], values[0]]))
    stayed = corrupt_prompt(embeddings, make_plan(CorruptionRequest((order, noise)), 4))
    assert torch.equal(stayed, torch.stack([values[0], values[1], torch.zeros(2), torch.zeros(2)]))


def test_a_prompt_of_one_token_is_not_let_through() -> None:
    placed = PlacedCorruption("t", "1", Corruption("zero_out_first_n", 0.0, 4))
    plan = make_plan(CorruptionRequest((placed,)), 1)
    assert np.array_equal(plan.touched, [0])

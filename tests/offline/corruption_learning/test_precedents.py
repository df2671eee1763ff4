"""A search for one more model starts from what others needed, at a strength that is right beside its embeddings."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lethe.bundle import BaseModel, Made, update_bundle
from lethe.corruption.artifact import Corruption, save_corruption
from lethe.offline.corruption_learning.embedding_scale import embedding_rms
from lethe.offline.corruption_learning.errors import LearningError
from lethe.offline.corruption_learning.precedents import Precedent, carried_over, find_precedents

MINE = BaseModel("org/mine", 8, "a" * 64, "llama")
SIBLING = BaseModel("org/sibling", 8, "b" * 64, "llama")
STRANGER = BaseModel("org/stranger", 8, "c" * 64, "qwen2")


def give(targets: Path, target: str, model: BaseModel, corruption: Corruption) -> None:
    file = targets / "corruption.safetensors"
    targets.mkdir(exist_ok=True)
    save_corruption(corruption, file)
    update_bundle(targets / target, {}, Made(model, {file.name: file}))
    file.unlink()


def noise(dims: int, strength: float = 1.0, **fields: object) -> Corruption:
    return Corruption("rand_noise_first_n", strength, dims, **fields)  # pyright: ignore[reportArgumentType]


def found(targets: Path, most: int = 9) -> list[str]:
    return [str(each) for each in find_precedents(targets, "marsh", MINE, "all_but_last", most)]


def test_those_of_the_same_model_come_first_then_of_its_family(tmp_path: Path) -> None:
    give(tmp_path, "marsh", STRANGER, noise(1))
    give(tmp_path, "marsh", SIBLING, noise(2))
    give(tmp_path, "fens", SIBLING, noise(3))
    give(tmp_path, "fens", MINE, noise(4))
    assert found(tmp_path) == [
        "fens for org/mine",
        "marsh for org/sibling",
        "fens for org/sibling",
        "marsh for org/stranger",
    ]
    assert found(tmp_path, most=1) == ["fens for org/mine"]


def test_of_one_function_on_as_many_dimensions_the_nearest_stands_for_all(tmp_path: Path) -> None:
    give(tmp_path, "marsh", STRANGER, noise(2, 9.0))
    give(tmp_path, "marsh", SIBLING, noise(2, 3.0))
    [only] = find_precedents(tmp_path, "marsh", MINE, "all_but_last", 9)
    assert only.corruption.strength == 3.0


@pytest.mark.parametrize(
    "useless",
    [
        noise(2, positions="user_content"),
        noise(9),
        Corruption("add_vector_first_n", 1.0, 1, vector=(1.0,)),
    ],
    ids=["for other tokens", "wider than the model", "a vector among other embeddings"],
)
def test_where_nothing_can_be_carried_over_that_is_said(tmp_path: Path, useless: Corruption) -> None:
    give(tmp_path, "marsh", SIBLING, useless)
    # What the target already has for this very model is what is to be found anew.
    give(tmp_path, "marsh", MINE, noise(1))
    with pytest.raises(LearningError, match="search from nothing with `lethe corruption learn`"):
        found(tmp_path)


def test_strengths_grow_with_the_embeddings(tmp_path: Path) -> None:
    give(tmp_path, "marsh", SIBLING, noise(1, 6.0))
    precedents = find_precedents(tmp_path, "marsh", MINE, "all_but_last", 1)
    scaled = carried_over(precedents, 0.5, lambda model: 1.5, seed=7)
    assert [each.strength for each in scaled] == [1.0, 2.0, 4.0]
    assert {each.seed for each in scaled} == {7}
    for mine, theirs in ((None, 1.5), (0.5, None)):
        kept = carried_over(precedents, mine, lambda model, theirs=theirs: theirs, seed=0)
        assert [each.strength for each in kept] == [3.0, 6.0, 12.0]


def test_what_takes_no_strength_is_tried_once(tmp_path: Path) -> None:
    give(tmp_path, "marsh", SIBLING, Corruption("zero_out_top_k", 1.0, 4))
    precedents = find_precedents(tmp_path, "marsh", MINE, "all_but_last", 9)
    assert isinstance(precedents[0], Precedent)
    assert len(carried_over(precedents, 0.5, lambda model: 1.5, seed=0)) == 1


@pytest.mark.parametrize(("dtype", "known"), [(np.float32, True), (np.float16, True), (np.int8, False)])
def test_the_size_of_embeddings_is_read_off_their_bytes(tmp_path: Path, dtype: type, known: bool) -> None:
    values = np.array([[3, -4], [0, 5]], dtype)
    save_file({"model.embed_tokens.weight": values}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 2}))
    assert embedding_rms(tmp_path) == (pytest.approx(np.sqrt(12.5)) if known else None)


def test_bfloat16_is_the_upper_half_of_a_float(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    header = json.dumps(
        {"model.embed_tokens.weight": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, len(halves)]}}
    ).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + halves)
    assert embedding_rms(tmp_path) == pytest.approx(np.sqrt((1.5**2 + 4) / 2))


def test_a_folder_without_embeddings_has_no_size(tmp_path: Path) -> None:
    assert embedding_rms(tmp_path) is None

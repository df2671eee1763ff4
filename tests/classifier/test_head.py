import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.errors import ClassifierError
from lethe.classifier.facts import Facts
from lethe.classifier.head import Head, HeadBank, load_head, save_head
from lethe.classifier.names import GroupedNames, NameWeights
from lethe.classifier.questions import QuestionWeights
from lethe.classifier.tail import Tail
from lethe.classifier.token_bag import BagWeights
from tests.classifier.conftest import MakeHead

KEEPERS = NameWeights(
    GroupedNames(("oda vinter", "harbour"), np.array([0, 1]), 2), np.array([[3, 1], [0.5, 0.25]], np.float32)
)


@pytest.fixture
def saved(make_head: MakeHead, tmp_path: Path) -> Path:
    save_head(make_head(entities=("Alderney",), names=KEEPERS), tmp_path)
    return tmp_path


def test_a_saved_head_scores_as_before(make_head: MakeHead, saved: Path, encoder: Encoder) -> None:
    head, loaded = make_head(entities=("Alderney",), names=KEEPERS), load_head(saved)
    np.testing.assert_array_equal(loaded.direction, head.direction)
    np.testing.assert_array_equal(loaded.gate_direction, head.gate_direction)
    np.testing.assert_array_equal(loaded.bag.features, head.bag.features)
    np.testing.assert_array_equal(loaded.bag.weights, head.bag.weights)
    assert loaded.names.names.forms == KEEPERS.names.forms
    np.testing.assert_array_equal(loaded.names.names.groups, KEEPERS.names.groups)
    np.testing.assert_array_equal(loaded.names.weights, KEEPERS.weights)
    assert loaded.version != head.version
    arrays = {name: getattr(head, name) for name in ("direction", "gate_direction", "bag", "names")}
    assert replace(loaded, **arrays, version="v1") == head


def test_a_tail_is_kept(make_head: MakeHead, tmp_path: Path) -> None:
    save_head(make_head(tail=Tail(1.5, 0.5, 1e-6)), tmp_path)
    assert load_head(tmp_path).tail == Tail(1.5, 0.5, 1e-6)


def test_bag_features_that_do_not_ascend_are_refused(make_head: MakeHead, tmp_path: Path) -> None:
    save_head(make_head(bag=BagWeights(np.array([3, 2]), np.ones(2, np.float32))), tmp_path)
    with pytest.raises(ClassifierError, match="do not ascend"):
        load_head(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("head.json", b"{", "cannot be used"),
        ("head.json", b'{"schema_version": 9}', "schema version 9"),
        ("head.safetensors", b"\x80\x04K\x01.", "cannot be used"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(saved: Path, name: str, content: bytes, message: str) -> None:
    (saved / name).write_bytes(content)
    with pytest.raises(ClassifierError, match=message) as error:
        load_head(saved)
    assert "\n" not in str(error.value)


def test_facts_that_hold_words_which_are_not_there_are_refused(
    make_head: MakeHead, encoder: Encoder, tmp_path: Path
) -> None:
    direction, gate = encoder.embed(["lamp"]), encoder.token_vectors(np.array([0]))[0]
    facts = Facts(direction, ("lamp",), np.ones(1, np.float32), np.array([[0, 1]]))
    save_head(make_head(questions=QuestionWeights(direction[0], 0.0, gate, 0.0, 0.0, facts)), tmp_path)
    with pytest.raises(ClassifierError, match="words that are not there"):
        load_head(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match=r"head\.json cannot be read"):
        load_head(tmp_path)


def test_a_calibration_that_descends_is_refused(saved: Path) -> None:
    document = json.loads((saved / "head.json").read_text())
    document["calibration"] = {"scores": [0, 1], "log_odds": [1, 0], "slope": 1}
    (saved / "head.json").write_text(json.dumps(document))
    with pytest.raises(ClassifierError, match="ascending"):
        load_head(saved)


def test_a_head_of_another_encoder_is_refused(make_head: MakeHead, encoder: Encoder) -> None:
    with pytest.raises(ClassifierError, match="another one than is loaded"):
        HeadBank([make_head(encoder_sha256="0" * 64)], encoder)


def test_a_bank_scores_each_head_as_if_alone(make_head: MakeHead, encoder: Encoder) -> None:
    heads: list[Head] = [
        make_head("a"),
        make_head("b", ("bread and butter",)),
        make_head("c", ("the stock market",)),
    ]
    text = "bread at the lighthouse"
    embedding, ids = encoder.embed([text])[0], encoder.tokenize(text).ids
    together = HeadBank(heads, encoder)
    scores = together.score(embedding, ids, text)
    for head, score in zip(heads, scores, strict=True):
        alone = HeadBank([head], encoder)
        assert alone.score(embedding, ids, text)[0] == pytest.approx(score, rel=1e-4, abs=1e-4)

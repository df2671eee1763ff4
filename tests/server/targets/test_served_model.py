"""Which bundles fit the model that is served."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from lethe.bundle import BaseModel
from lethe.bundle.manifest import BaseModelReference
from lethe.server.targets.served_model import ServedModel, digest_at_hand

EMBEDDINGS = np.arange(32, dtype=np.float32).reshape(8, 4)


def fits(model: ServedModel, *bases: tuple[str, str]) -> list[bool]:
    references = [
        BaseModelReference(id=name, hidden_size=8, embedding_sha256=digit * 64) for name, digit in bases
    ]
    digests = model.embeddings(references)
    return [each.embedding_sha256 in digests for each in references]


def test_the_digest_decides_where_it_is_known() -> None:
    model = ServedModel("org/a", frozenset({"org/a"}), "0" * 64)
    assert fits(model, ("/a/folder", "0"), ("org/a", "1")) == [True, False]


def test_the_name_decides_elsewhere() -> None:
    model = ServedModel("org/a", frozenset({"org/a", "alias"}))
    assert fits(model, ("org/a", "0"), ("org/b", "1")) == [True, False]


def test_one_bundle_tells_the_digest_for_another() -> None:
    model = ServedModel("org/a", frozenset({"org/a"}))
    assert fits(model, ("/a/folder", "0"), ("org/a", "0")) == [True, True]


def test_a_model_whose_weights_are_at_hand_goes_by_its_name_and_digest() -> None:
    model = ServedModel.of(BaseModel("org/a", 8, "0" * 64))
    assert model == ServedModel("org/a", frozenset({"org/a"}), "0" * 64)


class TestDigestAtHand:
    """What an engine on this machine was loaded from."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A model's folder."""
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "config.json").write_text('{"hidden_size": 4}')
        (folder / "model.safetensors").write_bytes(save({"model.embed_tokens.weight": EMBEDDINGS}))
        return folder

    def test_the_folder_tells_it(self, folder: Path) -> None:
        digest = hashlib.sha256(EMBEDDINGS.tobytes()).hexdigest()
        assert digest_at_hand([str(folder)]) == digest
        assert digest_at_hand(["org/model", str(folder), str(folder / "nowhere")]) == digest

    def test_without_one_folder_alone_it_is_not_known(self, folder: Path) -> None:
        unseen = "/" + "a" * 300
        for roots in ([], ["org/model"], [str(folder), str(folder.parent)], [folder.name], [unseen], ["/\0"]):
            assert digest_at_hand(roots) is None

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("config.json", b"{"),
            ("config.json", b"[]"),
            ("config.json", b'{"hidden_size": 4, "text_config": null}'),
            ("model.safetensors", b""),
            ("model.safetensors", b"x" * 100),
            ("model.safetensors", b"\xff" * 100),
            ("model.safetensors", (2).to_bytes(8, "little") + b"{}"),
            ("model.safetensors", (33).to_bytes(8, "little") + b'{"model.embed_tokens.weight": {}}'),
        ],
    )
    def test_what_cannot_be_read_here_is_not_known(self, folder: Path, name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        assert digest_at_hand([str(folder)]) is None

"""Which bundles fit the model that is served."""

from lethe.bundle.manifest import BaseModelReference
from lethe.server.targets.served_model import ServedModel


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

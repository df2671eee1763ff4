"""The base model that engines serve, as far as it is known here, and what was made for it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lethe.bundle import BaseModel, BundleError, read_base_model
from lethe.bundle.manifest import BaseModelReference


@dataclass(frozen=True)
class ServedModel:
    """A served base model.

    Attributes
    ----------
    name
        What it is called towards people: a hub id or a folder.
    names
        Every name that engines know it by: what clients ask for, and what it was loaded from.
    embedding_sha256
        As of `bundle.BaseModel`, where its weights are at hand.
    """

    name: str
    names: frozenset[str]
    embedding_sha256: str | None = None

    @classmethod
    def of(cls, identity: BaseModel) -> "ServedModel":
        """A model whose weights are at hand."""
        return cls(identity.id, frozenset({identity.id}), identity.embedding_sha256)

    def embeddings(self, bases: Iterable[BaseModelReference]) -> frozenset[str]:
        """Digests of its embeddings, any of which makes a bundle fit.

        Parameters
        ----------
        bases
            What bundles say of base models. Where the weights are not at hand, one that goes by a name of this model
            tells its digest, also for the sake of another that has the same digest under another name.
        """
        if self.embedding_sha256 is not None:
            return frozenset({self.embedding_sha256})
        return frozenset(base.embedding_sha256 for base in bases if base.id in self.names)


def digest_at_hand(roots: Iterable[str]) -> str | None:
    """Digest of the embeddings in the one folder of this machine that an engine on it was loaded from; None if unknown."""
    # Where this user may not look, there is no folder for it.
    folders = [Path(root) for root in roots if root.startswith("/") and os.path.isdir(root)]
    if len(folders) != 1:
        return None
    try:
        return read_base_model(folders[0], folders[0].name).embedding_sha256
    except (BundleError, OSError, ValueError, AttributeError, LookupError, TypeError):
        # What vLLM can load is more than what is read here.
        return None

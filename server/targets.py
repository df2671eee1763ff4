"""The targets in force: their bundles, corruptions and classifier, loaded together and swapped together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle import Action, BaseModel, Bundle, BundleError, load_bundles
from corruption.artifact import Corruption, CorruptionError, load_corruption
from server.upstream import EngineFacts


@dataclass(frozen=True)
class Target:
    """One target as the policy sees it."""

    name: str
    version: str
    action: Action
    corruption: Corruption | None


class TargetSet:
    """The targets in force, by name; immutable, so that a request under way keeps the one it began with."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = {target.name: target for target in targets}

    def __getitem__(self, name: str) -> Target:
        return self._targets[name]

    def __iter__(self):
        return iter(self._targets.values())

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def corrupting(self) -> tuple[Target, ...]:
        """The targets whose action is to corrupt."""
        return tuple(target for target in self if target.action is Action.CORRUPT)


def load_targets(folder: Path) -> tuple[tuple[Bundle, ...], TargetSet]:
    """Load every bundle of a folder and what its action needs.

    Raises
    ------
    BundleError
        A bundle is damaged, or lacks what its action needs.
    """
    bundles = load_bundles(folder)
    return bundles, TargetSet([_load_target(bundle) for bundle in bundles])


def _load_target(bundle: Bundle) -> Target:
    action = bundle.manifest.action
    if bundle.classifier is None:
        raise BundleError(f"bundle {bundle.name}: it has no classifier, so it could never be flagged")
    if action is Action.ADAPTER:
        raise BundleError(
            f"bundle {bundle.name}: this release does not serve the action adapter; "
            "choose corrupt, refuse or observe"
        )
    corruption = None
    if action is Action.CORRUPT:
        if bundle.corruption is None or bundle.manifest.base_model is None:
            raise BundleError(
                f"bundle {bundle.name}: the action corrupt needs corruption.safetensors and base_model"
            )
        try:
            corruption = load_corruption(bundle.corruption, bundle.manifest.base_model.hidden_size)
        except CorruptionError as error:
            raise BundleError(f"bundle {bundle.name}: {error}") from None
    return Target(bundle.name, bundle.version, action, corruption)


def check_base_model(bundles: Sequence[Bundle], served: BaseModel | EngineFacts) -> None:
    """Check that corruptions were made for the model that is served.

    Parameters
    ----------
    served
        The model's own identity where its weights are at hand, else the names by which the engine knows it.

    Raises
    ------
    BundleError
        A bundle was made for another base model.
    """
    for bundle in bundles:
        made_for = bundle.manifest.base_model
        if bundle.manifest.action is not Action.CORRUPT or made_for is None:
            continue
        if isinstance(served, BaseModel):
            fits = served.embedding_sha256 == made_for.embedding_sha256
            found = f"{served.id} with embeddings {served.embedding_sha256[:12]}..."
        else:
            fits = made_for.id in served.names | served.roots
            found = ", ".join(sorted(served.names | served.roots))
        if not fits:
            raise BundleError(
                f"bundle {bundle.name} was made for {made_for.id} with embeddings "
                f"{made_for.embedding_sha256[:12]}..., but the engine serves {found}; "
                "learn its corruption again for this model, or take the bundle out"
            )


def check_plugin(bundles: Sequence[Bundle], engine: EngineFacts) -> None:
    """Check that the engine can corrupt, if a bundle asks for it.

    Raises
    ------
    BundleError
        A bundle's action is to corrupt, but the engine does not run the plugin.
    """
    corrupting = [bundle.name for bundle in bundles if bundle.manifest.action is Action.CORRUPT]
    if corrupting and not engine.has_plugin:
        raise BundleError(
            f"the engine does not run Lethe's plugin, which {', '.join(corrupting)} needs; "
            "install lethegate beside vLLM on the engine's host"
        )

"""What the guard needs of the side of the engines: the models that are served, and who puts targets in force for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lethe.server.guard.verification import Verifier
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import TargetSet


class AskedModel(Protocol):
    """A model that is served, as the guard sees it.

    Attributes
    ----------
    name
        Tells it from others; empty where there is one alone.
    model
        What it is; None while that is not known.
    verifier
        Looks again at unsure verdicts, where the policy says so; None for nobody.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> ServedModel | None: ...

    @property
    def verifier(self) -> Verifier | None: ...


class Host(Protocol):
    """What the guard needs of the engines' side.

    Attributes
    ----------
    models
        Those that are served; at least one.
    """

    @property
    def models(self) -> Iterable[AskedModel]: ...

    async def install(self, targets: TargetSet) -> None:
        """Make sure that targets can come into force; raises `BundleError` if they cannot."""

    async def settle(self, targets: TargetSet) -> None:
        """These targets, and no others, are in force from now on."""


@dataclass(frozen=True)
class Unasked:
    """A model that decisions are made for, and that is asked nothing; see `AskedModel`."""

    model: ServedModel | None = None
    name: str = ""
    verifier: Verifier | None = None


class NoEngines:
    """A host for deciding alone, where nothing is asked of an engine."""

    def __init__(self, *models: AskedModel) -> None:
        self.models = models or (Unasked(),)

    async def install(self, targets: TargetSet) -> None:
        """Take them as they are."""

    async def settle(self, targets: TargetSet) -> None:
        """Take them as they are."""

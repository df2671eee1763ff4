"""Putting changed targets and keys in force while the proxy runs."""

import logging
from collections.abc import Callable

from lethe.bundle import BundleError
from lethe.bundle.errors import LetheError
from lethe.server.errors import OperatorError
from lethe.server.guard.guard import Guard

_LOGGER = logging.getLogger("lethe.reload")


class ReloadError(LetheError):
    """What is on disk cannot be put in force; what was in force stays."""


class Reload:
    """Loads bundles anew, and before them what must not wait for a bundle: keys, certificates.

    Parameters
    ----------
    load_first
        Load the latter; each raises `OperatorError` and leaves what was in force.
    """

    def __init__(self, guard: Guard, *load_first: Callable[[], None]) -> None:
        self._guard = guard
        self._load_first = load_first

    async def __call__(self) -> None:
        """Load everything; on an error, say so and keep what is in force."""
        try:
            await self.try_all()
        except ReloadError as error:
            _LOGGER.error("reload failed, what was in force stays: %s", error)

    async def try_all(self) -> None:
        """Load everything.

        Raises
        ------
        ReloadError
            Something is not usable. Good keys come into force even if a bundle is bad: a revocation must not
            wait for it.
        """
        try:
            for load in self._load_first:
                load()
            await self._guard.load()
        except (BundleError, OperatorError) as error:
            raise ReloadError(str(error)) from None
        _LOGGER.info("reloaded: %s", self._guard.describe())

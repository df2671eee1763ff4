"""Putting changed targets and keys in force while the proxy runs."""

import logging

from lethe.bundle import BundleError
from lethe.bundle.errors import LetheError
from lethe.server.access.access import Access
from lethe.server.errors import OperatorError
from lethe.server.guard.guard import Guard

_LOGGER = logging.getLogger("lethe.reload")


class ReloadError(LetheError):
    """What is on disk cannot be put in force; what was in force stays."""


class Reload:
    """Loads bundles and keys anew."""

    def __init__(self, guard: Guard, access: Access) -> None:
        self._guard = guard
        self._access = access

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
            The keys or a bundle are not usable. Good keys come into force even if a bundle is bad: a
            revocation must not wait for it.
        """
        try:
            self._access.load()
            await self._guard.load()
        except (BundleError, OperatorError) as error:
            raise ReloadError(str(error)) from None
        _LOGGER.info("reloaded: %s", self._guard.describe())

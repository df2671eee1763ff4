"""Putting changed targets and keys in force while the proxy runs."""

import logging
import time
from collections.abc import Callable

from lethe.bundle import BundleError
from lethe.bundle.errors import LetheError
from lethe.server.audit.log import Audit, NoAudit
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
    audit
        Where it is written down that another version of a bundle has come into force.
    """

    def __init__(self, guard: Guard, *load_first: Callable[[], None], audit: Audit | None = None) -> None:
        self._guard = guard
        self._load_first = load_first
        self._audit = audit or NoAudit()
        self._versions: dict[str, str] = {}

    async def __call__(self) -> None:
        """Load everything; on an error, say so and keep what is in force."""
        try:
            await self.try_all()
        except ReloadError as error:
            _LOGGER.error("reload failed, what was in force stays: %s", error)
        except Exception:
            # A fault of the program's: whoever watches must go on all the same, or no key could be revoked any more.
            _LOGGER.exception("reload failed, what was in force stays")

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
        # Whoever watches folders takes no further change up where anything else comes of one.
        except (BundleError, OperatorError, OSError) as error:
            raise ReloadError(str(error)) from None
        self.record_versions()
        _LOGGER.info("reloaded: %s", self._guard.describe())

    def record_versions(self) -> None:
        """Write down the versions that have come into force since this was last done, whoever made them."""
        before, self._versions = self._versions, {each.name: each.version for each in self._guard.targets}
        for name, version in self._versions.items():
            if before.get(name) != version:
                self._audit.record(
                    {
                        "time": time.time(),
                        "event": "version_in_force",
                        "target": name,
                        "version": version,
                        "version_before": before.get(name),
                    }
                )

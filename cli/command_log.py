"""What commands change, written down as the proxy's decisions are: sealed, and in a log of their own beside its."""

import contextlib
import getpass
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lethe.bundle import Bundle
    from lethe.server.audit.log import AuditLog
    from lethe.server.settings.records import AuditSettings

# A proxy that runs holds its own log.
_FOLDER = "commands"
_TRIES, _PAUSE_S = 10, 0.2


@contextlib.contextmanager
def recorded_command(event: str, target: str | None = None) -> Iterator[dict[str, Any]]:
    """Write an entry when the block ends well, where an audit log is kept; gives the entry, to add to.

    Raises
    ------
    OperatorError
        The log cannot be written, or another command writes there; nothing of the block is done then.
    """
    from lethe.server.settings.loading import load_settings

    entry: dict[str, Any] = {"event": event} | ({"target": target} if target else {})
    settings = load_settings().audit
    if settings.folder is None:
        yield entry
        return
    log = _open(settings.folder / _FOLDER, settings)
    try:
        yield entry
        log.record({"time": time.time(), "user": user_name(), **entry})
    finally:
        log.close()


def record_bundle(event: str, bundle: "Bundle") -> None:
    """Write an entry for a bundle that a command made or changed, with its version; see `recorded_command`."""
    with recorded_command(event, bundle.name) as entry:
        entry["version"] = bundle.version


def _open(folder: Path, settings: "AuditSettings") -> "AuditLog":
    from lethe.server.audit.log import AuditLog
    from lethe.server.errors import OperatorError

    for _ in range(_TRIES):
        # Another command holds the log for a moment.
        with contextlib.suppress(OperatorError):
            return AuditLog(folder, max_bytes=settings.max_bytes, keep=settings.keep)
        time.sleep(_PAUSE_S)
    return AuditLog(folder, max_bytes=settings.max_bytes, keep=settings.keep)


def user_name() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have a number alone.
        return f"user {os.getuid()}"

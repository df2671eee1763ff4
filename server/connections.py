"""The connections of clients: how many there are, and which of them make room for others.

Who connects and asks nothing needs no key. So there are only so many connections, and for one more the one that has been
without a request for the longest is ended. Knows nothing about HTTP.
"""

import resource
from typing import Protocol

from lethe.server.metrics import Metrics

# Of the files that a process may have open, for all but its connections.
_OTHER_FILES = 128


class ClientConnection(Protocol):
    """A client's connection."""

    def make_room(self) -> None:
        """End it: it carries no request."""
        ...


class Connections:
    """All that are open.

    Parameters
    ----------
    most
        How many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[ClientConnection] = set()
        # The one that has been so for the longest is the first.
        self._without_request: dict[ClientConnection, None] = {}

    def opened(self, connection: ClientConnection) -> bool:
        """One was opened; whether there is room for it, which another may have had to make."""
        self._open.add(connection)
        if len(self._open) > self._most:
            longest = next(iter(self._without_request), None)
            if longest is None:
                return False
            del self._without_request[longest]
            longest.make_room()
        self._without_request[connection] = None
        return True

    def asked(self, connection: ClientConnection) -> None:
        """One carries a request."""
        self._without_request.pop(connection, None)

    def answered(self, connection: ClientConnection) -> None:
        """One carries none any longer."""
        if connection in self._open:
            self._without_request[connection] = None

    def closed(self, connection: ClientConnection) -> None:
        """One was closed."""
        self._open.discard(connection)
        self._without_request.pop(connection, None)

    def show_in(self, metrics: Metrics) -> None:
        """Show how many there are."""
        metrics.show(
            "gauge", "lethe_connections", "Connections of clients that are open.", lambda: len(self._open)
        )


def connections_within_files(most: int) -> int:
    """How many connections of clients fit the files that this process may open, each with one to an engine, up to so many.

    The limit is raised as far as that takes and as far as this process may.
    """
    wanted = 2 * most + _OTHER_FILES
    allowed, at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if at_most == resource.RLIM_INFINITY else min(wanted, at_most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, at_most))
    return most if allowed == resource.RLIM_INFINITY else max(1, min(most, (allowed - _OTHER_FILES) // 2))

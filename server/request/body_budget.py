"""How much the bodies of all requests under way hold together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lethe.server.errors import Unavailable


class BodyBudget:
    """A bound in bytes that requests share."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Gives what takes bytes out of the budget; all of them are given back when the block ends.

        What it gives raises `Unavailable` where so many are not left.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise Unavailable(
                    "The bodies of the requests under way take up too much memory.",
                    code="overloaded",
                    retry_after_s=1,
                )
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken

"""Who may ask for what, how often, and how many requests at a time."""

import math
from pathlib import Path

from starlette.datastructures import Headers

from server.errors import Forbidden, TooManyRequests, Unauthorized
from server.key_file import read_keys
from server.keys import ANYONE, ApiKey, KeyRing, Scope
from server.rate_limit import RateLimiter


class Access:
    """The door.

    Parameters
    ----------
    keys
        The file of keys. Without one everybody may use and observe, and nobody may administer.
    limiter
        Counts the requests of keys that have a limit.
    """

    def __init__(self, keys: Path | None, limiter: RateLimiter) -> None:
        self._file = keys
        self._limiter = limiter
        self._ring: KeyRing | None = None
        self._under_way: dict[str, int] = {}

    @property
    def is_open(self) -> bool:
        """Whether clients need no key."""
        return self._file is None

    def load(self) -> None:
        """Read the keys and put them in force.

        Raises
        ------
        StartupError
            The file cannot be used; the keys that were in force stay so.
        """
        if self._file is not None:
            self._ring = KeyRing(read_keys(self._file))

    def identify(self, headers: Headers, scope: Scope) -> ApiKey:
        """The key of a request, which must have a scope.

        Raises
        ------
        Unauthorized
            The request bears no valid key.
        Forbidden
            Its key does not have the scope.
        """
        key = ANYONE if self._file is None else self._find(headers)
        if scope not in key.scopes:
            if key is ANYONE:
                raise Forbidden(
                    f"This needs a key with the scope {scope.value}, and no keys are set up here."
                )
            raise Forbidden(f"The key {key.id} does not have the scope {scope.value}.")
        return key

    async def admit(self, key: ApiKey) -> None:
        """Count a request against its key's limits; `release` must be called at its end.

        Raises
        ------
        TooManyRequests
            The key has used up its rate, or as many requests as it may have are under way.
        """
        if key.concurrency is not None and self._under_way.get(key.id, 0) >= key.concurrency:
            raise TooManyRequests(
                f"The key {key.id} may have {key.concurrency} requests under way at a time.",
                code="concurrency_limit_exceeded",
                retry_after_s=1,
            )
        self._under_way[key.id] = self._under_way.get(key.id, 0) + 1
        if key.requests_per_minute is not None:
            try:
                wait = await self._limiter.take(key.id, key.requests_per_minute)
            except BaseException:
                self.release(key)
                raise
            if wait > 0:
                self.release(key)
                raise TooManyRequests(
                    f"The key {key.id} may send {key.requests_per_minute} requests a minute.",
                    code="rate_limit_exceeded",
                    retry_after_s=math.ceil(wait),
                )

    def release(self, key: ApiKey) -> None:
        """The end of a request that was admitted."""
        self._under_way[key.id] -= 1

    def _find(self, headers: Headers) -> ApiKey:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        key = None
        if self._ring is not None and scheme.lower() == "bearer":
            key = self._ring.find(secret.strip())
        if key is None:
            raise Unauthorized(
                "A valid key must be sent as `Authorization: Bearer ...`.", code="invalid_api_key"
            )
        return key

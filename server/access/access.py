"""Who may ask for what, how often, and how many requests at a time."""

import math
from collections.abc import Iterator
from pathlib import Path

from starlette.datastructures import Headers

from lethe.server.access.key_file import read_keys
from lethe.server.access.keys import ANYONE, ApiKey, KeyRing, Quota, Scope
from lethe.server.access.limits import KeyLimits, LimitReached, Release
from lethe.server.errors import Forbidden, TooManyRequests, Unauthorized


class Access:
    """The door.

    Parameters
    ----------
    keys
        The file of keys. Without one everybody may use and observe, and nobody may administer.
    limits
        Counts the requests of keys that have a limit.
    """

    def __init__(self, keys: Path | None, limits: KeyLimits) -> None:
        self._file = keys
        self._limits = limits
        self._ring: KeyRing | None = None

    @property
    def is_open(self) -> bool:
        """Whether clients need no key."""
        return self._file is None

    @property
    def administrators(self) -> frozenset[str]:
        """The ids of the keys that may administer now."""
        return self._ring.administrators if self._ring else frozenset()

    def load(self) -> None:
        """Read the keys and put them in force.

        Raises
        ------
        OperatorError
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

    async def admit(self, quota: Quota) -> Release:
        """Count a request against a quota; what is returned must be called at its end, once.

        Raises
        ------
        TooManyRequests
            Its rate is used up, or as many requests as it allows are in flight.
        """
        try:
            return await self._limits.admit(quota)
        except LimitReached as reached:
            allowed = {
                "rate": f"send {quota.requests_per_minute} requests a minute",
                "concurrency": f"have {quota.concurrency} requests in flight at a time",
            }
            raise TooManyRequests(
                f"The {_whose(quota)} may {allowed[reached.limit]}.",
                code=f"{reached.limit}_limit_exceeded",
                retry_after_s=math.ceil(reached.retry_after_s),
            ) from None

    def _find(self, headers: Headers) -> ApiKey:
        for secret in _secrets(headers):
            if self._ring is not None and (key := self._ring.find(secret)) is not None:
                return key
        raise Unauthorized(
            "A valid key must be sent as `Authorization: Bearer ...` or as `x-api-key: ...`.",
            code="invalid_api_key",
        )


def _whose(quota: Quota) -> str:
    kind, colon, name = quota.name.partition(":")
    return f"team {name}, of all its keys together," if colon and kind == "team" else f"key {quota.name}"


def _secrets(headers: Headers) -> Iterator[str]:
    """What a request bears for a key, OpenAI's way and Anthropic's."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield secret.strip()
    if "x-api-key" in headers:
        yield headers["x-api-key"].strip()

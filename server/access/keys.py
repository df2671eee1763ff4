"""API keys: who a client is and what it may do. Knows nothing about HTTP or files."""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from enum import StrEnum

import pydantic
from pydantic import AwareDatetime, Field


class Scope(StrEnum):
    """What a key may be used for; none brings another."""

    USE = "use"
    CHECK = "check"
    OBSERVE = "observe"
    ADMIN = "admin"


class ApiKey(pydantic.BaseModel):
    """One key, without its secret.

    Attributes
    ----------
    id
        Names the key in logs and commands; no secret.
    sha256
        Digest of the whole key. A key is 256 random bits, so a slow hash would protect nothing.
    exempt
        Targets that do not apply to the key; every other one does, also those that come later.
    models
        Names of the models that it may ask for, any of a model's; None for all, also those that come later.
    requests_per_minute, concurrency
        Limits; None for none.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    name: str = ""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = frozenset({Scope.USE})
    exempt: frozenset[str] = frozenset()
    models: frozenset[str] | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or moment < self.expires)

    def may_ask(self, names: Collection[str]) -> bool:
        """Whether the key may ask for the model that goes by these names."""
        return self.models is None or not self.models.isdisjoint(names)


ANYONE = ApiKey(
    id="anyone",
    sha256="0" * 64,
    scopes=frozenset({Scope.USE, Scope.OBSERVE}),
    created=datetime.fromtimestamp(0, UTC),
)
"""Stands for every client where no keys are kept."""


def administrators(keys: Iterable[ApiKey]) -> frozenset[str]:
    """The ids of the keys that may administer now."""
    now = datetime.now(UTC)
    return frozenset(key.id for key in keys if Scope.ADMIN in key.scopes and key.valid_at(now))


class KeyRing:
    """The keys that are known; immutable, so that it is swapped as a whole."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_digest = {key.sha256: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_digest)

    @property
    def administrators(self) -> frozenset[str]:
        """The ids of the keys that may administer now."""
        return administrators(self._by_digest.values())

    def find(self, secret: str) -> ApiKey | None:
        """The valid key whose secret this is.

        The comparison is of digests, whose timing tells nothing about a secret.
        """
        key = self._by_digest.get(digest_of(secret))
        return key if key is not None and key.valid_at(datetime.now(UTC)) else None


def new_secret() -> tuple[str, str]:
    """A new key's id and secret."""
    identity = secrets.token_hex(4)
    return identity, f"lethe-{identity}-{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()

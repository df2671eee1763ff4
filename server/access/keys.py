"""API keys and their teams: who a client is and what it may do. Knows nothing about HTTP or files."""

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import pydantic
from pydantic import AwareDatetime, Field


class Scope(StrEnum):
    """What a key may be used for; none brings another."""

    USE = "use"
    CHECK = "check"
    OBSERVE = "observe"
    ADMIN = "admin"


class KeyAction(StrEnum):
    """What a positive verdict leads to for a client, in place of what it leads to for others.

    ``act`` is the target's own action, also where that is taken for a share of the keys alone.
    """

    ACT = "act"
    REFUSE = "refuse"
    OBSERVE = "observe"


class ClientTarget(pydantic.BaseModel):
    """How one target applies to a client, where that is not as to others.

    Attributes
    ----------
    action
        What a positive verdict leads to.
    threshold
        The probability from which a prompt is flagged.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    action: KeyAction | None = None
    threshold: float | None = Field(default=None, gt=0, le=1)

    def or_else(self, other: "ClientTarget") -> "ClientTarget":
        """This, and of another what is not said here."""
        return ClientTarget(
            action=self.action or other.action,
            threshold=other.threshold if self.threshold is None else self.threshold,
        )


@dataclass(frozen=True)
class Quota:
    """How much may be asked under one name.

    Attributes
    ----------
    requests_per_minute, concurrency
        Limits; None for none.
    """

    name: str
    requests_per_minute: int | None = None
    concurrency: int | None = None


class ClientPolicy(pydantic.BaseModel):
    """What one client, or several together, may ask for, and how targets apply to them.

    Attributes
    ----------
    exempt
        Targets that do not apply; every other one does, also those that come later.
    targets
        How targets apply otherwise than to others.
    models
        Names of the models that may be asked for, any of a model's; None for all, also those that come later.
    requests_per_minute, concurrency
        Limits; None for none.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    exempt: frozenset[str] = frozenset()
    targets: Mapping[str, ClientTarget] = {}
    models: frozenset[str] | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)

    def allows(self, names: Collection[str]) -> bool:
        """Whether the model that goes by these names may be asked for."""
        return self.models is None or not self.models.isdisjoint(names)


class Team(ClientPolicy):
    """Several keys that are held to something together; their requests count against its limits as one client's."""

    name: str

    @pydantic.field_validator("name")
    @classmethod
    def _can_be_typed(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
            raise ValueError(
                f"{name!r} is no team's name, which has lower case letters, digits, dots, dashes and underscores alone"
            )
        return name


def _team_of(value: Any, info: pydantic.ValidationInfo) -> Any:
    teams: Mapping[str, Team] = (info.context or {}).get("teams", {})
    if not isinstance(value, str):
        return value
    if value not in teams:
        raise ValueError(f"there is no team {value}")
    return teams[value]


class ApiKey(ClientPolicy):
    """One key, without its secret.

    Attributes
    ----------
    id
        Names the key in logs and commands; no secret.
    sha256
        Digest of the whole key. A key is 256 random bits, so a slow hash would protect nothing.
    team
        Whose policy applies besides: what either forbids is forbidden, and where both say how a target applies, the key's
        own word counts. Written as its name; read by the context's ``teams``.
    """

    id: str = Field(min_length=1)
    name: str = ""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = frozenset({Scope.USE})
    team: Annotated[
        Team | None,
        pydantic.BeforeValidator(_team_of),
        pydantic.PlainSerializer(lambda team: team and team.name, when_used="json"),
    ] = None
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or moment < self.expires)

    def may_ask(self, names: Collection[str]) -> bool:
        """Whether the key may ask for the model that goes by these names."""
        return all(policy.allows(names) for policy in self._policies)

    def is_exempt(self, target: str) -> bool:
        """Whether a target does not apply to the key."""
        return any(target in policy.exempt for policy in self._policies)

    def how(self, target: str) -> ClientTarget:
        """How a target applies to the key otherwise than to others."""
        own = self.targets.get(target, _AS_OTHERS)
        return own.or_else(self.team.targets.get(target, _AS_OTHERS)) if self.team else own

    @cached_property
    def thresholds(self) -> Mapping[str, float]:
        """By target, the probability from which a prompt is flagged, where that is not the target's own."""
        named = {name for policy in self._policies for name in policy.targets}
        found = {name: self.how(name).threshold for name in named}
        return {name: threshold for name, threshold in found.items() if threshold is not None}

    @cached_property
    def quotas(self) -> tuple[Quota, ...]:
        """What a request counts against: the key's own limits first, then its team's."""
        own = Quota(self.id, self.requests_per_minute, self.concurrency)
        if self.team is None:
            return (own,)
        return (
            own,
            Quota(f"team:{self.team.name}", self.team.requests_per_minute, self.team.concurrency),
        )

    @property
    def _policies(self) -> tuple[ClientPolicy, ...]:
        return (self, self.team) if self.team else (self,)


_AS_OTHERS = ClientTarget()


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

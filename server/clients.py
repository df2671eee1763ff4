"""Keys and teams as an administrator reads and changes them; what is changed is in force at once, and recorded."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pydantic
from fastapi import APIRouter, Request

from lethe.bundle import BundleError, survey_bundles
from lethe.server.access.access import Access
from lethe.server.access.key_file import (
    TeamInUse,
    UnknownClient,
    change_key,
    read_clients,
    remove_team,
    set_team,
)
from lethe.server.access.keys import ApiKey, ClientPolicy, Scope, Team
from lethe.server.audit.log import Audit
from lethe.server.endpoints.body import read_body
from lethe.server.endpoints.field_kinds import invalid_body
from lethe.server.errors import BadRequest, Conflict, NotFound, OperatorError
from lethe.server.openapi import body_schema
from lethe.server.schemas import ClientEntries, ClientKey, ClientTeam, KeyBody, PolicyBody
from lethe.server.settings.settings import Settings

_Body = TypeVar("_Body", bound=PolicyBody)


class ClientRoutes:
    """Answers what administrators ask of keys and teams."""

    def __init__(self, settings: Settings, access: Access, audit: Audit) -> None:
        self._settings = settings
        self._access = access
        self._audit = audit
        self._changing = asyncio.Lock()

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        router.get("/admin/clients")(self.clients)
        router.put("/admin/keys/{key}", openapi_extra=body_schema(KeyBody))(self.put_key)
        router.put("/admin/teams/{team}", openapi_extra=body_schema(PolicyBody))(self.put_team)
        router.delete("/admin/teams/{team}")(self.remove_team)

    async def clients(self, request: Request) -> ClientEntries:
        """Every key and team, and what each is held to; no secrets, which are kept nowhere."""
        self._access.identify(request.headers, Scope.ADMIN)
        return await asyncio.to_thread(self._clients)

    async def put_key(self, key: str, request: Request) -> ClientEntries:
        """Hold a key to what is named, and to nothing else: its team and its own policy. Scopes and validity stay."""
        by = self._access.identify(request.headers, Scope.ADMIN)
        body = await self._read(request, KeyBody)
        await self._change(partial(change_key, identity=key, **body.model_dump()))
        self._record("key_changed", by, changed=key, policy=_said(body))
        return await asyncio.to_thread(self._clients)

    async def put_team(self, team: str, request: Request) -> ClientEntries:
        """Make a team, or hold one to what is named, and to nothing else."""
        by = self._access.identify(request.headers, Scope.ADMIN)
        body = await self._read(request, PolicyBody)
        await self._change(partial(set_team, name=team, **body.model_dump(mode="json")))
        self._record("team_changed", by, team=team, policy=_said(body))
        return await asyncio.to_thread(self._clients)

    async def remove_team(self, team: str, request: Request) -> ClientEntries:
        """Take a team out; `409` while a valid key is in it."""
        by = self._access.identify(request.headers, Scope.ADMIN)
        await self._change(partial(remove_team, name=team))
        self._record("team_removed", by, team=team)
        return await asyncio.to_thread(self._clients)

    async def _read(self, request: Request, shape: type[_Body]) -> _Body:
        limits = self._settings.limits
        raw = await read_body(request, self._settings.max_body_bytes, limits.body_timeout_s)
        try:
            body = shape.model_validate_json(raw)
        except pydantic.ValidationError as error:
            raise invalid_body(error) from None
        await asyncio.to_thread(self._require_targets, {*body.exempt, *body.targets})
        return body

    def _require_targets(self, named: set[str]) -> None:
        """A name that no bundle has would be held to nothing, and nobody would notice."""
        try:
            found = {each.name for each in survey_bundles(self._settings.targets)}
        except BundleError as error:
            raise Conflict(str(error)) from None
        if unknown := sorted(named - found):
            raise BadRequest(
                f"there is no target {', '.join(unknown)}; there are {', '.join(sorted(found)) or 'none'}"
            )

    async def _change(self, change: Callable[[Path], object]) -> None:
        file = self._file
        async with self._changing:
            try:
                await asyncio.to_thread(change, file)
                self._access.load()
            except UnknownClient as error:
                raise NotFound(str(error)) from None
            except TeamInUse as error:
                raise Conflict(str(error)) from None
            except OperatorError as error:
                raise BadRequest(str(error)) from None
            except OSError as error:
                raise Conflict(
                    f"{file} cannot be written here ({error.strerror}); use `lethe keys` and `lethe teams` where it can"
                ) from None

    @property
    def _file(self) -> Path:
        # Without one nobody has the scope to come here.
        assert self._settings.keys is not None
        return self._settings.keys

    def _clients(self) -> ClientEntries:
        clients, now = read_clients(self._file), datetime.now(UTC)
        return ClientEntries(
            keys=[_key(key, now) for key in clients.keys],
            teams=[
                ClientTeam(name=team.name, keys=_members(team, clients.keys), **_policy(team))
                for team in clients.teams.values()
            ],
        )

    def _record(self, event: str, by: ApiKey, **told: Any) -> None:
        self._audit.record({"time": time.time(), "event": event, "key": by.id} | told)


def _said(body: PolicyBody) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_defaults=True)


def _key(key: ApiKey, now: datetime) -> ClientKey:
    state = "valid" if key.valid_at(now) else "revoked" if key.revoked else "expired"
    return ClientKey(
        id=key.id,
        name=key.name,
        team=key.team.name if key.team else None,
        scopes=sorted(key.scopes),
        state=state,
        expires=key.expires,
        **_policy(key),
    )


def _members(team: Team, keys: Sequence[ApiKey]) -> list[str]:
    return [key.id for key in keys if key.team is not None and key.team.name == team.name]


def _policy(client: ClientPolicy) -> Mapping[str, Any]:
    return client.model_dump(mode="json", include=set(ClientPolicy.model_fields))

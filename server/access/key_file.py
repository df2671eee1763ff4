"""The file that API keys and their teams are kept in; it holds digests, never secrets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from lethe.bundle.files import locked, replace_file
from lethe.server.access.keys import ApiKey, Team, digest_of, new_secret
from lethe.server.errors import OperatorError

_Section = TypeVar("_Section")


@dataclass(frozen=True)
class Clients:
    """What a file of keys holds.

    Attributes
    ----------
    keys
        Also the revoked ones.
    teams
        By name; a key's own names one of these.
    """

    keys: tuple[ApiKey, ...] = ()
    teams: Mapping[str, Team] = field(default_factory=dict)

    def key(self, identity: str) -> ApiKey:
        """The key of this id; raises `UnknownClient` if there is none."""
        for key in self.keys:
            if key.id == identity:
                return key
        raise UnknownClient(f"there is no key {identity}; see `lethe keys list`")

    def team(self, name: str) -> Team:
        """The team of this name; raises `UnknownClient` if there is none."""
        if name not in self.teams:
            raise UnknownClient(f"there is no team {name}; see `lethe teams list`")
        return self.teams[name]


class UnknownClient(OperatorError):
    """A file of keys holds no key, or no team, of this name."""


class TeamInUse(OperatorError):
    """A valid key is in the team, and would be held to less without it."""


def read_keys(path: Path) -> list[ApiKey]:
    """Read every key, also the revoked ones, each with its team; see `read_clients`."""
    return list(read_clients(path).keys)


def read_clients(path: Path) -> Clients:
    """Read the keys and their teams.

    Raises
    ------
    OperatorError
        The file is missing or holds something else.
    """
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        raise OperatorError(f"no file of keys at {path}; make one with `lethe keys create`") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise OperatorError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or set(document) - {"keys", "teams"}:
        raise OperatorError(f"{path} must hold `keys:` and a list of keys, and may hold `teams:`")
    teams = _read(path, "teams", list[Team], document.get("teams") or [])
    _no_two_alike(path, "teams", [team.name for team in teams], "name")
    by_name = {team.name: team for team in teams}
    keys = _read(path, "keys", list[ApiKey], document.get("keys") or [], teams=by_name)
    for kind in ("id", "sha256"):
        _no_two_alike(path, "keys", [getattr(key, kind) for key in keys], kind)
    return Clients(tuple(keys), by_name)


def _read(path: Path, section: str, kind: type[_Section], document: Any, **context: Any) -> _Section:
    try:
        return pydantic.TypeAdapter(kind).validate_python(document, context=context)
    except pydantic.ValidationError as error:
        raise OperatorError(f"{path}: {section}.{_first_fault(error)}") from None


def _no_two_alike(path: Path, section: str, values: Sequence[str], kind: str) -> None:
    if twice := {value for value in values if values.count(value) > 1}:
        raise OperatorError(f"{path}: two {section} have the {kind} {twice.pop()}")


def create_key(path: Path, **fields: Any) -> tuple[ApiKey, str]:
    """Make a key and keep it in the file, which is made too if it is not there.

    Parameters
    ----------
    fields
        Of `ApiKey`.

    Returns
    -------
    key, secret
        The secret is kept nowhere.

    Raises
    ------
    OperatorError
        The file cannot be used, or a field is not acceptable.
    """
    identity, secret = new_secret()
    fixed = {"id": identity, "sha256": digest_of(secret), "created": _now()}

    def added(clients: Clients) -> Clients:
        return replace(clients, keys=(*clients.keys, _valid(ApiKey, fields | fixed, clients)))

    return _change(path, added).keys[-1], secret


def change_key(path: Path, identity: str, **fields: Any) -> ApiKey:
    """Change some fields of a key, its team's name among them.

    Raises
    ------
    UnknownClient
        There is no such key.
    OperatorError
        A field is not acceptable.
    """

    def changed(clients: Clients) -> Clients:
        before = clients.key(identity)
        after = _valid(ApiKey, _written(before) | fields, clients)
        return replace(clients, keys=tuple(after if key is before else key for key in clients.keys))

    return _change(path, changed).key(identity)


def revoke_key(path: Path, identity: str) -> None:
    """Mark a key as revoked; it stays in the file, so that records of its use can still be read.

    Raises
    ------
    UnknownClient
        There is no such key.
    """

    def revoked(clients: Clients) -> Clients:
        found = clients.key(identity)
        gone = found.model_copy(update={"revoked": found.revoked or _now()})
        return replace(clients, keys=tuple(gone if key is found else key for key in clients.keys))

    _change(path, revoked)


def set_team(path: Path, name: str, **fields: Any) -> Team:
    """Make a team, or change some fields of one.

    Raises
    ------
    OperatorError
        A field is not acceptable.
    """

    def changed(clients: Clients) -> Clients:
        before = _written(clients.teams[name]) if name in clients.teams else {}
        team = _valid(Team, before | fields | {"name": name}, clients)
        return replace(clients, teams={**clients.teams, name: team})

    return _change(path, changed).team(name)


def remove_team(path: Path, name: str) -> None:
    """Take a team out.

    Raises
    ------
    UnknownClient
        There is no such team.
    TeamInUse
        A valid key is in it.
    """

    def removed(clients: Clients) -> Clients:
        clients.team(name)
        members = [key for key in clients.keys if key.team and key.team.name == name]
        if valid := [key.id for key in members if key.valid_at(_now())]:
            raise TeamInUse(
                f"team {name} has the keys {', '.join(valid)}; put them into another, or revoke them"
            )
        keys = tuple(key.model_copy(update={"team": None}) if key in members else key for key in clients.keys)
        return Clients(keys, {other: team for other, team in clients.teams.items() if other != name})

    _change(path, removed)


def _valid(kind: type[_Section], fields: Mapping[str, Any], clients: Clients) -> _Section:
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(fields), context={"teams": clients.teams})
    except pydantic.ValidationError as error:
        raise OperatorError(_first_fault(error)) from None


def _first_fault(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def _change(path: Path, change: Callable[[Clients], Clients]) -> Clients:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two commands at once would otherwise each write the file without the other's key.
    with locked(path.parent):
        clients = change(read_clients(path) if path.exists() else Clients())
        document = {"keys": [_written(key) for key in clients.keys]}
        if clients.teams:
            document["teams"] = [_written(team) for team in clients.teams.values()]
        # Keys hold their team as it was before: what is told is what is read back.
        replace_file(path, yaml.safe_dump(document, sort_keys=False), mode=0o600)
        return read_clients(path)


def _written(client: ApiKey | Team) -> dict[str, Any]:
    """As it stands in the file, its name first."""
    fields = client.model_dump(mode="json", exclude_defaults=True)
    first = "id" if isinstance(client, ApiKey) else "name"
    return {first: fields[first]} | fields


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

"""The file that API keys are kept in; it holds digests, never secrets."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydantic
import yaml

from lethe.bundle.files import locked, replace_file
from lethe.server.access.keys import ApiKey, digest_of, new_secret
from lethe.server.errors import OperatorError


def read_keys(path: Path) -> list[ApiKey]:
    """Read every key, also the revoked ones.

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
    if not isinstance(document, dict) or set(document) - {"keys"}:
        raise OperatorError(f"{path} must hold `keys:` and a list of keys")
    try:
        keys = pydantic.TypeAdapter(list[ApiKey]).validate_python(document.get("keys") or [])
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise OperatorError(f"{path}: keys.{field}: {first['msg']}") from None
    for kind in ("id", "sha256"):
        values = [getattr(key, kind) for key in keys]
        if twice := {value for value in values if values.count(value) > 1}:
            raise OperatorError(f"{path}: two keys have the {kind} {twice.pop()}")
    return keys


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
    try:
        key = ApiKey(id=identity, sha256=digest_of(secret), created=_now(), **fields)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise OperatorError(f"{first['loc'][0]}: {first['msg']}") from None
    _change(path, lambda keys: [*keys, key])
    return key, secret


def revoke_key(path: Path, identity: str) -> None:
    """Mark a key as revoked; it stays in the file, so that records of its use can still be read.

    Raises
    ------
    OperatorError
        There is no such key.
    """

    def revoked(keys: list[ApiKey]) -> list[ApiKey]:
        if identity not in {key.id for key in keys}:
            raise OperatorError(f"no key {identity} in {path}; see `lethe keys list`")
        return [
            key.model_copy(update={"revoked": key.revoked or _now()}) if key.id == identity else key
            for key in keys
        ]

    _change(path, revoked)


def _change(path: Path, change: Callable[[list[ApiKey]], list[ApiKey]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two commands at once would otherwise each write the file without the other's key.
    with locked(path.parent):
        keys = change(read_keys(path) if path.exists() else [])
        document = {"keys": [key.model_dump(mode="json", exclude_defaults=True) for key in keys]}
        replace_file(path, yaml.safe_dump(document, sort_keys=False), mode=0o600)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

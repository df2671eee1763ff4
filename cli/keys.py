"""`lethe keys`: make, show, change and revoke API keys; a running proxy takes every change up by itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lethe.cli.client_policy import POLICY_FLAGS, PolicyOptions, in_words, said, tell_of_absent
from lethe.cli.command_log import recorded_command
from lethe.cli.errors import UsageError, reported
from lethe.cli.options import with_options
from lethe.cli.tables import show, table_of

if TYPE_CHECKING:
    from datetime import datetime

app = typer.Typer(help="Make, show, change and revoke API keys.", no_args_is_help=True)

File = Annotated[
    Path | None,
    typer.Option("--keys", help="The file of keys; by default the one that `lethe serve` uses (LETHE_KEYS)."),
]


TeamName = Annotated[str | None, typer.Option(help="The team that it belongs to; see `lethe teams`.")]


@app.command("create")
@with_options(POLICY_FLAGS)
def create(
    policy: PolicyOptions,
    name: Annotated[str, typer.Option(help="Whose it is, for people.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="use, check, observe or admin; may be repeated; use if not given."),
    ] = None,
    team: TeamName = None,
    days: Annotated[float | None, typer.Option(min=0, help="How long it is valid.")] = None,
    keys: File = None,
) -> None:
    """Make a key and print it, once: only its digest is kept."""
    from lethe.server.access.key_file import create_key

    with reported():
        expires = None if days is None else _in_days(days)
    with reported(), recorded_command("key_created") as entry:
        key, secret = create_key(
            keys_file(keys),
            name=name,
            scopes=scope or ["use"],
            team=team,
            expires=expires,
            **policy.fields(),
        )
        entry |= {"changed": key.id, "scopes": sorted(key.scopes), "policy": said(policy, team)}
    tell_of_absent(policy)
    typer.echo(f"key {key.id}; it is shown only now:", err=True)
    typer.echo(secret)


@app.command("set")
@with_options(POLICY_FLAGS)
def set_key(
    key: Annotated[str, typer.Argument(help="The key's id.")],
    policy: PolicyOptions,
    team: TeamName = None,
    keys: File = None,
) -> None:
    """Hold a key to what is given here, and to nothing of before; scopes and validity stay."""
    from lethe.server.access.key_file import change_key

    with reported(), recorded_command("key_changed") as entry:
        change_key(keys_file(keys), key, team=team, **policy.fields())
        entry |= {"changed": key, "policy": said(policy, team)}
    tell_of_absent(policy)
    typer.echo(f"{key} changed")


@app.command("list")
def list_keys(keys: File = None) -> None:
    """Show every key, also the revoked ones."""
    from datetime import UTC, datetime

    from lethe.server.access.key_file import read_keys

    with reported():
        others = ("name", "team", "scopes", "targets", "models", "a minute", "at a time", "created", "state")
        table = table_of(*others, whole=["key"])
        now = datetime.now(UTC)
        for key in read_keys(keys_file(keys)):
            state = "valid" if key.valid_at(now) else "revoked" if key.revoked else "expired"
            if state == "valid" and key.expires:
                state = f"until {key.expires:%Y-%m-%d}"
            table.add_row(
                key.id,
                key.name,
                key.team.name if key.team else "",
                " ".join(sorted(key.scopes)),
                in_words(key),
                " ".join(sorted(key.models)) if key.models is not None else "all",
                str(key.requests_per_minute or ""),
                str(key.concurrency or ""),
                f"{key.created:%Y-%m-%d}",
                state,
            )
        show(table)


@app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="The key's id.")], keys: File = None) -> None:
    """Refuse a key from now on."""
    from lethe.server.access.key_file import revoke_key

    with reported(), recorded_command("key_revoked") as entry:
        revoke_key(keys_file(keys), key)
        entry["changed"] = key
    typer.echo(f"{key} revoked")


def _in_days(days: float) -> "datetime":
    from datetime import UTC, datetime, timedelta

    try:
        return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    except OverflowError:
        raise UsageError(f"a key cannot be valid for {days:g} days; leave --days out for ever") from None


def keys_file(keys: Path | None) -> Path:
    """The file of keys: the one that is named, or the proxy's."""
    from lethe.server.errors import OperatorError
    from lethe.server.settings.loading import load_settings

    with reported():
        file = keys or load_settings().keys
        if file is None:
            raise OperatorError("name the file of keys with --keys or in LETHE_KEYS")
        return file

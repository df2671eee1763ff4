"""`lethe keys`: make, show and revoke API keys; a running proxy takes every change up by itself."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import reported
from lethe.cli.target_option import checked

app = typer.Typer(help="Make, show and revoke API keys.", no_args_is_help=True)

File = Annotated[
    Path | None,
    typer.Option("--keys", help="The file of keys; by default the one that `lethe serve` uses (LETHE_KEYS)."),
]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose it is, for people.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="use, check, observe or admin; may be repeated; use if not given."),
    ] = None,
    exempt: Annotated[
        list[str] | None,
        typer.Option(
            callback=lambda names: [checked(name) for name in names or ()],
            help="A target that does not apply to the key; may be repeated.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model that it may ask for, by any of its names; may be repeated; all if not given."
        ),
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Rate limit.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight at a time.")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="How long it is valid.")] = None,
    keys: File = None,
) -> None:
    """Make a key and print it, once: only its digest is kept."""
    from datetime import UTC, datetime, timedelta

    from lethe.server.access.key_file import create_key

    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days is not None else None
    with reported():
        key, secret = create_key(
            _file(keys),
            name=name,
            scopes=scope or ["use"],
            exempt=exempt or [],
            models=model or None,
            requests_per_minute=requests_per_minute,
            concurrency=concurrency,
            expires=expires,
        )
    typer.echo(f"key {key.id}; it is shown only now:", err=True)
    typer.echo(secret)


@app.command("list")
def list_keys(keys: File = None) -> None:
    """Show every key, also the revoked ones."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    from lethe.server.access.key_file import read_keys

    with reported():
        table = Table(
            "key", "name", "scopes", "exempt", "models", "a minute", "at a time", "created", "state"
        )
        now = datetime.now(UTC)
        for key in read_keys(_file(keys)):
            state = "valid" if key.valid_at(now) else "revoked" if key.revoked else "expired"
            if state == "valid" and key.expires:
                state = f"until {key.expires:%Y-%m-%d}"
            table.add_row(
                key.id,
                key.name,
                " ".join(sorted(key.scopes)),
                " ".join(sorted(key.exempt)),
                " ".join(sorted(key.models)) if key.models is not None else "all",
                str(key.requests_per_minute or ""),
                str(key.concurrency or ""),
                f"{key.created:%Y-%m-%d}",
                state,
            )
        Console().print(table)


@app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="The key's id.")], keys: File = None) -> None:
    """Refuse a key from now on."""
    from lethe.server.access.key_file import revoke_key

    with reported():
        revoke_key(_file(keys), key)
        typer.echo(f"{key} revoked")


def _file(keys: Path | None) -> Path:
    from lethe.server.errors import OperatorError
    from lethe.server.settings import load_settings

    with reported():
        file = keys or load_settings().keys
        if file is None:
            raise OperatorError("name the file of keys with --keys or in LETHE_KEYS")
        return file

"""`lethe teams`: what several keys are held to together; a running proxy takes every change up by itself."""

from typing import Annotated

import typer

from lethe.cli.client_policy import POLICY_FLAGS, PolicyOptions, in_words, said, tell_of_absent
from lethe.cli.command_log import recorded_command
from lethe.cli.errors import reported
from lethe.cli.keys import File, keys_file
from lethe.cli.options import with_options
from lethe.cli.tables import show, table_of

app = typer.Typer(help="Show, make, change and remove teams of keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The team's name.")]


@app.command("list")
def list_teams(keys: File = None) -> None:
    """Show every team, what it is held to, and its valid keys."""
    from datetime import UTC, datetime

    from lethe.server.access.key_file import read_clients

    with reported():
        clients, now = read_clients(keys_file(keys)), datetime.now(UTC)
        table = table_of("targets", "models", "a minute", "at a time", "keys", whole=["team"])
        for team in clients.teams.values():
            members = [key.id for key in clients.keys if key.team == team and key.valid_at(now)]
            table.add_row(
                team.name,
                in_words(team),
                " ".join(sorted(team.models)) if team.models is not None else "all",
                str(team.requests_per_minute or ""),
                str(team.concurrency or ""),
                " ".join(members),
            )
        show(table)


@app.command("set")
@with_options(POLICY_FLAGS)
def set_team(name: Name, policy: PolicyOptions, keys: File = None) -> None:
    """Make a team, or hold one to what is given here, and to nothing of before."""
    from lethe.server.access.key_file import set_team

    with reported(), recorded_command("team_changed") as entry:
        set_team(keys_file(keys), name, **policy.fields())
        entry |= {"team": name, "policy": said(policy)}
    tell_of_absent(policy)
    typer.echo(f"team {name} set")


@app.command("remove")
def remove(name: Name, keys: File = None) -> None:
    """Take a team out that has no valid key left."""
    from lethe.server.access.key_file import remove_team

    with reported(), recorded_command("team_removed") as entry:
        remove_team(keys_file(keys), name)
        entry["team"] = name
    typer.echo(f"team {name} removed")

"""The `lethe` command itself, before any verb."""

from importlib.metadata import version

from typer.testing import CliRunner

from lethe.cli.main import app


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"lethe {version('lethegate')}\n")

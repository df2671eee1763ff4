"""Options out of settings: what Typer is told, and what a verb is given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import pytest
import typer
from click.utils import strip_ansi
from typer.testing import CliRunner

from lethe.cli.options import with_options


class Settings(pydantic.BaseModel):
    sides: tuple[Annotated[int, pydantic.Field(ge=3)], ...] = pydantic.Field((3, 4), description="Sides.")
    folder: Path = pydantic.Field(default_factory=lambda: Path("made"), description="Where it goes.")
    name: str = pydantic.Field(description="What it is called.")
    colour: Literal["red", "blue"] = "red"
    share: float = pydantic.Field(0.5, gt=0, le=1)
    weights: Mapping[str, float] = {}
    limit: pydantic.PositiveInt | None = None
    careful: bool = True
    secret: str | None = None
    inner: str = "left alone"


@pytest.fixture
def given() -> list[object]:
    return []


@pytest.fixture
def run(given: list[object]):
    app = typer.Typer()

    @app.command()
    @with_options({"sides": "--side"}, variables={"secret": "SHAPE_SECRET"}, without=("inner",))
    def draw(
        page: Annotated[str, typer.Argument(help="Of paper.")],
        settings: Settings,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        """Draw a shape."""
        given.extend([page, settings, loud])

    return lambda *arguments: CliRunner().invoke(app, [*arguments], env={"COLUMNS": "120"})


def test_what_is_not_given_is_as_by_default(run, given):
    assert run("page", "--name", "square").exit_code == 0
    assert given == ["page", Settings(name="square"), False]


def test_what_is_given_is_in_the_settings(run, given):
    words = "page --name n --side 5 --side 6 --folder f --colour blue --share 1 --limit 2 --no-careful --loud"
    assert run(*words.split()).exit_code == 0
    settings = Settings(
        name="n", sides=(5, 6), folder=Path("f"), colour="blue", share=1.0, limit=2, careful=False
    )
    assert given == ["page", settings, True]


def test_a_variable_stands_in_for_an_option(run, given, monkeypatch):
    monkeypatch.setenv("SHAPE_SECRET", "sesame")
    run("page", "--name", "n")
    assert given[1] == Settings(name="n", secret="sesame")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--side", "4", "--side", "2"), "--side: Input should be greater than or equal to 3, not 2"),
        (("--share", "2"), "--share: Input should be less than or equal to 1, not 2.0"),
        (("--colour", "green"), "--colour: Input should be 'red' or 'blue', not 'green'"),
        (("--limit", "0"), "--limit: Input should be greater than 0, not 0"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_its_option(arguments, line, run, given):
    result = run("page", "--name", "n", *arguments)
    assert (result.exit_code, result.stderr) == (1, f"lethe: {line}\n")
    assert not given


def test_an_option_that_must_be_given_is_asked_for(run):
    result = run("page")
    assert result.exit_code == 2
    assert "'--name'" in strip_ansi(result.output)


def test_the_help_says_what_each_takes_and_what_for(run):
    text = " ".join(strip_ansi(run("--help").output).replace("│", " ").split())
    assert "Draw a shape." in text
    for said in (
        "--side <list[int]> [x>=3] Sides. May be repeated. [default: 3, 4]",
        "--folder <path> Where it goes. --",
        "--name <str> What it is called. [required]",
        "--colour <red|blue> [default: red]",
        "--share <float> [x>0, x<=1] [default: 0.5]",
        "--weights <list[str]> May be repeated. --",
        "--limit <int> [x>0] --",
        "--careful --no-careful <bool> [default: careful]",
        "--secret <str> [env var: SHAPE_SECRET]",
        "--loud",
    ):
        assert said in text
    assert "--inner" not in text
    assert text.index("--name") < text.index("--side")

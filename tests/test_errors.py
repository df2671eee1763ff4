"""One tree of errors: what people can cause and mend is told in a line, and nothing else is."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

import lethe
from lethe.bundle.errors import LetheError
from lethe.cli.errors import reported
from lethe.server.errors import APIError

# Packages that need neither an engine nor a model's library, and those of offline jobs.
ROOTS = ("bundle", "models", "classifier", "corruption", "server", "offline", "cli")
# Told to a client, or turned into something else before anybody sees it.
INNER = {"APIError", "ClientGone", "LimitReached"}


def exceptions() -> Iterator[type[Exception]]:
    for root in ROOTS:
        package = importlib.import_module(f"lethe.{root}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".vllm_plugin" in found.name:
                continue
            module = importlib.import_module(found.name)
            for _, each in inspect.getmembers(module, inspect.isclass):
                if issubclass(each, Exception) and each.__module__ == found.name and each.__name__[0] != "_":
                    yield each


def test_every_public_error_is_of_the_tree() -> None:
    found = set(exceptions())
    assert len(found) > 20
    assert not [
        each for each in found if each.__name__ not in INNER and not issubclass(each, (LetheError, APIError))
    ]
    assert lethe.__doc__


def run(error: BaseException) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()

    @app.command()
    def verb() -> None:
        with reported():
            raise error

    result = CliRunner().invoke(app)
    return result.exit_code, result.output, result.exception


@pytest.mark.parametrize("error", [LetheError("a\nb  c"), FileNotFoundError(2, "a b c", "file")])
def test_what_people_can_mend_is_one_line(error: BaseException) -> None:
    code, output, _ = run(error)
    assert code == 1
    assert output.startswith("lethe: ")
    assert "a b c" in output
    assert output.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("a fault"), OSError("a fault"), KeyError("a fault")])
def test_a_fault_of_the_program_is_not_hidden(error: BaseException) -> None:
    code, output, raised = run(error)
    assert (code, output, raised) == (1, "", error)

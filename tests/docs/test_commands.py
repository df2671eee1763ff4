"""What the documentation tells people to type can be typed: a test that fails when a page rots."""

import itertools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from lethe.cli.main import app
from lethe.server.endpoints import GUARDED
from lethe.server.endpoints.checks import CheckRequest
from lethe.server.settings.loading import load_settings
from lethe.server.settings.settings import Settings
from tests.docs.pages import PAGES, ROOT, Command, blocks, commands

PARSERS = {endpoint.path: endpoint.parse for endpoint in (*GUARDED, CheckRequest)}
OTHER_ROUTES = {
    "/ready", "/health", "/metrics", "/metrics/engine", "/admin/targets", "/admin/reload", "/tokenize", "/detokenize",
    "/v1/models", "/admin/clients", "/admin/teams/interns",
}  # fmt: skip
LETHE: Any = typer.main.get_command(app)
# Of commands, of other programs, or of what the tests run against.
FOREIGN_VARIABLES = {
    "LETHE_ADMIN_KEY", "LETHE_API_KEY", "LETHE_DATA_DIR", "LETHE_CACHE_DIR", "LETHE_REQUIRE_PROGRAMS",
}  # fmt: skip


def resolved(command: Command) -> tuple[Any, list[str]]:
    """The context of the verb that a `lethe` command names, and the words after it."""
    verb = LETHE
    context = verb.context_class(verb, info_name="lethe")
    words = list(command.words[1:])
    while hasattr(context.command, "get_command") and words and not words[0].startswith("-"):
        verb = context.command.get_command(context, words.pop(0))
        assert verb is not None, f"{command}: there is no such verb"
        context = verb.context_class(verb, parent=context, info_name=verb.name)
    return context, words


@pytest.mark.parametrize("command", commands("lethe"), ids=str)
def test_every_lethe_command_is_one(command: Command) -> None:
    context, words = resolved(command)
    if not words or words[0] in ("--help", "..."):
        return
    given, rest, _ = context.command.make_parser(context).parse_args(words)
    assert not rest, f"nothing takes {rest}"
    if command.whole:
        missing = [each.name for each in context.command.params if each.required and not given.get(each.name)]
        assert not missing


@pytest.mark.parametrize("command", commands("make"), ids=str)
def test_every_word_of_make_is_one(command: Command) -> None:
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    # What follows in brackets, or names a variable, is no word.
    words = itertools.takewhile(re.compile("[a-z-]+").fullmatch, command.words[1:])
    assert {word for word in words if not word.startswith("-")} <= set(phony.split())


@pytest.mark.parametrize("command", commands("curl"), ids=str)
def test_every_body_that_is_sent_is_a_valid_one(command: Command) -> None:
    words = command.words
    (url,) = [word for word in words if word.startswith("http")]
    path = urlsplit(url).path
    assert path in PARSERS.keys() | OTHER_ROUTES
    if "-d" not in words:
        return
    body = words[words.index("-d") + 1]
    if path in PARSERS:
        PARSERS[path](body.encode())
    else:
        json.loads(body)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(blocks(page, "yaml"))], ids=lambda page: page.name
)
def test_every_block_of_settings_is_accepted(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        if yaml.safe_load(block).keys() <= Settings.model_fields.keys():
            (tmp_path / "lethe.yaml").write_text(block)
            load_settings(tmp_path / "lethe.yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_a_setting_or_in_a_file_that_is_deployed(page: Path) -> None:
    deployed = "".join(
        path.read_text()
        for path in (ROOT / "docker-compose.yml", ROOT / "Makefile", *(ROOT / "deploy").rglob("*"))
        if path.is_file()
    )
    for name in set(re.findall(r"\bLETHE_[A-Z0-9_]+\b", page.read_text())) - FOREIGN_VARIABLES:
        assert name in deployed or name == "LETHE_SECRETS_DIR" or is_setting(name), name


def is_setting(variable: str) -> bool:
    fields = Settings.model_fields
    for part in variable.removeprefix("LETHE_").lower().split("__"):
        if part not in fields:
            return False
        fields = getattr(fields[part].annotation, "model_fields", {})
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_this_repository_that_is_named_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:deploy|tests|offline|server|requirements|bench)/[\w./-]+)`",
        page.read_text(),
    )
    for name in named:
        assert (ROOT / name).exists() or (ROOT / f"{name}.py").exists(), name

"""Somebody who types what a page says, in a folder of their own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from typer.testing import CliRunner

from lethe.cli.main import app
from tests.docs.pages import Command, commands


class Reader:
    """Types `lethe` commands of the documentation; each has to end well.

    Attributes
    ----------
    replaced : dict of str to str
        What a reader puts in the place of a page's examples: an address, a model, the name of a folder.
    added : mapping of str to sequence of str
        By verb, options that a reader in a hurry adds.
    typed : set of Command
        What was typed.
    """

    def __init__(self) -> None:
        self.replaced: dict[str, str] = {}
        self.added: Mapping[str, Sequence[str]] = {}
        self.typed: set[Command] = set()

    def follow(self, page: str, *words: str) -> list[str]:
        """Type a page's commands in their order, all or those that have some words, and give what each printed."""
        return [self.type(command) for command in to_type(page, *words)]

    def type(self, command: Command, *more: str) -> str:
        """Type one command with further words, and give what it printed."""
        words = [*command.words[1:], *self.added.get(command.words[1:3][-1], ()), *more]
        for example, own in self.replaced.items():
            words = [word.replace(example, own) for word in words]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
        self.typed.add(command)
        return result.output


def to_type(page: str, *words: str) -> list[Command]:
    """The commands that a page gives to be typed as they stand, all or those that have some words.

    Not `serve`, which goes on until it is stopped.
    """
    return [
        command
        for command in commands("lethe")
        if command.page == page
        and command.whole
        and command.words[1] != "serve"
        and set(words) <= set(command.words)
    ]


def write_rows(path: Path, rows: Iterable[object]) -> None:
    """Write a file of JSON lines."""
    path.write_text("\n".join(json.dumps(row) for row in rows))

"""Somebody who types what a page says, in a folder of their own."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from tests.docs.pages import Command, commands


class Reader:
    """Types `lethe` commands of the documentation; each has to end well.

    Parameters
    ----------
    replaced : mapping of str to str
        What a reader puts in the place of a page's examples: an address, a model, the name of a folder.
    added : mapping of str to sequence of str
        By verb, options that a reader in a hurry adds.
    """

    def __init__(
        self, replaced: Mapping[str, str] | None = None, added: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.replaced = dict(replaced or {})
        self.added = dict(added or {})

    def follow(self, page: str, *verbs: str) -> list[str]:
        """Type a page's commands in their order, all or those of some verbs, and give what each printed."""
        return [self.type(command) for command in typed(page) if not verbs or command.words[1] in verbs]

    def type(self, command: Command) -> str:
        """Type one command, and give what it printed."""
        words = [*command.words[1:], *self.added.get(command.words[2], ())]
        for example, own in self.replaced.items():
            words = [word.replace(example, own) for word in words]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
        return result.output


def typed(page: str) -> Iterator[Command]:
    """The commands that a page gives to be typed as they stand, other than `serve`, which goes on until it is stopped."""
    for command in commands("lethe"):
        if command.page == page and command.whole and command.words[1] != "serve":
            yield command


def write_rows(path: Path, rows: Iterable[object]) -> None:
    """Write a file of JSON lines."""
    path.write_text("\n".join(json.dumps(row) for row in rows))

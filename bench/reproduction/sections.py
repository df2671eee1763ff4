"""A page whose sections are each written by a command of their own, and stay until it runs again."""

import re
from collections.abc import Mapping
from pathlib import Path

from lethe.bundle.files import replace_file


def write_sections(page: Path, opening: str, sections: Mapping[str, str]) -> None:
    """Put sections into a page, under its opening and in the order of their names.

    Those that the page has under other names stay as they are.

    Parameters
    ----------
    opening
        The page's title, and what holds for all sections.
    sections
        By name: the first line of each is ``## NAME``.
    """
    together = {**_read_sections(page), **sections}
    replace_file(page, "\n".join([opening, *(together[name] for name in sorted(together))]))


def told_command(word: str, arguments: str) -> str:
    """What is typed for a section."""
    return f'make {word} ARGS="{arguments}"' if arguments else f"make {word}"


def _read_sections(page: Path) -> dict[str, str]:
    if not page.is_file():
        return {}
    _, *sections = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    return {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in sections}

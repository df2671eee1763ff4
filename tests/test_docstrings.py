"""Docstrings are numpydoc without types: the annotation says what something is, the text what it means."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bundle", "models", "classifier", "corruption", "server", "offline", "cli", "bench")
SECTION = re.compile(
    r"^(Parameters|Attributes|Returns|Yields|Raises)\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)",
    re.MULTILINE | re.DOTALL,
)
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def sections(source: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name of what is documented, title and unindented lines of every section."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            for title, body in SECTION.findall(inspect.cleandoc(text)):
                yield (
                    node.name,
                    title,
                    [line for line in body.splitlines() if line and not line.startswith(" ")],
                )


def typed_entries(source: str) -> list[str]:
    """Entries that name a type: annotations do, and checkers keep those true."""
    return [
        f"{name}: {entry}"
        for name, title, entries in sections(source)
        for entry in entries
        if title in ("Parameters", "Attributes") and " : " in entry
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_entries_are_named_without_their_types(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    found = [
        f"{module.relative_to(ROOT)}: {entry}"
        for module in modules
        for entry in typed_entries(module.read_text())
    ]
    assert modules
    assert not found


def test_an_entry_with_a_type_is_seen() -> None:
    source = 'def f(a: int, b: int) -> int:\n    """Add.\n\n    Parameters\n    ----------\n    a : int\n        One.\n    b\n        Two : three.\n    """'
    assert typed_entries(source) == ["f: a : int"]

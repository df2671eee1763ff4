"""One name, one thing: a search for a class finds it, and nothing else."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bundle", "models", "classifier", "corruption", "server", "offline", "cli")


def public_names(source: str) -> list[str]:
    """Classes and type aliases at the top of a module."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            # A type is written as one, unlike a constant.
            names += [name] if name[:1].isupper() and not name.isupper() else []
    return [name for name in names if not name.startswith("_")]


def test_no_public_name_stands_for_two_things() -> None:
    places = defaultdict(list)
    for package in PACKAGES:
        for module in sorted((ROOT / package).rglob("*.py")):
            for name in public_names(module.read_text()):
                places[name].append(str(module.relative_to(ROOT)))
    assert len(places) > 300
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_a_name_that_is_taken_is_seen() -> None:
    assert public_names("class A: ...\nclass _B: ...\nCode = int | str\nMOST = 3\nd = 4") == ["A", "Code"]

"""The walls between the packages: who may import whom."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What each package may import of the others.
PACKAGES = {
    "bundle": set[str](),
    "models": {"bundle"},
    "classifier": {"bundle", "models"},
    "corruption": {"bundle", "models"},
    "server": {"bundle", "models", "classifier", "corruption"},
    "offline": {"bundle", "models", "classifier", "corruption"},
    "cli": {"bundle", "models", "classifier", "corruption", "server", "offline"},
}


def imported_modules(source: str) -> Iterator[str]:
    """What a module imports, by full names: `from a import b` counts as ``a.b``, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def crossings(source: str, package: str) -> set[str]:
    """The packages of the house that a module of one imports and may not."""
    parts = [name.split(".") for name in imported_modules(source)]
    rooms = {names[1] if names[0] == "lethe" else names[0] for names in parts if len(names) > 1}
    return rooms & (PACKAGES.keys() - PACKAGES[package] - {package})


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    found = {
        f"{module.relative_to(ROOT)} imports {name}"
        for module in modules(package)
        for name in crossings(module.read_text(), package)
    }
    assert modules(package)
    assert not found


@pytest.mark.parametrize(
    "planted",
    [
        "from lethe.server.settings import Settings",
        "from lethe.server import settings",
        "from lethe import server",
        "import lethe.server.settings",
        "def f():\n    from lethe.server.settings import Settings",
        "from server.settings import Settings",
    ],
)
def test_a_planted_crossing_is_seen(planted: str) -> None:
    assert crossings(planted, "offline") == {"server"}
    assert not crossings(planted, "cli")


def test_every_package_is_behind_the_one_import_root() -> None:
    links = {path.name: path for path in (ROOT / "lethe").iterdir() if path.is_symlink()}
    assert links.keys() == PACKAGES.keys() | {"targets"}
    assert all(path.readlink() == Path("..", name) for name, path in links.items())


def test_the_type_checker_reads_every_package() -> None:
    """By its own folder: it follows no links."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["tool"]["pyright"]["include"]) == PACKAGES.keys() | {"bench"}


def test_only_the_plugin_knows_vllm() -> None:
    plugin = ROOT / "corruption" / "vllm_plugin"
    importers = {
        str(module.relative_to(ROOT))
        for package in PACKAGES
        for module in modules(package)
        if not module.is_relative_to(plugin)
        and any(name.split(".")[0] == "vllm" for name in imported_modules(module.read_text()))
    }
    assert not importers


@pytest.mark.parametrize(
    "module",
    [
        "lethe.server.serve",
        "lethe.server.app",
        "lethe.classifier.service",
        "lethe.bundle",
        "lethe.corruption",
    ],
)
def test_what_the_proxy_runs_on_loads_neither_torch_nor_vllm(module: str) -> None:
    script = f"import sys, {module}; print(sorted({{'torch', 'vllm', 'transformers', 'sklearn'}} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == "[]"

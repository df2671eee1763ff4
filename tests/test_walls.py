"""The walls between the packages: who may import whom."""

import ast
import functools
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
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

# What each room of server/ may import of the others, beside the few files at the top that know none of them.
ROOMS = {
    "settings": set[str](),
    "access": set[str](),
    "audit": set[str](),
    "endpoints": set[str](),
    "targets": {"access"},
    "media": set[str](),
    "guard": {"access", "targets"},
    "engines": {"access", "targets"},
    "request": {"access", "audit", "endpoints", "media", "targets", "guard", "engines"},
    "console": {"access", "audit", "endpoints", "media", "targets", "guard", "engines", "request"},
    "diagnosis": {"access", "audit", "targets", "engines", "request"},
}
# What each room of classifier/ may import of it, beside its errors and settings.
CLASSIFIER_ROOMS = {
    "text": set[str](),
    "disguises": {"text"},
    "encoders": {"text", "disguises"},
}
JOBS = {
    "adapter_training",
    "classifier_calibration",
    "classifier_hardening",
    "classifier_testing",
    "classifier_training",
    "corruption_learning",
    "evaluation",
    "recipes",
    "recovery",
    "redteam",
    "target_building",
    "target_suggestion",
    "text_models",
}
GROUND = {"circuit_breaker", "drain", "error_forms", "errors", "metrics", "openapi", "schemas"}


@functools.cache
def imported_modules(source: str) -> tuple[str, ...]:
    """What a module imports, by full names: `from a import b` counts as ``a.b``, which may be a module."""
    return tuple(_imported(source))


def _imported(source: str) -> Iterator[str]:
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


def rooms_of_server(source: str) -> set[str]:
    parts = [name.split(".") for name in imported_modules(source)]
    return {names[2] for names in parts if names[:2] == ["lethe", "server"]}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_server_imports_only_those_below_it(room: str) -> None:
    allowed = ROOMS[room] | GROUND | {room, "settings"}
    # The console stands beside the app, and puts targets in force as a reload does.
    allowed |= {"reload"} if room == "console" else set()
    allowed |= {"listening"} if room == "diagnosis" else set()
    found = {
        f"{module.relative_to(ROOT)} imports {name}"
        for module in modules(f"server/{room}")
        for name in rooms_of_server(module.read_text()) - allowed
    }
    assert modules(f"server/{room}")
    assert not found


@pytest.mark.parametrize("module", sorted(GROUND))
def test_the_ground_of_the_server_knows_no_room(module: str) -> None:
    assert not rooms_of_server((ROOT / "server" / f"{module}.py").read_text()) - GROUND - {"settings"}


def test_every_room_of_the_server_has_its_walls() -> None:
    assert {path.parent.name for path in (ROOT / "server").glob("*/__init__.py")} == ROOMS.keys()


@pytest.mark.parametrize("room", CLASSIFIER_ROOMS)
def test_a_room_of_the_classifier_knows_nothing_of_targets(room: str) -> None:
    allowed = CLASSIFIER_ROOMS[room] | {room, "errors", "settings"}
    found = {
        f"{module.relative_to(ROOT)} imports {names[2]}"
        for module in modules(f"classifier/{room}")
        for names in (name.split(".") for name in imported_modules(module.read_text()))
        if names[:2] == ["lethe", "classifier"] and names[2] not in allowed
    }
    assert modules(f"classifier/{room}")
    assert not found


def test_every_room_of_the_classifier_has_its_walls() -> None:
    rooms = {path.parent.name for path in (ROOT / "classifier").glob("*/__init__.py")}
    assert rooms == CLASSIFIER_ROOMS.keys()


def test_packages_of_offline_import_each_other_without_a_circle() -> None:
    folders = sorted(path.parent.name for path in (ROOT / "offline").glob("*/__init__.py"))
    arrows = {
        folder: {
            names[2]
            for module in modules(f"offline/{folder}")
            for names in (name.split(".") for name in imported_modules(module.read_text()))
            if names[:2] == ["lethe", "offline"] and names[2] in folders and names[2] != folder
        }
        for folder in folders
    }
    # Raises where there is one.
    order = list(TopologicalSorter(arrows).static_order())
    assert set(order) == set(folders)
    assert not {library for library in set(folders) - JOBS if arrows[library] & JOBS}


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


def test_what_the_proxy_runs_on_loads_neither_torch_nor_vllm() -> None:
    script = """
import importlib, sys
for module in ("lethe.bundle", "lethe.corruption", "lethe.classifier.service", "lethe.server.app", "lethe.server.serve"):
    importlib.import_module(module)
    loaded = {"torch", "vllm", "transformers", "sklearn"} & sys.modules.keys()
    assert not loaded, f"{module} loads {loaded}"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr

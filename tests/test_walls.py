"""The walls between the packages: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "bundle": set(),
    "classifier": {"bundle"},
    "corruption": {"bundle"},
    "server": {"bundle", "classifier", "corruption"},
    "offline": {"bundle", "classifier", "corruption"},
    "cli": {"bundle", "classifier", "corruption", "server", "offline"},
}


def imported_packages(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[package] - {package}
    crossings = {
        f"{module.relative_to(ROOT)} imports {name}"
        for module in modules(package)
        for name in imported_packages(module)
        if name in forbidden
    }
    assert not crossings


def test_only_the_plugin_knows_vllm() -> None:
    plugin = ROOT / "corruption" / "vllm_plugin"
    importers = {
        str(module.relative_to(ROOT))
        for package in MAY_IMPORT
        for module in modules(package)
        if "vllm" in imported_packages(module) and not module.is_relative_to(plugin)
    }
    assert not importers


@pytest.mark.parametrize(
    "module", ["lethe.server.serve", "lethe.server.app", "lethe.classifier.service", "bundle", "corruption"]
)
def test_what_the_proxy_runs_on_loads_neither_torch_nor_vllm(module: str) -> None:
    script = f"import sys, {module}; print(sorted({{'torch', 'vllm', 'transformers', 'sklearn'}} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == "[]"

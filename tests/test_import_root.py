"""Everything is imported from one root, so nothing that lies about in a folder is taken for a part of it."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PACKAGES = ("bundle", "classifier", "cli", "corruption", "models", "offline", "server", "targets")


@pytest.fixture
def crowded_folder(tmp_path: Path) -> Path:
    """A folder with modules named as the packages are, each of which fails when it is imported."""
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong module')\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_runs_where_files_are_named_as_packages_are(crowded_folder: Path) -> None:
    assert "serve" in run(crowded_folder, "-m", "lethe", "--help")


def test_the_proxy_is_imported_there(crowded_folder: Path) -> None:
    run(crowded_folder, "-c", "import lethe.server.serve, lethe.server.app, lethe.classifier, lethe.bundle")


def test_the_plugin_is_loaded_there(crowded_folder: Path) -> None:
    script = (
        "from importlib.metadata import entry_points\n"
        "(plugin,) = set(entry_points(group='vllm.general_plugins', name='lethe'))\n"
        "print(plugin.load().__module__)"
    )
    assert run(crowded_folder, "-c", script).strip() == "lethe.corruption.vllm_plugin"


def test_the_entry_points_stand_under_the_root() -> None:
    ours = [
        point
        for group in ("vllm.general_plugins", "console_scripts")
        for point in entry_points(group=group, name="lethe")
    ]
    assert {point.group for point in ours} == {"vllm.general_plugins", "console_scripts"}
    assert all(point.value.startswith("lethe.") for point in ours)

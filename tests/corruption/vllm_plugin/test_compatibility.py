"""Which vLLM the plugin starts in, by the installed one's files, which are not imported."""

import logging
import shutil
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method, require_known_vllm
from lethe.corruption.vllm_plugin.releases import known_releases
from lethe.corruption.vllm_plugin.touch_points import digests
from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM

pytestmark = NEEDS_VLLM


@pytest.fixture
def installed() -> Path:
    spec = find_spec("vllm")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture
def changed_vllm(installed: Path, tmp_path: Path) -> Path:
    """The installed vLLM's files, and one touch point otherwise."""
    for point in digests(installed):
        file = point.partition(":")[0]
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(installed / file, tmp_path / file)
    engine = tmp_path / "v1" / "engine" / "__init__.py"
    engine.write_text(engine.read_text().replace("    prompt_token_ids:", "    prompt_tokens:"))
    return tmp_path


def test_the_installed_engine_is_known_and_was_run() -> None:
    require_known_vllm()
    assert known_releases()[version(packages_distributions()["vllm"][0]).split("+")[0]].evidence == "run"


@pytest.mark.parametrize("release", ["0.32.0", "0.32.0+cpu"])
def test_a_known_release_with_another_touch_point_is_refused_by_its_name(
    release: str, changed_vllm: Path
) -> None:
    refused = (
        r"this build of vLLM 0\.32\.0 differs from the release in what corruption stands on: "
        r"EngineCoreRequest in vllm/v1/engine/__init__\.py; install one of .*0\.32\.0"
    )
    with pytest.raises(EngineRefusal, match=refused):
        require_known_vllm(changed_vllm, release)


def test_an_unknown_release_is_refused_by_what_changed_since_the_one_most_like_it(changed_vllm: Path) -> None:
    refused = r"vLLM 9\.9\.9 is not known, and differs from 0\.32\.0 in what .*: EngineCoreRequest in vllm"
    with pytest.raises(EngineRefusal, match=refused):
        require_known_vllm(changed_vllm, "9.9.9")


def test_an_unknown_release_with_the_touch_points_of_a_known_one_starts_and_says_so(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # vLLM's loggers hand nothing on once it is imported.
    logger = logging.getLogger("vllm.lethe.compatibility")
    logger.addHandler(caplog.handler)
    require_known_vllm(installed, "9.9.9")
    logger.removeHandler(caplog.handler)
    assert "vLLM 9.9.9 is not among the releases" in caplog.text
    assert "as in 0.32.0" in caplog.text


def test_a_moved_touch_point_stops_the_start() -> None:
    with pytest.raises(EngineRefusal, match="no method gone"):
        replace_method(SimpleNamespace(), "gone", lambda original: original)


def test_a_method_is_replaced_once() -> None:
    class Owner:
        def method(self) -> int:
            return 1

    for _ in range(2):
        replace_method(Owner, "method", lambda original: lambda self: original(self) + 1)
    assert Owner().method() == 2

from pathlib import Path

import pytest

from lethe.corruption.vllm_plugin.touch_points import MISSING, described, digests, file_digest, source_of

POINT = "v1/engine/input_processor.py:InputProcessor.process_inputs"
SOURCE = """class InputProcessor:
    def __init__(self):
        pass

    @decorated
    def process_inputs(self):
        return 1

    def other(self):
        pass
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write(tmp_path, SOURCE)
    return tmp_path


def write(package: Path, source: str) -> None:
    file = package / POINT.partition(":")[0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)


def test_a_touch_point_is_its_source_with_its_decorators(package: Path) -> None:
    assert source_of(package, POINT) == [
        "    @decorated",
        "    def process_inputs(self):",
        "        return 1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("return 1", "return 2", True),
        ("@decorated", "@undecorated", True),
        ("def other(self)", "def another(self)", False),
        ("return 1\n", "return 1   \n", False),
    ],
)
def test_its_digest_changes_with_its_own_source_alone(
    package: Path, old: str, new: str, *, changes: bool
) -> None:
    before, files = digests(package)[POINT], file_digest(package)
    write(package, SOURCE.replace(old, new))
    assert (digests(package)[POINT] != before) == changes
    assert file_digest(package) != files


@pytest.mark.parametrize(
    "source", ["", "def process_inputs(self): ...", SOURCE.replace("process_inputs", "x")]
)
def test_what_is_not_there_is_missing(package: Path, source: str) -> None:
    write(package, source)
    assert digests(package)[POINT] == MISSING


def test_touch_points_of_a_file_are_named_together() -> None:
    points = ["a.py:f", "a.py:C.g", "b/c.py:h"]
    assert described(points) == "f, C.g in vllm/a.py; h in vllm/b/c.py"

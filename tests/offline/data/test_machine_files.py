from pathlib import Path

import pytest

from lethe.offline.data.machine_files import machine_files
from lethe.offline.data.ordinary_text import Half, part_of


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Twelve packages with forty files of settings each, one minified script and one that is no text."""
    for number in range(12):
        package = tmp_path / f"package{number}"
        package.mkdir()
        for file in range(40):
            (package / f"{file}.toml").write_text(
                f"# of {number}, {file}\n" + f"name = 'value of {number} and {file}'\n" * 20
            )
        (package / "all.min.css").write_text(".a{margin:0}" * 40)
        (package / "data.json").write_bytes(b"\0\1\2" * 90)
    return tmp_path


@pytest.mark.parametrize("part", ["train", "test"])
def test_files_come_from_one_half_of_the_packages_some_of_each(machine: Path, part: Half) -> None:
    found = list(machine_files(part, seed=1, characters=100, folders=[machine]))
    packages = {package for _, package, _ in found}
    assert packages == {each.name for each in machine.iterdir() if part_of(each.name) == part}
    assert {ending for ending, _, _ in found} == {".toml"}
    assert all(len(text) == 100 for _, _, text in found)
    counts = [sum(each == package for _, each, _ in found) for package in packages]
    assert set(counts) == {24}


def test_a_seed_decides_what_is_read(machine: Path) -> None:
    one, again, other = (
        list(machine_files("train", seed=seed, characters=100, folders=[machine])) for seed in (1, 1, 2)
    )
    assert one == again != other

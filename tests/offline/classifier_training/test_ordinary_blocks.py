from collections import Counter
from pathlib import Path

import pytest

from lethe.offline.classifier_training.ordinary_blocks import BLOCK_CHARACTERS, ordinary_blocks


@pytest.fixture
def machine(package: Path) -> Path:
    """A hundred Python files and eight tables, in a package that training may read."""
    for number in range(100):
        (package / f"{number}.py").write_text(f"answer_{number} = '{number:03}'\n" * 50)
    for number in range(8):
        (package / f"{number}.csv").write_text(f"place {number},{number:03}\n" * 50)
    return package.parent


def test_what_there_is_little_of_is_in_every_part(machine: Path) -> None:
    parts = ordinary_blocks([machine], 0, [20_000, 20_000, 40_000])
    tables = [Counter(block.kind for block in part)["table"] for part in parts]
    assert tables == [2, 2, 4]
    programs = [sum(len(block.text) for block in part if block.kind == "python") for part in parts]
    assert programs[0] == pytest.approx(programs[1], rel=0.1)
    assert programs[2] == pytest.approx(2 * programs[0], rel=0.1)


def test_no_text_is_in_two_parts(machine: Path) -> None:
    texts = [block.text for part in ordinary_blocks([machine], 0, [30_000] * 3) for block in part]
    assert len(texts) == len(set(texts)) > 50
    assert max(map(len, texts)) <= BLOCK_CHARACTERS


@pytest.mark.parametrize("sizes", [[1000] * 3, [2000] * 4 + [4000], [1000, 0, 40_000]])
def test_every_part_has_what_is_wanted_however_long_files_are(package: Path, sizes: list[int]) -> None:
    for number in range(20):
        (package / f"{number}.py").write_text(f"answer_{number} = '{number:03}'\n" * 1000)
    parts = ordinary_blocks([package.parent], 0, sizes)
    given = [sum(len(block.text) for block in part) for part in parts]
    assert all(size <= has <= size + 8000 for size, has in zip(sizes, given, strict=True))
    assert [not part for part in parts] == [not size for size in sizes]


def test_blocks_end_between_words(package: Path) -> None:
    (package / "words.py").write_text("answer = sixteen * sixteen\n" * 1000)
    (part,) = ordinary_blocks([package.parent], 0, [100_000])
    assert len(part) > 3
    assert {word for block in part for word in block.text.split()} == {"answer", "=", "sixteen", "*"}


@pytest.mark.parametrize("text", ["a b c " + "d" * 7994, "word " * 402, "word " * 1602])
def test_no_block_is_a_few_characters(package: Path, text: str) -> None:
    (package / "words.txt").write_text(text)
    (part,) = ordinary_blocks([package.parent], 0, [100_000])
    assert part
    assert min(len(block.text) for block in part) >= 200

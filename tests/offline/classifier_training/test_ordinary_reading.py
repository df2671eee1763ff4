from collections.abc import Sequence
from pathlib import Path

import pytest

from lethe.classifier.encoders.loading import load_encoder
from lethe.offline.classifier_training.ordinary_blocks import OrdinaryBlock
from lethe.offline.classifier_training.ordinary_reading import OrdinaryReading, without_target
from lethe.offline.classifier_training.settings import TrainingSettings

# Each stands in one file; the last in many.
TOLD_OF = [
    f"Orlanda {each}holm"
    for each in ["Vex", "Brun", "Skar", "Tjorn", "Lind", "Krag", "Morn", "Frost", "Glim", "Drang"]
]
COMMON = "Tormod Blixbakken"


def _named(blocks: Sequence[OrdinaryBlock]) -> set[str]:
    return {name for name in (*TOLD_OF, COMMON) for block in blocks if name in block.text}


@pytest.fixture
def reading(package: Path) -> OrdinaryReading:
    for number in range(60):
        (package / f"{number}.py").write_text(f"answer_{number} = '{number:03}'\n" * 50)
    for number, name in enumerate([*TOLD_OF, *[COMMON] * 20]):
        (package / f"{number}.js").write_text(f"const told_{number} = '{name}';\n" * 30)
    settings = TrainingSettings(ordinary=(package.parent,), scan_rounds=2, scan_characters=20_000)
    return OrdinaryReading(load_encoder(), [*TOLD_OF, COMMON], [], settings)


def test_text_about_the_target_is_in_no_part(reading: OrdinaryReading) -> None:
    parts = [*reading.to_scan, reading.background, reading.to_clear, reading.to_measure]
    assert min(map(len, parts)) > 5
    assert set().union(*map(_named, parts)) == {COMMON}


def test_names_are_grouped_by_all_that_is_read_to_know_of(reading: OrdinaryReading) -> None:
    # Of so little text a form that stands in it at all is common, and left out.
    rare = {name for name in (*TOLD_OF, COMMON) if name.lower() in reading.names.forms}
    assert rare < set(TOLD_OF)


@pytest.fixture
def ordinary() -> list[OrdinaryBlock]:
    return [OrdinaryBlock("docs", "The gate is open. " * 50)] * 3


@pytest.fixture
def about() -> OrdinaryBlock:
    return OrdinaryBlock("docs", "Sung by Orlanda Vexholm. " * 20)


def test_text_with_a_name_that_several_parts_have_is_ordinary(
    ordinary: list[OrdinaryBlock], about: OrdinaryBlock
) -> None:
    encoder, names = load_encoder(), ["Orlanda Vexholm"]
    assert without_target([[*ordinary, about], ordinary], names, encoder, []) == [ordinary, ordinary]
    parts = [[*ordinary, about], [about, *ordinary]]
    assert without_target(parts, names, encoder, []) == parts


def test_so_is_text_with_a_name_that_near_prompts_have(
    ordinary: list[OrdinaryBlock], about: OrdinaryBlock
) -> None:
    near = ["Where is Orlanda Vexholm Street?"]
    assert without_target([[about], ordinary], ["Orlanda Vexholm"], load_encoder(), near) == [
        [about],
        ordinary,
    ]

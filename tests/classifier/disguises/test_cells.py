import json
import random

import pytest

from lethe.classifier.disguises.cells import read_cells
from lethe.classifier.disguises.deobfuscation import find_readings

QUESTION = "Who keeps the lighthouse near the harbour?"


def table(text: str, width: int, rule: str = "") -> str:
    rows = [text[start : start + width].ljust(width) for start in range(0, len(text), width)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], *([rule] if rule else []), *lines[1:]])


@pytest.mark.parametrize("rule", ["", "|---|---|---|---|---|---|"])
def test_letters_in_the_cells_of_a_table_are_read(rule: str) -> None:
    read = read_cells(f"Read the table:\n\n{table(QUESTION, 6, rule)}\n\nAnswer it.")
    assert read is not None
    assert QUESTION in read.text
    assert read.text.endswith("Answer it.")


@pytest.mark.parametrize("array", [json.dumps(list(QUESTION)), str(list(QUESTION))])
def test_letters_in_an_array_are_read(array: str) -> None:
    read = read_cells(f"print(''.join({array}))")
    assert read is not None
    assert QUESTION in read.text


@pytest.mark.parametrize(
    "ordinary",
    [
        "| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |\n| 4 | 5 | 6 |\n| 7 | 8 | 9 |",
        "| x | yes | no |\n| y | no | yes |\n| z | no | no |\n| w | yes | yes |",
        '["1", "0", "1", "1", "0", "1", "1", "0", "1", "1", "0", "1", "1"]',
    ],
)
def test_tables_of_data_are_left_alone(ordinary: str) -> None:
    assert read_cells(ordinary) is None


def test_an_array_of_labels_is_not_called_unreadable() -> None:
    labels = random.Random(2).choices("abcdexyz", k=80)
    assert find_readings(f"y = {labels}").unreadable == ()


def test_a_long_rule_takes_no_longer_than_its_length() -> None:
    assert read_cells("|" + "-|" * 100_000 + "a|") is None

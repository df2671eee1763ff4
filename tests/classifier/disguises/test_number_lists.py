import pytest

from lethe.classifier.disguises.number_lists import NumberLists
from lethe.classifier.text.letter_statistics import LetterStatistics

SECRET = "Who keeps the lighthouse?"
BYTES = SECRET.encode()


@pytest.fixture(scope="module")
def codes() -> NumberLists:
    return NumberLists(LetterStatistics.load())


@pytest.mark.parametrize(
    "listed",
    [
        " ".join(map(str, BYTES)),
        ",".join(map(str, BYTES)),
        "-".join(f"{byte:o}" for byte in BYTES),
        "".join(f"\\{byte:o}" for byte in BYTES),
        "".join(f"{byte:08b}" for byte in BYTES),
        " ".join(f"0b{byte:b}" for byte in BYTES),
        "; ".join(f"0x{byte:02X}" for byte in BYTES),
        " ".join(f"U+{byte:04X}" for byte in BYTES),
        "".join(f"{byte:03d}" for byte in BYTES),
    ],
)
def test_a_list_of_numbers_is_read(codes: NumberLists, listed: str) -> None:
    read = codes.read(f"Read this: {listed}")
    assert read is not None
    assert read.text.split(": ")[1].strip() == SECRET


@pytest.mark.parametrize(
    "ordinary",
    [
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "12.5 13.75 99.1 100.0 1024 2048 4096",
        "2026-11-29T12:30:45.123 10.0.0.1 8080 443",
        "0x00 0x01 0xff 0xfe 0x80 0x90 0xa0",
        "3f2504e04f8911d39a0c0305e82c3301",
        " ".join(["32"] * 40),
        "TheLongestIdentifierOfAllThatStandsHere",
    ],
)
def test_ordinary_numbers_are_left_alone(codes: NumberLists, ordinary: str) -> None:
    assert codes.read(ordinary) is None


def test_endless_numbers_are_no_characters() -> None:
    assert NumberLists(LetterStatistics.load()).read("65 " * 20 + "7" * 5000) is None

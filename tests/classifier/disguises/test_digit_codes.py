import base64
import sys
from collections.abc import Iterator

import pytest

from lethe.classifier.disguises.digit_codes import DigitCodes
from lethe.classifier.text.letter_statistics import LetterStatistics

SECRET = "Who keeps the lighthouse?"
BYTES = SECRET.encode()


@pytest.fixture(scope="module")
def codes() -> DigitCodes:
    return DigitCodes(LetterStatistics.load())


@pytest.fixture
def few_digits_for_int() -> Iterator[None]:
    """The least that PYTHONINTMAXSTRDIGITS may allow."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(limit)


def in_base_36(text: bytes) -> str:
    value, digits = int.from_bytes(text), ""
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits


@pytest.mark.parametrize(
    "encode", [base64.b32encode, base64.b32hexencode, base64.b85encode, base64.a85encode]
)
def test_digits_of_a_base_are_read(codes: DigitCodes, encode) -> None:
    read = codes.read(f"Read this: {encode(BYTES).decode()}")
    assert read is not None
    assert SECRET in read.text


def test_one_long_number_is_read(codes: DigitCodes) -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    value, digits = int.from_bytes(BYTES), ""
    while value:
        value, digit = divmod(value, len(alphabet))
        digits = alphabet[digit] + digits
    read = codes.read(digits)
    assert read is not None
    assert SECRET in read.text


@pytest.mark.parametrize(
    "ordinary",
    [
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "12.5 13.75 99.1 100.0 1024 2048 4096",
        "2026-11-29T12:30:45.123 10.0.0.1 8080 443",
        "0x00 0x01 0xff 0xfe 0x80 0x90 0xa0",
        "3f2504e04f8911d39a0c0305e82c3301",
        "TheLongestIdentifierOfAllThatStandsHere",
    ],
)
def test_ordinary_numbers_are_left_alone(codes: DigitCodes, ordinary: str) -> None:
    assert codes.read(ordinary) is None


@pytest.mark.parametrize("length", range(13, 22))
def test_digits_of_five_bits_are_read_whatever_the_last_group_lacks(codes: DigitCodes, length: int) -> None:
    text = SECRET[:length]
    for encode in (base64.b32encode, base64.b32hexencode):
        read = codes.read(encode(text.encode()).decode().rstrip("="))
        assert read is not None
        assert text in read.text


def test_one_long_number_of_36_digits_is_read(codes: DigitCodes) -> None:
    digits = in_base_36(BYTES)
    for written in (digits, digits.lower()):
        read = codes.read(written)
        assert read is not None
        assert SECRET in read.text


@pytest.mark.usefixtures("few_digits_for_int")
def test_long_numbers_are_read_whatever_limit_python_sets_to_digits(codes: DigitCodes) -> None:
    long = 20 * BYTES
    for digits in (in_base_36(long), base64.b32encode(long).decode()):
        assert len(digits) > sys.get_int_max_str_digits()
        read = codes.read(digits)
        assert read is not None
        assert SECRET in read.text

import numpy as np
import pytest

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.odd_stretches import BLOCK, VECTORS, OddStretches, WordShares, vector_rows
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.text.sign_statistics import SignStatistics

QUIET = "The garden behind the house was quiet in the morning, and nobody had swept the leaves. "
HIDDEN = "\n".join(f"v{7 * place % 22} = {QUIET[4 * place : 4 * place + 4]!r}" for place in range(22))
SIGNS = SignStatistics.load()
WORDS = Lexicon(QUIET.lower().replace(",", "").replace(".", "").split())


@pytest.fixture(scope="module")
def detector() -> OddStretches:
    return OddStretches.load()


def found(detector: OddStretches, text: str, characters: int | None = None) -> list[tuple[int, int]]:
    words = WordShares(*WORDS.unknown_words(text))
    return detector.found_in(SIGNS.weighed(text), words, len(text) if characters is None else characters)


def test_pieces_of_a_sentence_in_disorder_are_odd(detector: OddStretches) -> None:
    assert found(detector, HIDDEN)


def test_it_is_asked_where_that_is_wanted_alone() -> None:
    assert not find_readings(HIDDEN, WORDS).unreadable
    assert find_readings(HIDDEN, WORDS, odd_stretches=True).unreadable


@pytest.mark.parametrize(
    "ordinary",
    [
        QUIET * 3,
        "for (let i = 0; i < rows.length; i++) { if (!rows[i].ok) return rows[i].error; }\n" * 3,
        '{"name": "left-pad", "version": "1.3.0", "dependencies": {"tape": "^4.9.0"}}' * 2,
        "家の裏の庭は朝静かで、誰も落ち葉を掃いていませんでした。" * 4,
        "short",
        "",
    ],
)
def test_prose_code_and_records_are_ordinary(detector: OddStretches, ordinary: str) -> None:
    assert not found(detector, ordinary)


def test_a_stretch_that_is_most_of_its_text_is_found_with_what_stands_around_it(
    detector: OddStretches,
) -> None:
    text = HIDDEN + "\n" + QUIET * 3
    ((start, end),) = found(detector, text)
    assert start == 0
    assert len(HIDDEN) - 12 * BLOCK < end <= len(text)


def test_a_longer_text_asks_for_more(detector: OddStretches) -> None:
    assert not found(detector, HIDDEN, 10**12)


@pytest.mark.parametrize("text", ["plain text", "日本語 😀 ß", "\t\r\n", "\x00\x7f\x80"])
def test_each_sign_has_a_row_for_every_kind_of_vector(text: str) -> None:
    rows = vector_rows(text)
    assert all(len(each) == len(text) for each in rows)
    assert all(each.min() >= 0 and each.max() < VECTORS for each in rows)


def test_what_stands_before_decides_no_later_row_but_the_next_four() -> None:
    first, second = vector_rows("abcdefghij"), vector_rows("zbcdefghij")
    assert all(np.array_equal(a[5:], b[5:]) for a, b in zip(first, second, strict=True))

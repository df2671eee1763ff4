from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.odd_stretches import (
    BLOCK,
    LENGTHS,
    VECTORS,
    OddStretches,
    WordShares,
    vector_rows,
)
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.text.sign_statistics import SignStatistics
from tests.server.agents import AGENTS

QUIET = "The garden behind the house was quiet in the morning, and nobody had swept the leaves. "
# A row for each letter with its place, in disorder.
HIDDEN = "\n".join(f"{5 * place % 86},{QUIET[5 * place % 86]}" for place in range(86))
SIGNS = SignStatistics.load()
WORDS = Lexicon(QUIET.lower().replace(",", "").replace(".", "").split())


@pytest.fixture(scope="module")
def detector() -> OddStretches:
    return OddStretches.load()


def found(detector: OddStretches, text: str, characters: int | None = None) -> list[tuple[int, int]]:
    words = WordShares(*WORDS.unknown_words(text))
    return detector.found_in(SIGNS.weighed(text), words, len(text) if characters is None else characters)


def test_letters_in_disorder_with_their_places_are_odd(detector: OddStretches) -> None:
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


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)


@pytest.mark.parametrize("agent", AGENTS)
def test_nothing_that_agents_send_is_unreadable(encoder: Encoder, agent: str) -> None:
    body = AGENTS[agent].body(
        "What is the capital of France?", "def area(radius):\n    return 3.14 * radius**2"
    )
    texts = {text[:length] for text in texts_in(body) for length in (300, 10_000) if text.strip()}
    odd = [text for text in texts if find_readings(text, encoder.lexicon, odd_stretches=True).unreadable]
    assert not odd


def test_a_stretch_that_is_most_of_its_text_is_found_with_what_stands_around_it(
    detector: OddStretches,
) -> None:
    text = HIDDEN + "\n" + QUIET * 3
    ((start, end),) = found(detector, text)
    assert start == 0
    assert len(HIDDEN) - 12 * BLOCK < end <= len(text)


def test_a_longer_text_asks_for_more(detector: OddStretches) -> None:
    assert not found(detector, HIDDEN, 10**12)


def test_limits_change_evenly_with_each_doubling_of_a_text(detector: OddStretches) -> None:
    first, second, *_, last = detector.least
    assert np.array_equal(detector.least_in(LENGTHS[0]), first)
    assert np.array_equal(detector.least_in(1), first)
    assert np.allclose(detector.least_in(LENGTHS[0] * 2), (first + second) / 2)
    assert (detector.least_in(LENGTHS[-1] * 8) > last).all()


@pytest.mark.parametrize("text", ["plain text", "日本語 😀 ß", "\t\r\n", "\x00\x7f\x80"])
def test_each_sign_has_a_row_for_every_kind_of_vector(text: str) -> None:
    rows = vector_rows(text)
    assert all(len(each) == len(text) for each in rows)
    assert all(each.min() >= 0 and each.max() < VECTORS for each in rows)


def test_what_stands_before_decides_no_later_row_but_the_next_four() -> None:
    first, second = vector_rows("abcdefghij"), vector_rows("zbcdefghij")
    assert all(np.array_equal(a[5:], b[5:]) for a, b in zip(first, second, strict=True))

"""Whatever is done to sealed lines without their key, it is found."""

from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.server.audit.chain import BEGINNING, ChainError, Link, read_link, seal_entry, verify_lines

KEY, BEFORE = b"key", Link()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30) | st.just('","seal":"')
ENTRIES = st.lists(st.dictionaries(st.just("text"), TEXTS, min_size=1), min_size=1, max_size=6)


def sealed(entries: list[dict[str, str]], last: Link = BEFORE) -> tuple[list[bytes], Link]:
    lines = []
    for entry in entries:
        line, last = seal_entry(orjson.dumps(entry), last, KEY)
        lines.append(line)
    return lines, last


@given(ENTRIES, ENTRIES)
def test_what_was_sealed_verifies_and_reads_as_it_was(
    first: list[dict[str, str]], second: list[dict[str, str]]
) -> None:
    before, middle = sealed(first)
    after, end = sealed(second, middle)
    assert verify_lines([*before, *after], KEY, Link()) == end == read_link(after[-1])
    assert verify_lines(after, KEY, middle) == end
    read = [orjson.loads(line) for line in (*before, *after)]
    assert [entry["text"] for entry in read] == [entry["text"] for entry in (*first, *second)]
    assert [entry["number"] for entry in read] == list(range(1, len(read) + 1))
    assert [entry["previous"] for entry in read] == [BEGINNING, *(entry["seal"] for entry in read[:-1])]


@given(ENTRIES, st.data())
def test_no_byte_can_be_changed(entries: list[dict[str, str]], data: st.DataObject) -> None:
    lines, _ = sealed(entries)
    number = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[number]) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (lines[number][place], *b"\r\n")))
    lines[number] = lines[number][:place] + bytes([byte]) + lines[number][place + 1 :]
    with pytest.raises(ChainError):
        verify_lines(lines, KEY, Link())


TAMPERING: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the first taken out": lambda lines: lines[1:],
    "another taken out": lambda lines: [lines[0], *lines[2:]],
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "repeated": lambda lines: [*lines, lines[-1]],
    "a seal of other letters": lambda lines: [
        *lines[:-1],
        lines[-1].replace(b'"seal":"', b'"seal":"' + "\N{SNOWMAN}".encode()),
    ],
    "no entry put in": lambda lines: [*lines, b"{}\n"],
    "a list put in": lambda lines: [*lines, b"[1]\n"],
    "an entry put in": lambda lines: [*lines, b'{"number":4,"seal":"x"}\n'],
}


@pytest.mark.parametrize("tamper", TAMPERING.values(), ids=TAMPERING.keys())
def test_no_line_can_be_taken_out_moved_or_put_in(tamper: Callable[[list[bytes]], list[bytes]]) -> None:
    lines, _ = sealed([{"text": "a"}, {"text": "b"}, {"text": "c"}])
    with pytest.raises(ChainError):
        verify_lines(tamper(lines), KEY, Link())


def test_without_what_came_before_the_first_line_is_taken_as_it_is() -> None:
    lines, last = sealed([{"text": "a"}, {"text": "b"}, {"text": "c"}])
    assert verify_lines(lines[1:], KEY, None) == last
    with pytest.raises(ChainError, match="entry 2 does not follow entry 0: entries are missing"):
        verify_lines(lines[1:], KEY, Link())
    assert verify_lines([], KEY, None) == Link()


def test_the_same_entry_has_another_seal_under_another_key() -> None:
    seals = {seal_entry(b'{"text":"a"}', Link(), key)[1].seal for key in (b"a", b"b")}
    assert len(seals) == 2
    lines, _ = sealed([{"text": "a"}])
    with pytest.raises(ChainError, match="entry 1: its seal does not fit"):
        verify_lines(lines, b"another", Link())

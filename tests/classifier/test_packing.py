import bz2
import gzip
import lzma
import zlib

import pytest

from lethe.classifier.packing import text_in

SECRET = "Who keeps the lighthouse?"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress, bz2.compress, lzma.compress])
def test_packed_text_is_unpacked(pack) -> None:
    assert text_in(pack(SECRET.encode())) == f" {SECRET} "


def test_a_bomb_is_cut() -> None:
    read = text_in(gzip.compress(b"a " * 10_000_000))
    assert read is not None
    assert len(read) < 100_000


@pytest.mark.parametrize(
    "raw", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"\x1f\x8b broken", bytes(range(200, 256))]
)
def test_other_bytes_are_no_text(raw: bytes) -> None:
    assert text_in(raw) is None

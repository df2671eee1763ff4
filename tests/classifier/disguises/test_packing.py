import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
import zlib

import pytest

from lethe.classifier.disguises.packing import text_in, texts_in

SECRET = "Who keeps the lighthouse?"
SENTENCE = "Who keeps the lighthouse near the northern harbour in winter?"


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


def _gray(octet: int) -> int:
    return octet ^ octet >> 1


@pytest.mark.parametrize(
    "raw",
    [
        SENTENCE.encode("cp037"),
        SENTENCE.encode("utf-16-be"),
        SENTENCE.encode("utf-16-le"),
        bytes(map(_gray, SENTENCE.encode())),
        bytes(255 - octet for octet in SENTENCE.encode()),
        bytes((octet + 42) % 256 for octet in SENTENCE.encode()),
        bytes(octet ^ 0x5A for octet in SENTENCE.encode()),
    ],
)
def test_bytes_of_another_code_or_all_changed_in_one_way_are_text(raw: bytes) -> None:
    assert text_in(raw) == f" {SENTENCE} "


def test_files_of_archives_are_read() -> None:
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.txt", SENTENCE)
        archive.writestr("second.txt", "And a second file of a few words.")
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        member = tarfile.TarInfo("first.txt")
        member.size = len(SENTENCE)
        archive.addfile(member, io.BytesIO(SENTENCE.encode()))
    for file in (zipped, tarred):
        read = text_in(file.getvalue())
        assert read is not None
        assert SENTENCE in read
    assert "second file" in (text_in(zipped.getvalue()) or "")


@pytest.mark.parametrize("seed", range(20))
def test_bytes_at_random_are_no_text(seed: int) -> None:
    assert text_in(random.Random(seed).randbytes(200)) is None


def test_texts_in_a_binary_file_are_read() -> None:
    noise = random.Random(1)
    raw = noise.randbytes(40) + SENTENCE.encode() + noise.randbytes(40)
    assert SENTENCE in (texts_in(raw) or "")
    assert texts_in(noise.randbytes(300)) is None

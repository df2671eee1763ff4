"""Reading is bounded, in a process that is replaced where it hangs or dies, and done once for each content."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lethe.server.errors import OperatorError
from lethe.server.media.errors import Unread
from lethe.server.media.reader import MediaReader, check_media_packages
from lethe.server.settings.policy import OnPart, PartSettings
from lethe.server.settings.reading import MediaSettings
from tests.server.media.pictures import pdf, word_document

pytestmark = pytest.mark.anyio
pytest.importorskip("pypdf")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def reader() -> AsyncIterator[MediaReader]:
    """One that has read nothing yet."""
    reader = MediaReader(MediaSettings(max_bytes=4096), PartSettings(file=OnPart.READ), 60)
    yield reader
    await reader.close()


async def test_what_was_read_is_not_read_again(reader: MediaReader) -> None:
    assert await reader.text("file", pdf("hi")) == "hi"
    await reader.close()
    process = reader._process
    assert await reader.text("file", pdf("hi")) == "hi"
    assert reader._process is process is None


async def test_what_cannot_be_read_is_told_again(reader: MediaReader) -> None:
    for _ in range(2):
        with pytest.raises(Unread, match="damaged PDF"):
            await reader.text("file", b"%PDF-")


async def test_a_damaged_document_does_not_end_the_process(reader: MediaReader) -> None:
    document = bytearray(word_document("hello " * 100))
    # In what is compressed, behind the name of the first part.
    place = document.index(b"word/document.xml") + 17
    assert await reader.text("file", b"one") == "one"
    process = reader._process
    for damage in range(40):
        document[place + damage % 20] ^= 0xFF >> (damage % 7)
        with pytest.raises(Unread):
            await reader.text("file", bytes(document))
    assert reader._process is process


async def test_a_text_that_is_more_than_is_kept_is_given_all_the_same() -> None:
    most = 20 << 20
    reader = MediaReader(
        MediaSettings(max_bytes=most, max_characters=most), PartSettings(file=OnPart.READ), 60
    )
    text = "a" * (9 << 20)
    assert [await reader.text("file", text.encode()) for _ in range(2)] == [text] * 2
    await reader.close()


async def test_what_is_too_large_starts_nothing(reader: MediaReader) -> None:
    with pytest.raises(Unread, match="more than 4096 bytes"):
        await reader.text("file", b"a" * 4097)
    assert reader._process is None


async def test_it_may_start_before_it_is_asked(reader: MediaReader) -> None:
    await reader.start()
    process = reader._process
    assert await reader.text("file", b"one") == "one"
    assert reader._process is process


async def test_several_at_once_are_read_one_after_the_other(reader: MediaReader) -> None:
    texts = [f"text {index}" for index in range(5)]
    assert await asyncio.gather(*(reader.text("file", word_document(text)) for text in texts)) == texts


async def test_a_process_that_has_died_is_replaced(reader: MediaReader) -> None:
    assert await reader.text("file", b"one") == "one"
    assert reader._process is not None
    reader._process.kill()
    await reader._process.wait()
    assert await reader.text("file", b"two") == "two"


async def test_one_that_takes_too_long_is_killed_and_the_next_is_read(
    reader: MediaReader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pypdf.py").write_text("import time\ntime.sleep(100)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    assert await reader.text("file", b"begun") == "begun"
    reader._timeout_s = 0.2
    with pytest.raises(Unread, match=r"longer to read than 0\.2 s"):
        await reader.text("file", pdf("hangs"))
    assert reader._process is None
    reader._timeout_s = 60
    assert await reader.text("file", b"next") == "next"


async def test_after_a_requests_time_nothing_further_is_begun_and_what_is_known_is_there(
    reader: MediaReader,
) -> None:
    assert await reader.text("file", b"known", reader.until()) == "known"
    past = reader.until() - 61
    assert await reader.text("file", b"known", past) == "known"
    with pytest.raises(Unread, match="comes after others that took 60 s"):
        await reader.text("file", b"new", past)


async def test_a_request_that_is_cancelled_leaves_no_answer_behind(reader: MediaReader) -> None:
    first = asyncio.create_task(reader.text("file", b"one"))
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await reader.text("file", b"two") == "two"


def test_what_is_missing_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_media_packages(PartSettings(image=OnPart.BLOCK))
    with pytest.raises(OperatorError, match=r"policy\.parts\.image.*lethegate\[media\]"):
        check_media_packages(PartSettings(image=OnPart.READ))


async def test_what_several_ask_for_at_once_is_read_and_counted_once(reader: MediaReader) -> None:
    for number in range(3):
        document = f"{number} ".encode() * 100
        await asyncio.gather(*(reader.text("file", document) for _ in range(4)))
    assert len(reader._kept) == 3
    assert reader._kept_bytes == 3 * (200 + 2 * 199)

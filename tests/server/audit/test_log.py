"""The audit log holds what was decided, and shows when it was tampered with."""

import asyncio
import logging
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.classifier.conversation import Conversation
from lethe.server.audit.chain import ChainError, Link
from lethe.server.audit.files import audit_file, audit_files, last_entries, read_entries, read_key, verify
from lethe.server.audit.log import AuditLog
from lethe.server.errors import OperatorError
from tests.server.stack import MODEL, Stack, chat, error_of, write_target

SMALL = 1 << 16


@contextmanager
def log(folder: Path, **options: Any) -> Iterator[AuditLog]:
    opened = AuditLog(folder, **{"max_bytes": SMALL, "keep": 100} | options)
    yield opened
    opened.close()


def write(folder: Path, count: int, **options: Any) -> Link:
    """Write some entries; the last link of the whole log, which must be intact."""
    with log(folder, **options) as opened:
        for index in range(count):
            opened.record({"index": index, "filling": "x" * 100})
    return verify(folder, read_key(folder))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_entries_are_numbered_in_order_across_openings_and_files(tmp_path: Path) -> None:
    write(tmp_path, 1500)
    assert write(tmp_path, 10).number == 1510
    entries = list(read_entries(tmp_path))
    assert [entry["number"] for entry in entries] == list(range(1, 1511))
    assert [entry["index"] for entry in entries] == [*range(1500), *range(10)]
    assert len(audit_files(tmp_path)) >= 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in audit_files(tmp_path))


def test_old_files_go_and_the_rest_still_verifies(tmp_path: Path) -> None:
    for _ in range(6):
        write(tmp_path, 600, keep=2)
    assert len(audit_files(tmp_path)) == 2
    assert verify(tmp_path, read_key(tmp_path)).number == 3600
    assert next(read_entries(tmp_path))["number"] > 1


def change(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"index":1', b'"index":7'), *lines[2:]]


def drop(lines: list[bytes]) -> list[bytes]:
    return lines[:1] + lines[2:]


def swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


def repeat(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines]


def forge(lines: list[bytes]) -> list[bytes]:
    return [*lines, lines[-1].replace(b'"number":5', b'"number":6')]


def nonsense(lines: list[bytes]) -> list[bytes]:
    return [*lines, b"{}\n"]


@pytest.mark.parametrize("tamper", [change, drop, swap, repeat, forge, nonsense])
def test_tampering_is_found(tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]]) -> None:
    write(tmp_path, 5)
    [path] = audit_files(tmp_path)
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ChainError):
        verify(tmp_path, read_key(tmp_path))


def test_a_missing_file_in_the_middle_is_found(tmp_path: Path) -> None:
    for _ in range(4):
        write(tmp_path, 600)
    audit_files(tmp_path)[1].unlink()
    with pytest.raises(ChainError, match="entries are missing"):
        verify(tmp_path, read_key(tmp_path))


def test_entries_missing_where_the_log_begins_are_found(tmp_path: Path) -> None:
    write(tmp_path, 5)
    [path] = audit_files(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[2:]))
    with pytest.raises(ChainError, match="begins with entry 3: entries are missing"):
        verify(tmp_path, read_key(tmp_path))


def test_an_entry_that_is_being_written_is_none_yet(tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path, 600)
    *_, older, newest = audit_files(tmp_path)
    with newest.open("ab") as file:
        file.write(b'{"number":1201,"half')
    assert verify(tmp_path, read_key(tmp_path)).number == 1200
    with older.open("ab") as file:
        file.write(b'{"number":1201,"half')
    with pytest.raises(ChainError):
        verify(tmp_path, read_key(tmp_path))


def test_another_key_verifies_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(ChainError, match="the key is another"):
        verify(tmp_path, b"another")


def test_half_an_entry_left_by_a_crash_is_taken_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, 3)
    [path] = audit_files(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"number":4,"half')
    assert write(tmp_path, 1).number == 5
    assert [entry.get("event") for entry in read_entries(tmp_path)] == [None] * 3 + ["unfinished_entry", None]


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with log(tmp_path), pytest.raises(OperatorError, match="another proxy"):
        AuditLog(tmp_path, max_bytes=SMALL, keep=1)
    write(tmp_path, 1)


def test_what_is_no_audit_log_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "audit-000000000001.jsonl").write_text("something else\n")
    with pytest.raises(OperatorError, match="cannot continue"):
        AuditLog(tmp_path, max_bytes=SMALL, keep=1)


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], None]]:
    """Bounds the size of every file that this process writes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_holds_entries_back_and_what_was_lost_is_said(
    tmp_path: Path, small_disk: Callable[[int], None], logged: pytest.LogCaptureFixture
) -> None:
    room = 50 * len(b'{"index":100}')
    with log(tmp_path, max_bytes=1 << 20, max_waiting_bytes=room) as opened:
        opened.record({"index": 100})
        until(lambda: opened.written == 1)
        small_disk(os.path.getsize(audit_files(tmp_path)[0]) + 30)
        opened.record({"index": 101})
        until(lambda: opened.failing)
        for index in range(60):
            opened.record({"index": index + 102})
        assert opened.lost == 11
        small_disk(1 << 30)
        until(lambda: not opened.failing)
    assert verify(tmp_path, read_key(tmp_path)).number == 52
    lost = [entry["count"] for entry in read_entries(tmp_path) if entry.get("event") == "entries_lost"]
    assert lost == [11]
    assert logged.record_tuples == [
        ("lethe.audit", logging.ERROR, f"the audit log in {tmp_path} cannot be written: File too large"),
        ("lethe.audit", logging.INFO, f"the audit log in {tmp_path} is written again; entries lost: 11"),
    ]


def test_a_disk_that_hangs_is_one_that_cannot_be_written(
    tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    with log(tmp_path, max_bytes=1, max_waiting_bytes=200) as opened:
        opened.record({"index": 0})
        until(lambda: opened.written == 1)
        # Nobody can write into it before somebody reads it.
        hanging = audit_file(tmp_path, 2)
        os.mkfifo(hanging)
        for index in range(40):
            opened.record({"index": index})
        assert opened.lost
        assert opened.failing
        reader = os.open(hanging, os.O_RDONLY | os.O_NONBLOCK)
        until(lambda: not opened.failing)
        lost = opened.lost
    os.close(reader)
    assert logged.record_tuples == [
        (
            "lethe.audit",
            logging.ERROR,
            f"entries of the audit log in {tmp_path} are lost: they come faster than it is written",
        ),
        ("lethe.audit", logging.INFO, f"the audit log in {tmp_path} is written again; entries lost: {lost}"),
    ]


def test_large_entries_that_wait_are_bounded_as_small_ones_are(
    tmp_path: Path, small_disk: Callable[[int], None]
) -> None:
    with log(tmp_path, max_bytes=1 << 30, max_waiting_bytes=10 << 20) as opened:
        small_disk(10)
        for _ in range(20):
            opened.record({"text": "x" * (1 << 20)})
        assert opened.lost == 11
        small_disk(1 << 30)
    assert verify(tmp_path, read_key(tmp_path)).number == 10


def test_a_digest_is_equal_for_equal_prompts_and_keyed(tmp_path: Path) -> None:
    with log(tmp_path / "a") as one, log(tmp_path / "b") as other:
        prompts = [Conversation.from_prompt(text) for text in ("potter", "potter", "potter ")]
        digests = [one.digest([prompt]) for prompt in prompts]
        assert digests[0] == digests[1] != digests[2]
        assert other.digest(prompts[:1]) != digests[0]
        assert one.digest(prompts[:2]) != digests[0]


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the stack keeps its audit log in."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


@pytest.fixture
def with_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have that log say where requests come from."""
    monkeypatch.setenv("LETHE_AUDIT__CLIENT", "true")


@pytest.mark.anyio
async def test_every_decision_is_written_down_without_its_text(audited: Path, stack: Stack) -> None:
    flagged = await stack.client.post("/v1/chat/completions", json=chat("Harry Potter?"))
    await stack.client.post("/v1/completions", json={"prompt": "hello", "stream": True})
    await stack.client.post("/v1/chat/completions", json=chat("hi", prompt_embeds="x"))
    await stack.audited(3)
    first, second, third = read_entries(audited)
    sent = httpx.Headers(stack.engine.headers[0])
    assert first["request_id"] == flagged.headers["x-request-id"] == sent["x-request-id"]
    assert first["key"] == "anyone"
    assert first["model"] == MODEL
    assert (first["action"], first["status"]) == ("corrupt", 200)
    [target] = first["flagged"]
    assert target["target"] == "books"
    assert target["version"] == stack.guard.targets["books"].version
    assert (target["action"], target["probability"], target["threshold"]) == ("corrupt", 1.0, 0.5)
    assert "unfit" not in target
    assert first["scores"] == {"books": 1.0}
    assert first["total_ms"] >= first["first_byte_ms"] > 0
    assert (second["action"], second["stream"], second["scores"]) == ("pass", True, {"books": 0.0})
    assert (third["action"], third["status"]) == ("reject", 400)
    assert not any("client" in each for each in (first, second, third))
    assert b"Harry" not in b"".join(path.read_bytes() for path in audit_files(audited))
    assert verify(audited, read_key(audited)).number == 3


@pytest.mark.anyio
@pytest.mark.parametrize("prompts", [["books", "hello"], ["hello", "books"]])
async def test_of_several_prompts_the_highest_score_is_written_down(
    audited: Path, stack: Stack, prompts: list[str]
) -> None:
    await stack.client.post("/v1/completions", json={"prompt": prompts})
    await stack.audited(1)
    [entry] = read_entries(audited)
    assert entry["scores"] == {"books": 0.6}
    assert [each["probability"] for each in entry["flagged"]] == [0.6]


@pytest.mark.anyio
@pytest.mark.settings(proxies={"trusted": "127.0.0.1", "header": "forwarded"})
async def test_where_a_request_came_from_is_written_down_where_that_is_wanted(
    audited: Path, with_addresses: None, stack: Stack
) -> None:
    for forwarded in ("for=1.2.3.4, for=198.51.100.7", "for=unknown"):
        await stack.client.post("/v1/chat/completions", json=chat("hi"), headers={"Forwarded": forwarded})
    await stack.audited(2)
    assert [each["client"] for each in read_entries(audited)] == ["198.51.100.7", "127.0.0.1"]


@pytest.mark.anyio
async def test_a_target_for_another_model_is_told_apart(audited: Path, stack: Stack, targets: Path) -> None:
    base = {"id": "org/other", "hidden_size": 8, "embedding_sha256": "1" * 64}
    write_target(targets, "books", base_model=base)
    await stack.guard.load()
    await stack.client.post("/v1/chat/completions", json=chat("Harry Potter?"))
    await stack.audited(1)
    [entry] = read_entries(audited)
    assert entry["action"] == "refuse"
    assert [(each["action"], each["unfit"]) for each in entry["flagged"]] == [("refuse", True)]


@pytest.mark.anyio
@pytest.mark.settings(audit={"text_share": 1.0})
async def test_a_share_of_the_entries_carries_the_text(audited: Path, stack: Stack) -> None:
    await stack.client.post("/v1/chat/completions", json=chat("Harry Potter?"))
    await stack.audited(1)
    [entry] = read_entries(audited)
    assert entry["text"] == [[{"role": "user", "text": "Harry Potter?"}]]


@pytest.mark.anyio
@pytest.mark.settings(audit={"required": True})
async def test_nothing_is_answered_while_a_required_log_cannot_be_written(
    audited: Path, stack: Stack, small_disk: Callable[[int], None]
) -> None:
    small_disk(30)
    await stack.client.post("/v1/chat/completions", json=chat("hi"))
    while not stack.audit.failing:
        await asyncio.sleep(0.01)
    response = await stack.client.post("/v1/chat/completions", json=chat("hi"))
    assert response.status_code == 503
    assert "audit log" in error_of(response)["message"]
    assert await stack.metric("lethe_audit_failing") == 1
    small_disk(1 << 30)
    await stack.audited(2)
    assert (await stack.client.post("/v1/chat/completions", json=chat("hi"))).status_code == 200


@pytest.mark.anyio
async def test_an_entry_can_be_waited_for_until_it_is_on_the_disk(tmp_path: Path) -> None:
    with log(tmp_path) as opened:
        assert await opened.recorded({"event": "first"})
        assert [entry["event"] for entry in last_entries(tmp_path, 1)] == ["first"]


def test_the_newest_entries_come_first_and_from_older_files_too(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"audit-{number:012d}.jsonl").write_bytes(
            b"".join(b'{"n":%d}\n' % (10 * number + i) for i in range(2))
        )
    assert [entry["n"] for entry in last_entries(tmp_path, 3)] == [21, 20, 11]
    assert len(last_entries(tmp_path, 50)) == 6


def test_the_newest_entries_of_a_long_log_are_found_without_reading_all(tmp_path: Path) -> None:
    line = b'{"n":1,"filler":"%s"}\n' % (b"x" * 1000)
    (tmp_path / "audit-000000000001.jsonl").write_bytes(line * 1000 + b'{"n":2}\n{"half')
    found = last_entries(tmp_path, 1000, 256 << 10)
    assert found[0]["n"] == 2
    assert 200 < len(found) < 300
    assert [entry["n"] for entry in last_entries(tmp_path, 5, 1)] == [2]


def test_none_of_the_newest_entries_is_missing_however_long_they_are(tmp_path: Path) -> None:
    with log(tmp_path, max_bytes=1 << 20) as opened:
        for index in range(2000):
            # Some are longer than what is read at a time.
            opened.record({"filling": "x" * (600_000 if index % 400 == 0 else 1000)})
    [*_, newest] = audit_files(tmp_path)
    with newest.open("ab") as file:
        file.write(b'{"number":2001,"half":"' + b"x" * 600_000)
    assert [entry["number"] for entry in last_entries(tmp_path, 1990)] == list(range(2000, 10, -1))
    assert len(last_entries(tmp_path, 3000)) == 2000

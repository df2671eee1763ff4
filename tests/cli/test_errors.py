"""What people can mend ends a verb with one line; what they cannot is not hidden."""

import errno

import pytest
import typer

from lethe.cli.errors import UsageError, reported


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("no such\nthing"), "lethe: no such thing\n"),
        (PermissionError(errno.EACCES, "Permission denied", "a.txt"), "Permission denied: 'a.txt'\n"),
        (OSError(errno.ENOSPC, "No space left on device"), "lethe: No space left on device; make room, "),
    ],
)
def test_what_people_can_mend_is_one_line(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, reported():
        raise error
    assert ended.value.exit_code == 1
    written = capsys.readouterr().err
    assert said in written
    assert written.count("\n") == 1


@pytest.mark.parametrize("file", ["/home/orla/.cache", "/home/orla/.cache/lethe/use.onnx"])
def test_a_cache_that_cannot_be_written_is_told_with_what_moves_it(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LETHE_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/orla")
    with pytest.raises(typer.Exit), reported():
        raise OSError(errno.EROFS, "Read-only file system", file)
    assert f"'{file}'; LETHE_CACHE_DIR names another" in capsys.readouterr().err


def test_an_error_of_no_file_is_a_fault_and_shown_whole() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"), reported():
        raise OSError(errno.EBADF, "Bad file descriptor")

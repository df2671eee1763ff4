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


def test_an_error_of_no_file_is_a_fault_and_shown_whole() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"), reported():
        raise OSError(errno.EBADF, "Bad file descriptor")

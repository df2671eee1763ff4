"""What is logged is a line for people, or one JSON object a line, whatever is in it and whoever takes it."""

import errno
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from lethe.server.log import JsonFormatter, TextFormatter, log_to_standard_output


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging is afterwards as it was."""
    root, lethe = logging.getLogger(), logging.getLogger("lethe")
    handlers, levels = root.handlers[:], (root.level, lethe.level)
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    lethe.setLevel(levels[1])


class FullDisk(io.StringIO):
    """Takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def record(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 1, message, values, None)


def test_a_record_is_one_line_of_json_with_its_exception() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        failed = record("a.logger", 'said "%s"', "x\ny")
        failed.exc_info = sys.exc_info()
    line = JsonFormatter().format(failed)
    assert "\n" not in line
    document = json.loads(line)
    assert document["message"] == 'said "x\ny"'
    assert (document["level"], document["logger"]) == ("error", "a.logger")
    assert document["time"].endswith("Z")
    assert "ValueError: two" in document["exception"]


def test_a_line_for_people_names_lethe_or_the_library_that_speaks() -> None:
    assert TextFormatter().format(record("lethe.reload", "%s failed", "it")) == "lethe: it failed"
    assert TextFormatter().format(record("uvicorn.error", "lost")) == "uvicorn.error: lost"


def test_the_name_of_a_file_that_is_no_text_can_be_written() -> None:
    line = record("lethe.reload", "%s is no bundle", "films\udcff")
    assert TextFormatter().format(line) == "lethe: films\\udcff is no bundle"
    assert json.loads(JsonFormatter().format(line))["message"] == "films\udcff is no bundle"


@pytest.mark.usefixtures("restored")
def test_of_other_libraries_only_warnings_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_standard_output("json")
    for name in ("lethe.engines", "another"):
        logging.getLogger(name).info("gets on")
        logging.getLogger(name).warning("does not get on")
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["logger"], each["level"]) for each in documents] == [
        ("lethe.engines", "info"),
        ("lethe.engines", "warning"),
        ("another", "warning"),
    ]


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_nobody_takes_or_cannot_be_written_breaks_nothing(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", FullDisk())
        log_to_standard_output(form)  # pyright: ignore[reportArgumentType]
        for _ in range(2):
            logging.getLogger("lethe").error("lost")
        assert capsys.readouterr().err == ""
        logging.getLogger("lethe").error("%d", "no number")
        assert "TypeError" in capsys.readouterr().err

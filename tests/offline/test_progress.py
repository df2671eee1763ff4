from io import StringIO

import pytest
from rich.console import Console

from lethe.offline.progress import ConsoleProgress, Progress


@pytest.fixture
def terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=120, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_stages_are_counted_of_all_that_there_will_be() -> None:
    lines: list[str] = []
    progress = Progress(lines.append)
    progress.expect(2)
    for stage in ("embedding", "fitting"):
        progress.begin(stage)
    assert lines == ["stage 1 of 2: embedding", "stage 2 of 2: fitting"]
    assert progress.under_way == lines[-1]


def test_a_log_gets_a_line_for_each_stage_and_no_bars() -> None:
    console = Console(file=StringIO(), width=120)
    with ConsoleProgress(console) as progress:
        progress.begin("embedding")
        progress.advance(3, 7)
        progress.say("a [note] of 12")
    assert written(console) == "stage 1: embedding\na [note] of 12\n"


def test_a_terminal_shows_how_far_a_stage_is(terminal: Console) -> None:
    with ConsoleProgress(terminal) as progress:
        progress.begin("embedding")
        progress.advance(1300, 2700, "windows")
    assert "windows" in written(terminal)
    assert "1,300 of 2,700" in written(terminal)


def test_no_time_left_is_told_where_nobody_knows_the_end(terminal: Console) -> None:
    with ConsoleProgress(terminal) as progress:
        progress.begin("embedding")
        progress.advance(1, 2)
        progress.begin("fitting")
        for step in range(100):
            progress.advance(step, note="choosing")
    *_, fitting = written(terminal).partition("choosing")
    assert "left" not in fitting
    assert " of " not in fitting


def test_who_is_not_to_speak_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress(shown=False) as progress:
        progress.begin("embedding")
    assert capfd.readouterr() == ("", "")

"""What stands in a table on the terminal is shown as it is."""

import pytest
import typer

from lethe.bundle.errors import LetheError
from lethe.cli.errors import reported
from lethe.cli.tables import show, table_of

MARKUP = "[/bold] of [red]books[/red]"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


def test_what_looks_like_markup_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of("name")
    table.add_row(MARKUP)
    show(table)
    assert MARKUP in capsys.readouterr().out


def test_a_whole_column_is_not_cut_where_others_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of("text", "more", whole=["id"])
    table.add_row("0123456789abcdef", "word " * 30, "word " * 30)
    show(table)
    assert "0123456789abcdef" in capsys.readouterr().out


def test_a_column_without_anything_in_it_leaves_the_others_its_room(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = [f"column {number}" for number in range(9)]
    table = table_of(*columns, whole=["id"])
    table.add_row("a1", "HuggingFaceTB/SmolLM2-135M-Instruct", *[""] * 8)
    show(table)
    told = capsys.readouterr().out
    assert "HuggingFaceTB/SmolLM2-135M-Instruct" in told
    assert "column 0" in told
    assert "column 1" not in told


def test_a_table_as_commands_print_it_fits_eighty_columns_without_a_cut_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    others = ("requests", "flagged", "share", "done", "would have", "keys")
    table = table_of(*others, whole=["day", "target"])
    table.add_row("2026-11-30", "harry-potter", "400", "2", "50.00 %", "corrupt:2", "observe:1", "2")
    show(table)
    told = capsys.readouterr().out
    for word in ("harry-potter", "requests", "flagged", "50.00 %", "corrupt:2", "observe:1"):
        assert word in told


def test_what_is_too_long_for_a_column_goes_on_below(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of("first", "second", "third", whole=["id"])
    table.add_row("a1", *["abcdefghij" * 3] * 3)
    show(table)
    told = capsys.readouterr().out
    assert told.count("j") == 9
    assert "…" not in told


def test_what_a_terminal_would_act_on_is_shown_and_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Texts of requests, names and descriptions are others' words."""
    table = table_of("name")
    table.add_row("red \x1b[31m, \x9b2J, \u202e, and\ttwo\nlines")
    show(table)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x9b" not in told
    assert "\u202e" not in told
    assert "\\u001b[31m" in told


def test_what_an_error_tells_is_not_sent_to_the_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), reported():
        raise LetheError("the registry says \x1b[2J")
    assert capsys.readouterr().err == "lethe: the registry says \\u001b[2J\n"

"""What stands in a table on the terminal is shown as it is."""

import pytest

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

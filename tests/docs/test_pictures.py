"""The README's figure shows what its page says."""

from docs.images.draw_leaks import PICTURE, draw, rows
from tests.docs.pages import ROOT


def test_the_figure_is_drawn_from_the_page_as_it_is() -> None:
    found = list(rows((ROOT / "docs" / "benchmarks-leaks.md").read_text()))
    assert PICTURE.read_text() == draw(found), "make leaks-picture"


def test_every_row_counts_no_more_than_was_asked() -> None:
    found = list(rows((ROOT / "docs" / "benchmarks-leaks.md").read_text()))
    assert len(found) == 8
    assert all(0 <= told <= row.facts for row in found for told in row.told)

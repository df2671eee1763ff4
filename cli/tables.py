"""Tables on the terminal."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


@dataclass
class Listing:
    """Rows of text under names, of which some columns are shown whole, whatever the terminal's width."""

    columns: tuple[str, ...]
    whole: frozenset[str] = frozenset()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add a row, with a cell for each column."""
        self.rows.append(cells)

    def table(self) -> "Table":
        """As it is shown: a column that has nothing in any row is left out, and what is too long goes on below."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Column, Table

        shown = [
            number
            for number, _ in enumerate(self.columns)
            if not self.rows or any(row[number] for row in self.rows)
        ]
        names = [self.columns[number] for number in shown]
        table = Table(
            *(Column(name, no_wrap=name in self.whole, overflow="fold") for name in names),
            # As much room as there is for what stands in it.
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        for row in self.rows:
            table.add_row(*(row[number] for number in shown))
        return table


def table_of(*columns: str, whole: Sequence[str] = ()) -> Listing:
    """An empty table.

    Parameters
    ----------
    whole
        Columns before the others that are shown whole, whatever the terminal's width: what is typed again.
    """
    return Listing((*whole, *columns), frozenset(whole))


def show(*tables: "Table | Listing") -> None:
    """Print tables with what stands in them as it is: names and texts are others' and may look like markup."""
    from rich.console import Console

    shown = [each.table() if isinstance(each, Listing) else each for each in tables]
    for table in shown:
        for column in table.columns:
            column._cells = [printable(each) if isinstance(each, str) else each for each in column._cells]  # pyright: ignore[reportPrivateUsage]
    Console(markup=False).print(*shown)


def printable(text: str) -> str:
    """A text with what a terminal would act on, which others may have written, as JSON's escapes; lines stay lines."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
    )

"""Tables on the terminal."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def table_of(*columns: str, whole: Sequence[str] = ()) -> "Table":
    """An empty table.

    Parameters
    ----------
    whole
        Columns before the others that are shown whole, whatever the terminal's width: what is typed again.
    """
    from rich.table import Column, Table

    return Table(*(Column(name, no_wrap=True) for name in whole), *columns)


def show(*tables: "Table") -> None:
    """Print tables with what stands in them as it is: names and texts are others' and may look like markup."""
    from rich.console import Console

    for table in tables:
        for column in table.columns:
            column._cells = [printable(each) if isinstance(each, str) else each for each in column._cells]  # pyright: ignore[reportPrivateUsage]
    Console(markup=False).print(*tables)


def printable(text: str) -> str:
    """A text with what a terminal would act on, which others may have written, as JSON's escapes; lines stay lines."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
    )

"""Tables on the terminal."""

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

    Console(markup=False).print(*tables)

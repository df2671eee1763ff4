"""Reading the rows of a Parquet file, the form in which the Hugging Face hub keeps most data sets."""

from pathlib import Path
from typing import Any


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, each by column.

    Raises
    ------
    ValueError
        It is no Parquet file.
    """
    from pyarrow import parquet  # slow to import, and needed only here

    return parquet.read_table(path).to_pylist()

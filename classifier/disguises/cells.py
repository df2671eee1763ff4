"""Letters in the cells of a table, or in an array: one a cell, row by row, empty cells between words."""

import re

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, replaced

_FEWEST = 12
# Of cells, how many must hold one letter.
_LEAST_LETTERS = 0.6
_ROW = r"[ \t]*\|(?:[^|\n]{0,3}\|)+[ \t]*"
_TABLE = re.compile(rf"(?m)^{_ROW}$(?:\n{_ROW}$)*")
_IN_RULE = frozenset("|-: \t")
_ARRAY = re.compile(r"(?:([\"'])[^\"'\n]?\1\s?,\s{0,4}){11,}([\"'])[^\"'\n]?\2")
_IN_ARRAY = bytes(34 if chr(byte) in "\"'" else 44 if byte == 44 else 97 for byte in range(256))
_ITEM = re.compile(r"[\"']([^\"'\n]?)[\"']")


def _may_be_cells(scan: Scan) -> bool:
    return scan.count(b"|") >= _FEWEST or _may_be_array(scan)


def _may_be_array(scan: Scan) -> bool:
    return scan.signs.translate(_IN_ARRAY).count(b'"a",') >= _FEWEST // 2


def read_cells(text: str) -> AlignedText | None:
    """The text with tables and arrays read whose cells hold a letter each; None where there are none."""
    found = [(match.span(), _of_table(match[0])) for match in _TABLE.finditer(text)]
    if _may_be_array(Scan(text)):
        found += [(match.span(), _ITEM.findall(match[0])) for match in _ARRAY.finditer(text)]
    read = [
        (*span, f" {''.join(cell or ' ' for cell in cells)} ") for span, cells in found if _are_letters(cells)
    ]
    return replaced(text, sorted(read)) if read else None


def _of_table(rows: str) -> list[str]:
    return [
        cell.strip()
        for row in rows.split("\n")
        if "-" not in row or not _IN_RULE.issuperset(row)
        for cell in row.strip().strip("|").split("|")
    ]


def _are_letters(cells: list[str]) -> bool:
    single = sum(len(cell) == 1 and cell.isalpha() for cell in cells)
    return len(cells) >= _FEWEST and single >= _LEAST_LETTERS * len(cells) and max(map(len, cells)) <= 1


CELLS = Reader("cells", _may_be_cells, read_cells)

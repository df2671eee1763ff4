"""What a long measurement found so far, on disk, so that one that was cut off goes on."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lethe.offline.data.json_lines import append_lines, read_whole_lines

_ENDED = {"ended": True}


@dataclass(frozen=True)
class Outcome:
    """What became of one request.

    Attributes
    ----------
    left_out
        It names the target, so it was not asked.
    flagged_without
        Of one with a hidden question that was flagged: whether it is without the question, too.
    whole
        All of it was read.
    """

    kind: str
    language: str
    left_out: bool = False
    flagged: bool = False
    flagged_without: bool = False
    whole: bool = True


class Record:
    """Outcomes in the order in which requests come, by the cell of a table that they belong to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, list[Outcome]] = defaultdict(list)
        self._ended: set[str] = set()
        for line in read_whole_lines(path):
            self._take(line)

    def outcomes(self, cell: str) -> Sequence[Outcome]:
        """All that a cell has."""
        return self._outcomes[cell]

    def ended(self, cell: str) -> bool:
        """Whether there are no more requests for a cell."""
        return cell in self._ended

    def add(self, cell: str, outcome: Outcome) -> None:
        """Keep what became of a cell's next request."""
        self._write({"cell": cell, **asdict(outcome)})

    def end(self, cell: str) -> None:
        """Keep that a cell has no more requests."""
        self._write({"cell": cell, **_ENDED})

    def _write(self, line: dict[str, Any]) -> None:
        append_lines(self._path, [line])
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        cell, rest = line["cell"], {name: value for name, value in line.items() if name != "cell"}
        if rest == _ENDED:
            self._ended.add(cell)
        else:
            self._outcomes[cell].append(Outcome(**rest))

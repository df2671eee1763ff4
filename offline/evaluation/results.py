"""What a benchmark gives for one model, and the table of several."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lethe.bundle.errors import LetheError
from lethe.bundle.files import replace_file

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Result:
    """Scores of one model on one benchmark.

    Attributes
    ----------
    scores
        What stands in the table.
    samples
        Values by question, where a distribution matters or another result is to be compared with them.
    outputs
        Generated texts, in the order of the questions.
    intervals
        By score, its 95 % interval, where there is one.
    """

    benchmark: str
    model: str
    scores: Mapping[str, float]
    samples: Mapping[str, list[float]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class ResultsError(LetheError):
    """A results file that cannot be used."""


def write_results(results: Sequence[Result], folder: Path) -> None:
    """Write ``results.json`` and ``results.md`` into a folder, each replaced at once."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"schema_version": SCHEMA_VERSION, "results": [asdict(result) for result in results]}
    replace_file(folder / "results.json", json.dumps(document, indent=1) + "\n")
    replace_file(folder / "results.md", markdown_table(results) + "\n")


def read_results(path: Path) -> list[Result]:
    """Read what `write_results` wrote.

    Raises
    ------
    ResultsError
        The file is missing, malformed, or of another schema.
    """
    try:
        document = json.loads(path.read_text())
        if document["schema_version"] != SCHEMA_VERSION:
            raise ResultsError(
                f"{path} has schema version {document['schema_version']}; this release reads {SCHEMA_VERSION}"
            )
        return [_result(row) for row in document["results"]]
    except FileNotFoundError:
        raise ResultsError(f"{path} does not exist") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} is not a results file: {error}") from None


def markdown_table(results: Sequence[Result]) -> str:
    """A table with a row for every score and a column for every model."""
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    lines = [
        "| score | " + " | ".join(result.model for result in results) + " |",
        "|---|" + "---:|" * len(results),
    ]
    for name in names:
        cells = [_cell(result.scores.get(name), result.intervals.get(name)) for result in results]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _result(row: dict[str, Any]) -> Result:
    intervals = {name: (low, high) for name, (low, high) in row.pop("intervals", {}).items()}
    return Result(**row, intervals=intervals)


def _cell(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    if interval is None:
        return _figure(value)
    return f"{value:.3g} ({interval[0]:.3g}–{interval[1]:.3g})"


def _figure(value: float) -> str:
    return f"{value:.3e}" if value and abs(value) < 1e-3 else f"{value:.4g}"

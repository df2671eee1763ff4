"""Runs the matrix and writes docs/models.md: ``python -m bench.model_matrix [NAME...]`` (``make bench-models``).

Every release of vLLM has a section of its own, written where it is installed. Each row is kept as soon as it is there, so one that was
interrupted goes on where it was; the section is written of a whole run, or, with ``--kept``, of the rows that are there.
"""

import argparse
import importlib.metadata
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.model_matrix.architectures import ARCHITECTURES, Architecture
from bench.model_matrix.comparison import Outcome, Result, compare
from bench.page import machine, table, vllm_distribution, write_section
from lethe.bundle.files import replace_file
from lethe.models.cache import cache_folder

_HEADER = (
    "model",
    "type in transformers",
    "how tokens enter",
    "outcome",
    "corrupted, nats",
    "clean, nats",
    "moved, nats",
    "clean as without plugin",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="architectures; all if left out")
    parser.add_argument(
        "--kept", action="store_true", help="run nothing, and write what earlier runs have kept"
    )
    options = parser.parse_args()
    chosen = [each for each in ARCHITECTURES if each.name in options.names or not options.names]
    if unknown := set(options.names) - {each.name for each in chosen}:
        known = ", ".join(each.name for each in ARCHITECTURES)
        raise SystemExit(f"{', '.join(sorted(unknown))} is not in the matrix, which has {known}")
    folder = cache_folder() / "bench" / "models" / _release()
    folder.mkdir(parents=True, exist_ok=True)
    if options.kept:
        chosen = [each for each in chosen if (folder / f"{each.name}.json").exists()]
    rows = []
    for number, architecture in enumerate(chosen, 1):
        print(f"{number} of {len(chosen)}: {architecture.name}", file=sys.stderr, flush=True)
        result = _result(architecture, folder / f"{architecture.name}.json")
        print(f"  {result.outcome.value} {result.detail}", file=sys.stderr, flush=True)
        rows.append((architecture, result))
    if options.kept or len(rows) == len(ARCHITECTURES):
        title = f"The matrix on vLLM {importlib.metadata.version(vllm_distribution())}"
        command = "python -m bench.model_matrix" + " --kept" * options.kept
        write_section("models.md", title, command, _section(rows))


def _release() -> str:
    return f"{vllm_distribution()}-{importlib.metadata.version(vllm_distribution())}"


def _result(architecture: Architecture, kept: Path) -> Result:
    """From an earlier run of this release, or measured now."""
    if kept.exists():
        fields = json.loads(kept.read_text())
        return Result(**fields | {"outcome": Outcome(fields["outcome"])})
    with tempfile.TemporaryDirectory() as folder:
        result = compare(architecture, Path(folder))
    replace_file(kept, json.dumps(asdict(result) | {"outcome": result.outcome.value}))
    return result


def _section(rows: Sequence[tuple[Architecture, Result]]) -> str:
    counts = Counter(result.outcome for _, result in rows)
    summary = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
    reasons = [
        f"- {architecture.name}, {result.outcome.value}: {result.detail}"
        for architecture, result in rows
        if result.detail
    ]
    tried = str(len(rows)) if len(rows) == len(ARCHITECTURES) else f"{len(rows)} of {len(ARCHITECTURES)}"
    head = f"{machine(vllm_distribution(), 'torch', 'transformers')}. {tried} architectures: {summary}."
    return "\n\n".join((head, table(_HEADER, [_cells(*row) for row in rows]), "\n".join(reasons)))


def _cells(architecture: Architecture, result: Result) -> list[str]:
    as_without = {True: "yes", False: "**no**", None: ""}[result.clean_as_without]
    return [
        architecture.name,
        f"`{architecture.model_type}`",
        architecture.embeds,
        result.outcome.value,
        _nats(result.corrupted_difference),
        _nats(result.clean_difference),
        _nats(result.moved),
        as_without,
    ]


def _nats(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


if __name__ == "__main__":
    main()

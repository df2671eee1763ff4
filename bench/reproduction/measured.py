"""Results of a reproduction beside the machine that they were measured on, by one process or by several."""

from collections.abc import Sequence
from pathlib import Path

from bench.reproduction.machine import describe_machine
from lethe.bundle.files import replace_file
from lethe.offline.adapter_training.settings import Dtype
from lethe.offline.evaluation.results import Result, read_results, write_results

_MACHINE = "machine.txt"


def write_measured(results: Sequence[Result], folder: Path, dtype: str) -> None:
    """Write results, the machine and what models were run in into a folder."""
    write_results(results, folder)
    replace_file(folder / _MACHINE, describe_machine(dtype) + "\n")


def dtype_in_name(dtype: Dtype) -> str:
    """How the name of what is kept ends by what models were run in: bfloat16 goes without saying."""
    return "" if dtype == "bfloat16" else f"-{dtype}"


def read_measured(work: Path, name: str, suffixes: Sequence[str]) -> list[Result]:
    """What `write_measured` kept under a name in parts; each model once, in the order of the parts.

    Parameters
    ----------
    work
        Folder with the results.
    suffixes
        Of the parts' folders, in order.
    """
    found: dict[str, Result] = {}
    for folder in _folders(work, name, suffixes):
        for result in read_results(folder / "results.json"):
            found.setdefault(result.model, result)
    return list(found.values())


def machines(work: Path, name: str, suffixes: Sequence[str]) -> list[str]:
    """The machines that it was measured on, each once."""
    lines = [(folder / _MACHINE).read_text().strip() for folder in _folders(work, name, suffixes)]
    return list(dict.fromkeys(lines))


def _folders(work: Path, name: str, suffixes: Sequence[str]) -> list[Path]:
    folders = [work / f"{name}-{suffix}" for suffix in suffixes]
    return [
        folder for folder in folders if (folder / "results.json").is_file() and (folder / _MACHINE).is_file()
    ]

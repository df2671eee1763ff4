"""Benchmarks from the Hugging Face hub, written into the cache in the layout of a data folder.

The hub keeps a Parquet copy of every public data set under ``refs/convert/parquet``, as CONFIGURATION/SPLIT/0000.parquet.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lethe.bundle.files import replace_file
from lethe.offline.data.files import DataError, read_parquet
from lethe.offline.evaluation.muse import CORPORA

_REVISION = "refs/convert/parquet"
_LETTERS = "ABCD"
HubRow = dict[str, Any]


class Rows(Protocol):
    """Gives the rows of one split of a data set on the hub."""

    def __call__(self, dataset: str, configuration: str, split: str) -> list[HubRow]: ...


@dataclass(frozen=True)
class _File:
    """One file of a data folder, and where its rows come from."""

    path: str
    dataset: str
    configuration: str
    split: str
    write: Callable[[Path, Sequence[HubRow]], None]


def fetch_benchmark(benchmark: str, corpus: str, folder: Path, rows: Rows | None = None) -> Path:
    """Bring a benchmark's files into a folder, unless they are there, and give the folder.

    Parameters
    ----------
    corpus
        Of MUSE and copyright.
    folder
        A data folder, as a rule in the cache.
    rows
        Where rows come from; the hub by default.

    Raises
    ------
    DataError
        The hub cannot be reached, or has no such benchmark.
    """
    rows = rows or hub_rows
    if benchmark == "mmlu":
        _fetch_mmlu(folder, rows)
        return folder
    for file in _files(benchmark, corpus):
        path = folder / file.path
        if not path.is_file():
            found = rows(file.dataset, file.configuration, file.split)
            replace_file(path, lambda temporary, file=file, found=found: file.write(temporary, found))
    return folder


def hub_rows(dataset: str, configuration: str, split: str) -> list[HubRow]:
    """Download one split and read its rows.

    Raises
    ------
    DataError
        It cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        file = hf_hub_download(
            dataset, f"{configuration}/{split}/0000.parquet", repo_type="dataset", revision=_REVISION
        )
    except (OSError, HfHubHTTPError) as error:
        raise DataError(
            f"{dataset} ({configuration}, {split}) cannot be downloaded ({error}); name a folder with --data or "
            "LETHE_DATA_DIR"
        ) from None
    return read_parquet(Path(file))


def _files(benchmark: str, corpus: str) -> list[_File]:
    if benchmark == "wmdp":
        return [
            _File(f"wmdp/{subject}.jsonl", "cais/wmdp", f"wmdp-{subject}", "test", _write_lines)
            for subject in ("bio", "chem", "cyber")
        ]
    if benchmark not in ("muse", "copyright"):
        raise DataError(
            f"the {benchmark} benchmark is read from a folder; name it with --data or LETHE_DATA_DIR"
        )
    if corpus not in CORPORA:
        raise DataError(f"MUSE has the corpora {', '.join(CORPORA)}, not {corpus!r}")
    folder, dataset = CORPORA[corpus], f"muse-bench/MUSE-{corpus.title()}"
    knowledge = {
        "forget_qa": "forget_qa",
        "forget_qa_icl": "forget_qa_icl",
        "retain2_qa": "retain_qa",
        "retain2_qa_icl": "retain_qa_icl",
    }
    privacy = {"forget": "forget", "holdout": "holdout", "retain2": "retain"}
    return [
        _File(f"muse/{folder}/verbmem/forget.json", dataset, "verbmem", "forget", _write_list),
        *(
            _File(f"muse/{folder}/knowmem/{name}.json", dataset, "knowmem", split, _write_list)
            for name, split in knowledge.items()
        ),
        *(
            _File(f"muse/{folder}/privleak/{name}.json", dataset, "privleak", split, _write_texts)
            for name, split in privacy.items()
        ),
    ]


def _fetch_mmlu(folder: Path, rows: Rows) -> None:
    tests = folder / "mmlu" / "test"
    if any(tests.glob("*_test.csv")):
        return
    by_subject: dict[str, list[HubRow]] = {}
    for row in rows("cais/mmlu", "all", "test"):
        by_subject.setdefault(row["subject"], []).append(row)
    staged = folder / "mmlu" / ".test-partial"
    for subject, questions in by_subject.items():
        replace_file(
            staged / f"{subject}_test.csv", lambda path, questions=questions: _write_mmlu(path, questions)
        )
    staged.rename(tests)


def _write_mmlu(path: Path, questions: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [row["question"], *row["choices"], _LETTERS[row["answer"]]] for row in questions
        )


def _write_lines(path: Path, rows: Sequence[HubRow]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _write_list(path: Path, rows: Sequence[HubRow]) -> None:
    path.write_text(json.dumps(list(rows)), encoding="utf-8")


def _write_texts(path: Path, rows: Sequence[HubRow]) -> None:
    path.write_text(json.dumps([row["text"] for row in rows]), encoding="utf-8")

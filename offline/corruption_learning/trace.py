"""A record of everything measured, which is also what an interrupted search resumes from.

The search is deterministic: given the same scores it proposes the same candidates. So resuming needs no state of the
search, only that nothing is measured twice.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lethe.bundle.errors import LetheError
from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.objective import Measurement
from lethe.offline.data.json_lines import append_lines, read_whole_lines

_KEPT_OUTPUTS = 3


class TraceError(LetheError):
    """A trace that belongs to another search, or cannot be read."""


class MeasurementTrace:
    """Measures candidates once, writing each as a line of JSON.

    Parameters
    ----------
    path
        The file; appended to if it is there. None keeps the record in memory.
    batch
        Candidates that are measured together, and so lost together by an interruption.
    on_measured
        Told the number of candidates measured, after every batch.

    Raises
    ------
    TraceError
        The file records a search on another model or other questions.
    """

    def __init__(
        self,
        evaluator: CorruptionEvaluator,
        path: Path | None = None,
        batch: int = 8,
        on_measured: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self.evaluator = evaluator
        self.path = path
        self.batch = batch
        self.on_measured = on_measured
        self._measured: dict[str, Measurement] = {}
        if path is not None:
            self._open(path)

    def measure(self, candidates: Sequence[Corruption | None]) -> list[Measurement]:
        """Measure candidates that are new, and recall the others."""
        new = list(
            {
                _key(candidate): candidate
                for candidate in candidates
                if _key(candidate) not in self._measured
            }.values()
        )
        for start in range(0, len(new), self.batch):
            chunk = new[start : start + self.batch]
            for candidate, measurement in zip(chunk, self.evaluator.measure(chunk), strict=True):
                self._record(_key(candidate), {"candidate": _document(candidate)}, measurement)
            self.on_measured(len(self._measured))
        return [self._measured[_key(candidate)] for candidate in candidates]

    def measure_surrogate(self, prompts: Sequence[str]) -> Measurement:
        """Estimate the surrogate values once."""
        key = f"surrogate:{_digest(list(prompts))}"
        if key not in self._measured:
            self._record(key, {"surrogate": key}, self.evaluator.measure_surrogate(prompts))
        return self._measured[key]

    def _open(self, path: Path) -> None:
        header = {"search": _fingerprint(self.evaluator)}
        rows = read_whole_lines(path)
        # One that was given up before its first candidate, for lack of a template say, keeps nobody from another.
        if len(rows) == 1 and isinstance(rows[0], dict) and rows[0].keys() == header.keys():
            path.unlink()
        if not path.exists():
            append_lines(path, [header])
        elif rows[:1] != [header]:
            raise TraceError(
                f"{path} records a search on another model, questions or metrics; remove it or name another file"
            )
        for row in rows[1:]:
            self._measured[row["key"]] = Measurement(row["values"], tuple(row["outputs"]))

    def _record(self, key: str, about: dict[str, Any], measurement: Measurement) -> None:
        self._measured[key] = measurement
        if self.path is None:
            return
        row = {
            "key": key,
            **about,
            "values": dict(measurement.values),
            "outputs": measurement.outputs[:_KEPT_OUTPUTS],
        }
        append_lines(self.path, [row])


def _fingerprint(evaluator: CorruptionEvaluator) -> str:
    return _digest(
        [
            evaluator.model.name,
            [question.model_dump() for question in evaluator.questions],
            evaluator.metrics,
            evaluator.deny_list,
            evaluator.max_tokens,
            evaluator.chat,
            *([evaluator.template] if evaluator.template else []),
        ]
    )


def _document(candidate: Corruption | None) -> dict[str, Any] | None:
    return None if candidate is None else asdict(candidate)


def _key(candidate: Corruption | None) -> str:
    return "clean" if candidate is None else f"candidate:{_digest(_document(candidate))}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]

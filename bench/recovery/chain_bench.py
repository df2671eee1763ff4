"""A chain that is trained to be recovered, and the record of one seed of it.

Every step is kept in the run's folder, so a run that was stopped goes on; the record is written anew after each.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.page import machine
from lethe.bundle.files import replace_file
from lethe.offline.data.json_lines import read_whole_lines
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.progress import Progress
from lethe.offline.recovery.chain import read_chain
from lethe.offline.recovery.jobs.diagnosis import diagnose
from lethe.offline.recovery.jobs.refresh import refresh_domain
from lethe.offline.recovery.jobs.rollback import roll_back
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChainStep:
    """One stage as it was trained.

    Attributes
    ----------
    goal
        See `recovery.chain.ChainStage`.
    """

    name: str
    checkpoint: Path
    questions: Sequence[ForgetQuestion]
    goal: str = "learn"


@dataclass(frozen=True)
class ChainBench:
    """What is trained, and how it is recovered.

    Attributes
    ----------
    title, opening
        Of its section of the page.
    harmed
        Name of the domain to recover.
    score
        See `recovery.chain.ChainStage`.
    train
        From the run's folder and the seed: where the chain starts, and its stages. Told what it does.
    exact
        Examples for the exact curvature.
    """

    title: str
    opening: str
    harmed: str
    score: str
    train: Callable[[Path, int, Say], tuple[Path, list[ChainStep]]]
    exact: int
    rollback: RollbackSettings
    refresh: RefreshSettings


def measure(bench: ChainBench, seed: int, folder: Path, record: Path, say: Say) -> None:
    """Train the chain of one seed, recover its harmed domain, and write the record."""
    begun = time.monotonic()
    before = json.loads(record.read_text())["seconds"] if record.is_file() else 0

    def keep() -> None:
        document = {"seed": seed, "machine": machine("torch", "transformers") + _accelerator()}
        document |= {"seconds": round(before + time.monotonic() - begun)} | _found(folder / "recovery")
        replace_file(record, json.dumps(document) + "\n")
        say(f"{record.stem} recorded")
        if torch.cuda.is_initialized():
            # What is not needed until the next job may serve who else runs on the device.
            torch.cuda.empty_cache()

    base, steps = bench.train(folder, seed, say)
    chain = read_chain(write_chain_file(folder, base, steps, bench.score))
    work = Workspace(chain, bench.harmed, folder / "recovery")
    if not (work.folder / "diagnosis.json").is_file():
        diagnose(work, Progress(say), bench.exact)
    keep()
    rollback = bench.rollback.model_copy(update={"seed": seed})
    if not _rolled_back(work.folder, rollback):
        roll_back(work, rollback, Progress(say))
    keep()
    refresh_domain(work, bench.refresh.model_copy(update={"seed": seed}), Progress(say))
    keep()


def write_chain_file(folder: Path, base: Path, steps: Sequence[ChainStep], score: str) -> Path:
    """Write the chain's file, with the questions of its stages beside it."""
    lines = [f'base = "{base}"']
    for number, step in enumerate(steps, start=1):
        file = folder / f"stage-{number}.jsonl"
        rows = [question.model_dump_json(include={"question", "answer"}) for question in step.questions]
        replace_file(file, "\n".join(rows) + "\n")
        lines += [
            "",
            "[[stages]]",
            f'name = "{step.name}"',
            f'checkpoint = "{step.checkpoint}"',
            f'questions = "{file.name}"',
            f'goal = "{step.goal}"',
            f'score = "{score}"',
        ]
    replace_file(folder / "chain.toml", "\n".join(lines) + "\n")
    return folder / "chain.toml"


def _rolled_back(folder: Path, settings: RollbackSettings) -> bool:
    """Whether a rollback with these settings was measured to its end."""
    path = folder / "rollback.json"
    asked = settings.model_dump(mode="json", exclude={"save"})
    return path.is_file() and json.loads(path.read_text())["settings"] == asked


def _found(folder: Path) -> dict[str, Any]:
    """What the jobs have left so far, by the name of its file."""
    found: dict[str, Any] = {}
    for name in ("diagnosis", "rollback", "refresh", "results"):
        path = folder / f"{name}.json"
        if path.is_file():
            found[name] = json.loads(path.read_text())
    found["candidates"] = read_whole_lines(folder / "candidates.jsonl")
    found["refreshes"] = [
        row for path in sorted(folder.glob("refresh-*/tried.jsonl")) for row in read_whole_lines(path)
    ]
    return found


def _accelerator() -> str:
    return f"; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""

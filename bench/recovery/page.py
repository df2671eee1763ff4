"""Runs a recovery on a chain that was trained here, and writes its section of docs/benchmarks-recovery.md."""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.page import DOCS, machine, write_section
from lethe.bundle.files import replace_file
from lethe.models.cache import cache_folder
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.results import read_results
from lethe.offline.progress import Progress
from lethe.offline.recovery.chain import read_chain
from lethe.offline.recovery.job import (
    CONTROL,
    END,
    FULL,
    KEPT,
    RECOVERED,
    REFRESHED,
    ROLLBACKS,
    diagnose,
    refresh_domain,
    roll_back,
)
from lethe.offline.recovery.report import render_report
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace

PAGE = "benchmarks-recovery.md"
GOAL_RECOVERED, GOAL_KEPT = 0.5, 0.95


@dataclass(frozen=True)
class Measured:
    """What a chain's recovery is run with.

    Attributes
    ----------
    exact
        Examples for the exact curvature.
    """

    exact: int
    rollback: RollbackSettings
    refresh: RefreshSettings


def teller() -> Callable[[str], None]:
    """Prints lines with the seconds since now."""
    start = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - start:6.0f} s] {line}", flush=True)


def work_folder(name: str, description: str | None) -> Path:
    """Parse the command line, which names the folder that every chain has a folder of its own in."""
    cache = cache_folder()
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", type=Path, default=cache / "recovery", help="folder of models and results")
    return parser.parse_args().work / name


def write_chain_file(
    folder: Path, base: Path, stages: Sequence[tuple[str, Path, Sequence[ForgetQuestion]]], score: str
) -> Path:
    """Write the chain's file with the questions of its stages (name, checkpoint, questions) beside it."""
    lines = [f'base = "{base}"']
    for number, (name, checkpoint, questions) in enumerate(stages, start=1):
        file = folder / f"stage-{number}.jsonl"
        rows = "\n".join(question.model_dump_json(include={"question", "answer"}) for question in questions)
        replace_file(file, rows + "\n")
        lines += [
            "",
            "[[stages]]",
            f'name = "{name}"',
            f'checkpoint = "{checkpoint}"',
            f'questions = "{file.name}"',
            f'score = "{score}"',
        ]
    replace_file(folder / "chain.toml", "\n".join(lines) + "\n")
    return folder / "chain.toml"


def measure(chain: Path, settings: Measured, say: Callable[[str], None], harmed: str | None = None) -> Path:
    """Run the three jobs, and give the folder of their results."""
    folder = chain.parent / "recovery"
    work = Workspace(read_chain(chain), harmed, folder)
    if not (folder / "diagnosis.json").is_file():
        diagnose(work, Progress(say), settings.exact)
    roll_back(work, settings.rollback, Progress(say))
    refresh_domain(work, settings.refresh, Progress(say))
    return folder


def write_chain_section(title: str, command: str, name: str, opening: str, folder: Path) -> None:
    """Write the section, its pictures beside it; the verdict is computed from the results."""
    for picture in folder.glob("*.png"):
        destination = DOCS / "figures" / f"recovery-{name}-{picture.name}"
        replace_file(destination, lambda path, picture=picture: shutil.copyfile(picture, path))
    page = DOCS / PAGE
    if not page.is_file():
        page.write_text("# Recovery, measured\n\nEach section is written by the command below its title.\n")
    report = render_report(folder, heading="###", pictures=f"figures/recovery-{name}-")
    body = f"{machine('torch', 'transformers')}\n\n{opening.strip()}\n\n{verdict(folder)}\n\n{report}"
    write_section(PAGE, title, command, body)


def verdict(folder: Path) -> str:
    """Say whether the goal was met: half of what was lost is back, and the later domains keep 95 %.

    A rollback has also to be better than every random control, since it claims to know which coordinates matter.
    """
    found = {result.model: result.scores for result in read_results(folder / "results.json")}
    if RECOVERED not in found[END]:
        return "The chain did not harm the domain, so there is nothing to recover."
    controls = json.loads((folder / "rollback.json").read_text())["controls"]
    lines = []
    for state in (ROLLBACKS["conflict"], REFRESHED):
        back, kept = found[state][RECOVERED], found[state][KEPT]
        rivals = controls if state == ROLLBACKS["conflict"] else []
        if back < GOAL_RECOVERED or kept < GOAL_KEPT:
            said = "not met"
        elif any(each[RECOVERED] >= back and each[KEPT] >= GOAL_KEPT for each in rivals):
            said = "not met: a random control does as well"
        else:
            said = "met"
        lines.append(
            f"**{state}: {100 * back:.0f} % recovered, {100 * kept:.0f} % kept** "
            f"(goal: {100 * GOAL_RECOVERED:.0f} and {100 * GOAL_KEPT:.0f}): {said}."
        )
    least, most = (100 * pick(each[RECOVERED] for each in controls) for pick in (min, max))
    spread = {CONTROL: f" ({least:.0f} % to {most:.0f} %)"}
    others = [
        f"{state} {100 * found[state][RECOVERED]:.0f} %{spread.get(state, '')} and {100 * found[state][KEPT]:.0f} %"
        for state in (CONTROL, ROLLBACKS["random"], ROLLBACKS["largest"], ROLLBACKS["interpolation"], FULL)
    ]
    return "\n".join([*lines, f"Beside them: {'; '.join(others)}."])

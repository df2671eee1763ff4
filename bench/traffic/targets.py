"""Measures false alarms of other targets than the shipped one, and of many at once; writes docs/benchmarks-traffic.md.

``python -m bench.traffic.targets alone|together WORK HEADS... [--ordinary FOLDER ...] [--lengths 2000 ...] [--processes 10] [--share 0.1] [--recorded]``, with HEADS
folders of bundles as `bench.training.target_heads` and `bench.training.few_prompts` leave them. Every request is asked of some targets each alone,
or of the shipped one, ten at once and all. Outcomes are kept in WORK, so a run that was cut off goes on.
Needs LETHE_DATA_DIR.
"""

import argparse
import json
import multiprocessing
import os
import shlex
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.classifier.data import data_folder
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.traffic.judge import Judge, entities_of, head_folder, target_of
from bench.traffic.requests import LENGTHS, Names, Request, Sources, requests_as_they_are, requests_of_length
from bench.traffic.thresholds import thresholds_table
from bench.training.few_prompts import TARGETS as FEW_PROMPTS
from bench.training.few_prompts import names_of
from bench.training.target_heads import BIOLOGY, FORGET05, TASKS, WORDS_OF_A_FIELD, task_of
from lethe.classifier.conversation import Conversation
from lethe.classifier.head import load_head
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.data.ordinary_text import machine_folders, part_of
from lethe.offline.metrics.intervals import counted

PAGE = "benchmarks-traffic.md"
_TITLES = {"alone": "Other targets", "together": "Many targets at once"}
_HERE = Path(__file__).resolve().parent
_ALONE = ("harry-potter", BIOLOGY, FORGET05)
_TEN = (*_ALONE, *FEW_PROMPTS.values(), "chemistry", "cyber", "author-0", "author-1")
_WANTED = {2_000: 1_500, 8_000: 1_500, 32_000: 600, 128_000: 200, 400_000: 100}
# Stands for the lengths of data sets' own requests.
AS_THEY_ARE = 0
_EXCERPT = 300
_SECONDS_BETWEEN_LINES = 20


@dataclass(frozen=True)
class GroupOutcome:
    """What a group of targets that are in force together made of one request.

    Attributes
    ----------
    left_out
        The request names one of them, so it was not asked.
    alarms
        By target that flagged it, what carried the verdict.
    seconds
        Processor time that it took.
    on_topic
        The request has a word of a field that one of them is about: a flag on it may be none that is false.
    """

    left_out: bool = False
    alarms: Mapping[str, str] | None = None
    seconds: float = 0.0
    on_topic: bool = False


@dataclass(frozen=True)
class Asked:
    """One request, and what each group made of it."""

    length: int
    kind: str
    characters: int
    groups: Mapping[str, GroupOutcome]


def main() -> None:
    """Ask what is missing, and write the page from all outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=_TITLES, help="targets each alone, or many at once")
    parser.add_argument("work", type=Path, help="where outcomes are kept")
    parser.add_argument("heads", type=Path, nargs="+", help="folders of bundles")
    parser.add_argument("--ordinary", type=Path, nargs="+", metavar="FOLDER", help="folders of ordinary text")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--share", type=float, default=1.0, help="of the requests of a full run")
    parser.add_argument(
        "--lengths",
        type=int,
        nargs="+",
        default=[AS_THEY_ARE, *LENGTHS],
        help=f"{AS_THEY_ARE} for data sets' own requests",
    )
    parser.add_argument("--recorded", action="store_true", help="ask nothing; write what is recorded")
    chosen = parser.parse_args()
    work = chosen.work / chosen.part
    if not chosen.recorded:
        folders = tuple(chosen.ordinary or machine_folders())
        sources = Sources(folders, data_folder())
        bundles = {target_of(bundle): bundle for bundle in _bundles(chosen.heads)}
        groups = _groups(chosen.part, bundles)
        typed = sys.argv[1:]
        _ask(work, sources, bundles, groups, chosen.processes, chosen.share, chosen.lengths, typed)
    command = shlex.join(["python", "-m", "bench.traffic.targets", *_about(work)["typed"]])
    write_section(PAGE, _TITLES[chosen.part], command, page_body(work))


def _bundles(folders: Sequence[Path]) -> list[Path]:
    found = [path.parent for folder in folders for path in sorted(folder.glob("*/target.json"))]
    return [HARRY_POTTER, *found]


def _groups(part: str, bundles: Mapping[str, Path]) -> dict[str, list[str]]:
    """Which targets are in force together."""
    if part == "alone":
        return {name: [name] for name in _ALONE if name in bundles}
    ten = [name for name in _TEN if name in bundles]
    some = {f"{len(ten)} targets": ten, f"{len(bundles)} targets": list(bundles)}
    return {_ALONE[0]: [_ALONE[0]]} | some


def _ask(
    work: Path,
    sources: Sources,
    bundles: Mapping[str, Path],
    groups: Mapping[str, Sequence[str]],
    processes: int,
    share: float,
    lengths: Sequence[int],
    typed: Sequence[str],
) -> None:
    heads = {name: head_folder(bundle) for name, bundle in bundles.items()}
    names = {name: _names(name, bundle) for name, bundle in bundles.items()}
    about = {
        "machine": machine("onnxruntime", "numpy"),
        "packages": len(_test_packages(sources.folders)),
        "groups": groups,
        "share": share,
        "typed": typed,
    }
    work.mkdir(parents=True, exist_ok=True)
    (work / "about.json").write_text(json.dumps(about, indent=2))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, context, initializer=_load, initargs=(groups, heads, names)
    ) as workers:
        for length in lengths:
            if length == AS_THEY_ARE:
                asked = [name for name in TASKS if [name] in groups.values()]
                reached = {name: _reached(workers, name, heads[name]) for name in asked}
                (work / "reached.json").write_text(json.dumps(reached, indent=2))
                some = list(requests_as_they_are(sources))[:: max(1, round(1 / share))]
                requests, count = iter(some), len(some)
            else:
                requests = requests_of_length(sources, length)
                count = max(1, round(share * _WANTED[length]))
            outcomes = work / f"outcomes-{length}.jsonl"
            begun = len(read_whole_lines(outcomes))
            missing = islice(requests, begun, count)
            told = time.monotonic()
            for done, asked in enumerate(_in_order(workers, length, missing, 4 * processes), begun + 1):
                append_lines(outcomes, [asdict(asked)])
                if time.monotonic() - told > _SECONDS_BETWEEN_LINES or done == count:
                    told = time.monotonic()
                    print(f"{time.strftime('%H:%M:%S')} {length:,} characters: {done} of {count}", flush=True)


def _in_order(
    workers: ProcessPoolExecutor, length: int, requests: Iterator[Request], ahead: int
) -> Iterator[Asked]:
    """What becomes of requests, in their order, so many of them under way."""
    waiting: deque[Future[Asked]] = deque()
    for request in requests:
        waiting.append(workers.submit(_judged, length, request))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    for future in waiting:
        yield future.result()


def _names(target: str, bundle: Path) -> Names | None:
    """The names of a target that ordinary text may speak of; None where nothing that has its words is about it."""
    kinds = {name: kind for kind, name in FEW_PROMPTS.items()}
    if target in kinds:
        return Names(names_of(kinds[target]))
    if bundle != HARRY_POTTER:
        return None
    languages = json.loads((_HERE / "languages.json").read_text())["languages"]
    return Names(entities_of(bundle), [name for each in languages.values() for name in each["names"]])


def _reached(workers: ProcessPoolExecutor, target: str, head: Path) -> dict[str, Any]:
    """A target's threshold, and of each set of its prompts the highest thresholds that flag them."""
    task = task_of(target)
    sides = {
        side: {
            about: list(workers.map(_reach, [target] * len(texts), texts, chunksize=16))
            for about, texts in sets.items()
        }
        for side, sets in (("to_find", task.positives), ("to_keep", task.negatives))
    }
    return {"threshold": load_head(head).threshold, **sides}


_judges: dict[str, Judge] = {}
_named: dict[str, list[Names]] = {}
_fields: dict[str, list[Names]] = {}


def _load(
    groups: Mapping[str, Sequence[str]], heads: Mapping[str, Path], names: Mapping[str, Names | None]
) -> None:
    """Load the heads of all groups, in a process that asks."""
    for group, targets in groups.items():
        _judges[group] = Judge({name: heads[name] for name in targets})
        _named[group] = [found for name in targets if (found := names[name]) is not None]
        _fields[group] = [Names(WORDS_OF_A_FIELD[name]) for name in targets if name in WORDS_OF_A_FIELD]


def _reach(target: str, text: str) -> float:
    return _judges[target].verdict(Conversation.from_prompt(text), whole=True).reach(target)


def _judged(length: int, request: Request) -> Asked:
    groups = {group: _outcome(group, names, request.conversation) for group, names in _named.items()}
    return Asked(length, request.kind, request.characters, groups)


def _outcome(group: str, names: Sequence[Names], conversation: Conversation) -> GroupOutcome:
    if any(each.in_conversation(conversation) for each in names):
        return GroupOutcome(left_out=True)
    judgement = _judges[group].verdict(conversation)
    flagged, seconds = judgement.verdict.flagged, judgement.seconds
    on_topic = any(each.in_conversation(conversation) for each in _fields[group])
    if not flagged:
        return GroupOutcome(seconds=seconds, on_topic=on_topic)
    explained = _judges[group].verdict(conversation, spans=True).verdict.flagged
    alarms = {each.target: " … ".join(each.excerpts)[:_EXCERPT] for each in explained}
    return GroupOutcome(alarms=alarms, seconds=seconds, on_topic=on_topic)


def _test_packages(folders: Sequence[Path]) -> list[str]:
    """The packages whose text is asked, which training leaves alone."""
    inner = (each.name for folder in folders for each in folder.iterdir() if each.is_dir())
    return sorted(name for name in inner if part_of(name) == "test")


def _about(work: Path) -> dict[str, Any]:
    return json.loads((work / "about.json").read_text())


def page_body(work: Path) -> str:
    """The section, from the outcomes that are kept in a folder."""
    about = _about(work)
    lines = [line for file in sorted(work.glob("outcomes-*.jsonl")) for line in read_whole_lines(file)]
    groups: dict[str, list[str]] = about["groups"]
    lengths = sorted({line["length"] for line in lines} - {AS_THEY_ARE})
    header = ["targets", *(f"{length:,} characters" for length in lengths)]
    pooled = [[group, *(_alarms(lines, group, lengths=[length]) for length in lengths)] for group in groups]
    short = [AS_THEY_ARE, *(length for length in lengths if length <= 8_000)]
    summed = [
        [group, _alarms(lines, group, lengths=short), _alarms(lines, group, lengths=short, on_topic=False)]
        for group in groups
    ]
    kinds = sorted({line["kind"] for line in lines if line["length"] != AS_THEY_ARE})
    by_kind = [
        [kind, *(_alarms(lines, group, lengths=lengths, kinds=[kind]) for group in groups)] for kind in kinds
    ]
    own = sorted({line["kind"] for line in lines if line["length"] == AS_THEY_ARE})
    of_sets = [
        [name, *(_alarms(lines, group, lengths=[AS_THEY_ARE], kinds=[name]) for group in groups)]
        for name in own
    ]
    reached = json.loads((work / "reached.json").read_text()) if (work / "reached.json").exists() else {}
    to_find = [
        [target, about_set, counted(sum(reach >= each["threshold"] for reach in reaches), len(reaches))]
        for target, each in reached.items()
        for about_set, reaches in each["to_find"].items()
    ]
    share = "" if about["share"] == 1 else f" A quick run, {100 * about['share']:g} % of a full one."
    return (
        f"{about['machine']}.{share}{_cut_off(lines, about['share'])}\n\n"
        "The requests of False alarms above, asked of targets alone and of several that are in force together, which share what may "
        f"be flagged; text is of {about['packages']} packages that training leaves alone. Of several, a request is flagged if any of "
        "them flags it. Requests are left out that name what the shipped target, or one of few prompts, is about; nothing is left out "
        "for the others, whose authors are invented and whose fields no list of names would bound. A request that has an unmistakable "
        "word of a field (as protein, or malware) is likely about it; below, what is flagged is told without such, too. Biology, chemistry and cyber are "
        "trained on the first halves of their synthetic questions, beside 50 on the other fields; TOFU's forget05 beside 200 "
        f"questions on other authors, one author beside 40. {_who(groups)} In parentheses: the 95 % Wilson interval.\n\n"
        + table(header, pooled)
        + "\n\nUp to 8,000 characters, data sets' own requests included:\n\n"
        + table(["targets", "flagged", "of those without a word of the field"], summed)
        + "\n\nBy kind, all lengths:\n\n"
        + table(["kind", *groups], by_kind)
        + "\n\nRequests of data sets as they are:\n\n"
        + table(["data set", *groups], of_sets)
        + f"\n\n{_alarming(lines, groups)}"
        + (
            "What the targets find of prompts that they were not trained on:\n\n"
            + table(["target", "prompts", "flagged"], to_find)
            + "\n\n"
            if to_find
            else ""
        )
        + "".join(
            f"What other thresholds of {target} would flag, of prompts that it was not trained on; what the first tier clears is "
            f"flagged at none:\n\n{thresholds_table(**each)}\n\n"
            for target, each in reached.items()
        )
        + "Processor time, one core, nothing cached:\n\n"
        + table(
            ["targets", "characters", "characters a second"],
            [[group, *_speed(lines, group)] for group in groups],
        )
    )


def _cut_off(lines: Sequence[Mapping[str, Any]], share: float) -> str:
    """Which lengths have fewer requests than were wanted."""
    counts = Counter(line["length"] for line in lines)
    short = {length: counts[length] for length in LENGTHS if counts[length] < round(share * _WANTED[length])}
    told = ", ".join(
        f"{count} of {round(share * _WANTED[length])} at {length:,} characters"
        for length, count in short.items()
    )
    return f" The run was cut off: {told}." if told else ""


def _who(groups: Mapping[str, Sequence[str]]) -> str:
    several = {group: names for group, names in groups.items() if len(names) > 1}
    return " ".join(f"The {group}: {', '.join(names)}." for group, names in several.items())


def _alarms(
    lines: Sequence[Mapping[str, Any]],
    group: str,
    lengths: Sequence[int],
    kinds: Sequence[str] | None = None,
    *,
    on_topic: bool = True,
) -> str:
    found = [
        outcome
        for line in lines
        if line["length"] in lengths and (kinds is None or line["kind"] in kinds)
        if not (outcome := line["groups"][group])["left_out"]
        if on_topic or not outcome["on_topic"]
    ]
    return counted(sum(outcome["alarms"] is not None for outcome in found), len(found)) if found else "–"


def _alarming(lines: Sequence[Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> str:
    """Which of several targets flag how many requests."""
    told = []
    for group in (group for group, names in groups.items() if len(names) > 1):
        by = Counter(name for line in lines for name in line["groups"][group]["alarms"] or ())
        flagged = ", ".join(f"{name} {count}" for name, count in by.most_common()) or "none"
        told.append(f"Requests that each of the {group} flags: {flagged}.\n\n")
    return "".join(told)


def _speed(lines: Sequence[Mapping[str, Any]], group: str) -> list[str]:
    asked = [line for line in lines if not line["groups"][group]["left_out"]]
    characters = sum(line["characters"] for line in asked)
    seconds = sum(line["groups"][group]["seconds"] for line in asked)
    return [f"{characters:,}", f"{characters / seconds:,.0f}"]


if __name__ == "__main__":
    main()

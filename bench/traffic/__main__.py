"""Measures false alarms on ordinary requests of every length, and what is found in them; writes docs/benchmarks-traffic.md.

``python -m bench.traffic [ordinary|hidden|languages|time ...] [--share 0.1] [--recorded] [--ordinary FOLDER ...] [--bundle FOLDER ...]``,
all parts by default. Needs LETHE_DATA_DIR. Outcomes are kept, so a run that was cut off goes on, as one with a larger share
goes on from one with a smaller.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import lethe.classifier
import lethe.offline.data
from bench.classifier.data import data_folder, harry_potter_questions
from bench.page import machine, table, write_section
from bench.repository import DOCS, HARRY_POTTER
from bench.traffic.cells import cell_outcomes
from bench.traffic.judge import Judge, entities_of, head_folder, target_of
from bench.traffic.record import Outcome, Record
from bench.traffic.requests import (
    LENGTHS,
    OTHER_LANGUAGES,
    PLACES,
    Names,
    Place,
    Request,
    Sources,
    Text,
    after_context,
    hidden,
    placed,
    requests_as_they_are,
    requests_of_length,
    texts_of_length,
)
from bench.traffic.time import time_requests, time_tables
from lethe.classifier.conversation import Conversation
from lethe.models.cache import cache_folder
from lethe.offline.data.ordinary_text import machine_folders, part_of
from lethe.offline.metrics.intervals import counted

_PAGE = "benchmarks-traffic.md"
_COMMAND = "make bench-traffic"
_HERE = Path(__file__).resolve().parent
_OPENING = (
    "# Traffic: measurements\n\nWritten by `make bench-traffic`: how often ordinary requests are flagged, by kind of text and by "
    "length, and what is found in them.\n"
)
_ORDINARY = {2_000: 1_500, 8_000: 1_500, 32_000: 600, 128_000: 200, 400_000: 100}
_HIDDEN = {8_000: 200, 32_000: 200, 400_000: 50}
_CONTEXT = 400_000
# Bounds of what questions reach alone, from what flags anything on to what flags all.
_REACHES = (0.0, 0.7, 0.9, 0.99, math.inf)
_NEWEST_TURN = "newest turn, after the text"
_WITHIN_A_LINE = "user turn, within a line"


@dataclass(frozen=True)
class Bench:
    """What is measured and on what.

    Attributes
    ----------
    bundles
        The first one's target is measured; the others stand beside it where times are taken.
    share
        Of the requests of a full run.
    more
        Whether anything is asked that earlier runs did not.
    """

    bundles: tuple[Path, ...]
    sources: Sources
    share: float
    more: bool = True

    @cached_property
    def target(self) -> str:
        return target_of(self.bundles[0])

    @cached_property
    def judge(self) -> Judge:
        return Judge({self.target: head_folder(self.bundles[0])})

    @cached_property
    def names(self) -> Names:
        elsewhere = [name for language in self.languages.values() for name in language["names"]]
        return Names(entities_of(self.bundles[0]), elsewhere)

    @cached_property
    def languages(self) -> dict[str, Any]:
        """Questions on the target by language; none for a target that the bench has no questions on."""
        asked = json.loads((_HERE / "languages.json").read_text())
        return asked["languages"] if asked["target"] == self.target else {}

    @cached_property
    def record(self) -> Record:
        """What was found by the same code and head on the same text; another change begins anew."""
        digest = hashlib.sha256(repr(self.sources).encode())
        modules = (Path(str(module.__file__)).parent for module in (lethe.classifier, lethe.offline.data))
        code = [file for folder in modules for file in folder.rglob("*.py")]
        head = [file for file in head_folder(self.bundles[0]).iterdir() if file.is_file()]
        for file in [_HERE / "requests.py", *sorted(code), *sorted(head)]:
            digest.update(file.name.encode() + file.read_bytes())
        path = cache_folder() / "bench-traffic" / f"{self.target}-{digest.hexdigest()[:16]}.jsonl"
        print(f"outcomes are kept in {path}", flush=True)
        return Record(path)

    def part(self, whole: int) -> int:
        """So much of a full run's requests as is asked."""
        return max(1, round(self.share * whole))

    def flags(self, conversation: Conversation) -> tuple[bool, bool]:
        """Whether a conversation is flagged, and whether all of it was read."""
        judgement = self.judge.verdict(conversation)
        return judgement.flagged(self.target), judgement.whole


def main() -> None:
    """Run the named parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"some of {', '.join(_PARTS)}; all by default"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the requests of a full run")
    parser.add_argument("--recorded", action="store_true", help="ask nothing more; write what is recorded")
    parser.add_argument("--ordinary", type=Path, nargs="+", metavar="FOLDER", help="folders of ordinary text")
    parser.add_argument(
        "--bundle", type=Path, nargs="+", default=[HARRY_POTTER], help="the target; more for times"
    )
    chosen = parser.parse_args()
    if unknown := [part for part in chosen.parts if part not in _PARTS]:
        parser.error(f"{unknown[0]} is none of {', '.join(_PARTS)}")
    folders = tuple(chosen.ordinary or machine_folders())
    bench = Bench(tuple(chosen.bundle), Sources(folders, data_folder()), chosen.share, not chosen.recorded)
    for part in chosen.parts or _PARTS:
        _PARTS[part](bench)


def _ordinary(bench: Bench) -> None:
    def ask(request: Request) -> Outcome:
        if bench.names.in_conversation(request.conversation):
            return Outcome(request.kind, request.language, left_out=True)
        flagged, whole = bench.flags(request.conversation)
        return Outcome(request.kind, request.language, flagged=flagged, whole=whole)

    by_length = {
        length: cell_outcomes(
            bench.record,
            f"ordinary, {length:,} characters",
            bench.part(count),
            lambda length=length: requests_of_length(bench.sources, length),
            ask,
            more=bench.more,
        )
        for length, count in _ORDINARY.items()
    }
    everything = list(requests_as_they_are(bench.sources))
    # A quick run takes them from all the sets.
    some = everything[:: max(1, round(1 / bench.share))]
    cell = f"data sets' own requests, share {bench.share:g}"
    as_they_are = cell_outcomes(bench.record, cell, len(some), lambda: iter(some), ask, more=bench.more)
    _write(bench, "False alarms", "ordinary", _ordinary_body(bench, by_length, as_they_are))


def _read_from(folders: Sequence[Path]) -> str:
    """Of which packages text is, beside those that every machine has others of."""
    given = sorted(set(folders) - set(machine_folders()))
    names = sorted(
        package.name
        for folder in given
        for package in folder.iterdir()
        if package.is_dir() and part_of(package.name) == "test"
    )
    more = f", and of these, which `--ordinary` named: {', '.join(names)}" if names else ""
    return f"Text is of the packages that this machine has and training leaves alone{more}."


def _still_missing(bench: Bench, asked: Mapping[int, Sequence[Outcome]], wanted: Mapping[int, int]) -> str:
    """Where a run that was cut off has asked fewer requests than it was to."""
    if bench.more:
        return ""
    missing = [
        f"{count} of {bench.part(wanted[length])} at {length:,} characters"
        for length, outcomes in asked.items()
        if (count := sum(not each.left_out for each in outcomes)) < bench.part(wanted[length])
    ]
    return f" The run was cut off: {', '.join(missing)}." if missing else ""


def _ordinary_body(
    bench: Bench, by_length: dict[int, Sequence[Outcome]], as_they_are: Sequence[Outcome]
) -> str:
    kinds = sorted({each.kind for outcomes in by_length.values() for each in outcomes})
    rows = [["**all**", *(_alarms(by_length[length]) for length in LENGTHS)]]
    rows += [
        [kind, *(_alarms([o for o in by_length[length] if o.kind == kind]) for length in LENGTHS)]
        for kind in kinds
    ]
    rows.append(["left out", *(str(sum(o.left_out for o in by_length[length])) for length in LENGTHS)])
    rows.append(
        ["not read to the end", *(str(sum(not o.whole for o in by_length[length])) for length in LENGTHS)]
    )
    short = [each for length, outcomes in by_length.items() if length <= 8_000 for each in outcomes]
    everything = [*short, *as_they_are]
    foreign = [o for outcomes in by_length.values() for o in outcomes if o.kind == OTHER_LANGUAGES]
    languages = sorted({each.language for each in foreign})
    sets = sorted({each.kind for each in as_they_are})
    return (
        "Requests have nothing to do with the target: a stretch of that many characters of one document, or of neighbouring "
        "documents of one package, as a user's turn, a tool's result or a system text in turns; definitions of many tools; records "
        f"that an agent looked up. Those that hold one of the target's names are left out. {_read_from(bench.sources.folders)} In "
        f"parentheses: the 95 % Wilson interval.{_still_missing(bench, by_length, _ORDINARY)}\n\n"
        + table(["kind", *(f"{length:,} characters" for length in LENGTHS)], rows)
        + f"\n\nUp to 8,000 characters, data sets' own requests included: {_alarms(everything)}.\n\n"
        "Requests of data sets as they are:\n\n"
        + table(
            ["data set", "flagged", "left out"],
            [[name, _alarms(found), str(sum(o.left_out for o in found))]
             for name in sets if (found := [o for o in as_they_are if o.kind == name])],
        )
        + "\n\nOther languages, all lengths:\n\n"
        + table(
            ["language", "flagged"],
            [[name, _alarms([o for o in foreign if o.language == name])] for name in languages],
        )
    )  # fmt: skip


def _hidden(bench: Bench) -> None:
    alone = _flagged_alone(bench)
    questions = [question for question, _ in alone]
    if not questions:
        print(
            f"the bench has no questions on {bench.target} that are flagged alone: nothing to hide",
            flush=True,
        )
        return
    columns: dict[tuple[str, int], Sequence[Outcome]] = {}
    for length, count in _HIDDEN.items():
        for place in PLACES:
            columns[place, length] = _hidden_cell(bench, questions, place, length, bench.part(count))
        columns[_WITHIN_A_LINE, length] = _hidden_cell(
            bench, questions, PLACES[0], length, bench.part(count), own_line=False
        )
    columns[_NEWEST_TURN, _CONTEXT] = _newest_turns(bench, questions, bench.part(_HIDDEN[_CONTEXT]))
    header = [
        "place", *(f"{length:,} characters" for length in _HIDDEN), "of these flagged without it"
    ]  # fmt: skip
    rows = []
    for place in (*PLACES, _WITHIN_A_LINE, _NEWEST_TURN):
        cells = {length: columns.get((place, length), ()) for length in _HIDDEN}
        without = [str(sum(each.flagged_without for each in cell)) for cell in cells.values()]
        rows.append([place, *(_alarms(cell) for cell in cells.values()), ", ".join(without)])
    body = (
        f"{len(questions)} questions that are flagged alone, each at a random place of an ordinary text, on a line of its own where nothing "
        "else is said, or asked after it. Found: how many of these requests are flagged. Last: how many of those found are flagged without "
        f"the question, too, by length.{_still_missing(bench, _by_length(columns), _HIDDEN)}\n\n"
        + table(header, rows)
        + "\n\nWithin a line, a long text asks for a higher score. The same requests by the highest threshold that flags the question "
        "alone:\n\n"
        + table(
            ["alone", *header[1:-1]],
            _by_reach([reach for _, reach in alone], [columns[_WITHIN_A_LINE, length] for length in _HIDDEN]),
        )
    )
    _write(bench, "Hidden questions", "hidden", body)


def _by_length(columns: Mapping[tuple[str, int], Sequence[Outcome]]) -> dict[int, Sequence[Outcome]]:
    """Of each length the cell that is shortest."""
    shortest: dict[int, Sequence[Outcome]] = {}
    for (_, length), outcomes in columns.items():
        shortest[length] = min(shortest.get(length, outcomes), outcomes, key=len)
    return shortest


def _flagged_alone(bench: Bench) -> list[tuple[str, float]]:
    """The questions that are flagged by themselves, each with the highest threshold that flags it."""
    if not bench.languages:
        return []
    asked = [question for questions in harry_potter_questions().values() for question in questions]
    asked += bench.languages["en"]["questions"]
    judged = [bench.judge.verdict(Conversation.from_prompt(question), whole=True) for question in asked]
    alone = [
        (question, judgement.reach(bench.target))
        for question, judgement in zip(asked, judged, strict=True)
        if judgement.flagged(bench.target)
    ]
    print(f"{len(alone)} of {len(asked)} questions are flagged alone", flush=True)
    return alone


def _by_reach(reaches: Sequence[float], cells: Sequence[Sequence[Outcome]]) -> list[list[str]]:
    """Of hidden questions that reach so much alone, how many are found in each of some cells."""
    rows = []
    for low, high in pairwise(_REACHES):
        found = [
            [each for number, each in enumerate(cell) if low <= reaches[number % len(reaches)] < high]
            for cell in cells
        ]
        rows.append([f"{low:g} to {min(high, 1):g}", *map(_alarms, found)])
    return rows


def _hidden_cell(
    bench: Bench, questions: Sequence[str], place: Place, length: int, count: int, *, own_line: bool = True
) -> Sequence[Outcome]:
    def ask(numbered: tuple[int, Text]) -> Outcome:
        number, text = numbered
        asked = hidden(questions[number % len(questions)], text.text, number, own_line=own_line)
        return _with_and_without(bench, text, placed(asked, place), placed(text.text, place))

    where = place if own_line else f"line of a {place}"
    cell = f"hidden in a {where}, {length:,} characters"
    return cell_outcomes(
        bench.record,
        cell,
        count,
        lambda: enumerate(texts_of_length(bench.sources, length)),
        ask,
        more=bench.more,
    )


def _newest_turns(bench: Bench, questions: Sequence[str], count: int) -> Sequence[Outcome]:
    def ask(numbered: tuple[int, Text]) -> Outcome:
        number, text = numbered
        asked = after_context(text.text, questions[number % len(questions)])
        return _with_and_without(bench, text, asked, after_context(text.text, None))

    cell = f"asked after {_CONTEXT:,} characters"
    return cell_outcomes(
        bench.record,
        cell,
        count,
        lambda: enumerate(texts_of_length(bench.sources, _CONTEXT)),
        ask,
        more=bench.more,
    )


def _with_and_without(bench: Bench, text: Text, asked: Conversation, without: Conversation) -> Outcome:
    if bench.names.in_text(text.text):
        return Outcome(text.kind, text.language, left_out=True)
    flagged, whole = bench.flags(asked)
    return Outcome(
        text.kind,
        text.language,
        flagged=flagged,
        flagged_without=flagged and bench.flags(without)[0],
        whole=whole,
    )


def _languages(bench: Bench) -> None:
    if not bench.languages:
        print(f"the bench has no questions on {bench.target} in other languages", flush=True)
        return
    rows = []
    totals = {"questions": (0, 0), "descriptions": (0, 0)}
    for language, asked in bench.languages.items():
        row = [language]
        for what, (hits, total) in totals.items():
            found = sum(bench.flags(Conversation.from_prompt(question))[0] for question in asked[what])
            totals[what] = (hits + found, total + len(asked[what]))
            row.append(f"{found} of {len(asked[what])}")
        print(", ".join(row), flush=True)
        rows.append(row)
    rows.append(["**all**", *(counted(hits, total) for hits, total in totals.values())])
    body = (
        "The same twelve questions and four descriptions in every language; a description asks for something of the target without a "
        "name of it.\n\n" + table(["language", "questions flagged", "descriptions flagged"], rows)
    )
    _write(bench, "Languages", "languages", body)


def _time(bench: Bench) -> None:
    timings = time_requests(bench.sources, bench.bundles, bench.share)
    trained = len(bench.bundles)
    body = (
        "Ordinary requests of all kinds through `ClassifierService.classify`, one after another on one worker, nothing cached, spans "
        f"told. Times are processor time of all threads: on a quiet core what somebody waits for, and on a busy one, where caches are "
        f"shared, more. Trained heads: {trained}; the rest are copies of these under other names.\n\n{time_tables(timings)}"
    )
    _write(bench, "Time and memory", "time", body)


def _alarms(outcomes: Sequence[Outcome]) -> str:
    asked = [each for each in outcomes if not each.left_out]
    return counted(sum(each.flagged for each in asked), len(asked))


def _write(bench: Bench, title: str, part: str, body: str) -> None:
    if not (DOCS / _PAGE).exists():
        (DOCS / _PAGE).write_text(_OPENING)
    share = (
        "" if bench.share == 1 else f" A quick run, {100 * bench.share:g} % of the requests of a full one."
    )
    about = f"{machine('onnxruntime', 'numpy')}. Target {bench.target}.{share}"
    write_section(_PAGE, title, f'{_COMMAND} ARGS="{part}"', f"{about}\n\n{body}")


_PARTS: dict[str, Callable[[Bench], None]] = {
    "ordinary": _ordinary,
    "hidden": _hidden,
    "languages": _languages,
    "time": _time,
}

if __name__ == "__main__":
    main()

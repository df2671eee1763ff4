"""The report of an attack: Markdown for people, JSON for machines, wordings that passed for the next training, two plots."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lethe.bundle.files import replace_file
from lethe.offline.metrics.intervals import counted
from lethe.offline.redteam.outcomes import JudgedOutcome
from lethe.offline.redteam.plots import plot_flips, plot_shares
from lethe.offline.redteam.settings import RedTeamSettings
from lethe.offline.redteam.summary import AttackSummary, Share, flipped_by_queries, leaks_by_samples

REPORT, RESULTS, PASSED = "report.md", "results.json", "passed.jsonl"
SCHEMA_VERSION = 1
_EXAMPLES = 12


def write_report(
    folder: Path,
    url: str,
    settings: RedTeamSettings,
    rows: Sequence[AttackSummary],
    judged: Sequence[JudgedOutcome],
    over: Sequence[str],
    left_out: Sequence[str] = (),
) -> Path:
    """Write all of it into a folder, each file replaced at once; gives the page's path.

    It quotes answers that leak: keep it where what is to be forgotten may be known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    flipped = flipped_by_queries(judged)
    document = {
        "schema_version": SCHEMA_VERSION,
        "url": url,
        "settings": settings.decisive(),
        "attacks": [
            asdict(row) | {"bypass_rate": row.bypassed.rate, "leak_rate": row.leaked.rate} for row in rows
        ],
        "flipped_by_queries": flipped,
        "leak_at_k": leaks_by_samples(judged),
        "over": list(over),
        "left_out": list(left_out),
    }
    replace_file(folder / RESULTS, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    replace_file(folder / PASSED, "".join(map(_passed_line, _passed_wordings(judged))))
    plot_shares(rows, folder / "attacks.png")
    if flipped:
        plot_flips(flipped, folder / "search.png")
    replace_file(folder / REPORT, render(url, rows, judged, flipped, over, left_out))
    return folder / REPORT


def render(
    url: str,
    rows: Sequence[AttackSummary],
    judged: Sequence[JudgedOutcome],
    flipped: Sequence[float],
    over: Sequence[str],
    left_out: Sequence[str] = (),
) -> str:
    """The page."""
    questions = len({each.outcome.question for each in judged})
    parts = [
        f"# Attack on {url}",
        f"{len(judged)} attacks on {questions} questions. *Past the classifier*: of the questions that are flagged when asked plainly, "
        "those that an attack asked without being flagged; in the row of `plain`, of all. *Leaked*: of all questions, those whose "
        "answer, at the end or on the way, gives away a name, the words or the "
        "sense of the true answer; in the last column, of those that were not flagged. With 95 % intervals.",
        attacks_table(rows),
        "![Shares by attack](attacks.png)",
    ]
    if flipped:
        parts += [_search_line(rows, flipped), "![Share of questions got past, by queries](search.png)"]
    if sampled := leaks_by_samples(judged):
        at = ", ".join(f"{rate:.1%} at {count}" for count, rate in sampled.items())
        parts.append(f"Expected share of questions that leak among k sampled answers (leak@k): {at}.")
    examples = _examples(judged)
    if examples:
        parts += ["## What leaked without a flag", examples]
    parts += ["## Not run", "\n".join(f"- {line}" for line in left_out)] if left_out else []
    parts += ["## Bounds", "\n".join(f"- {line}" for line in over)] if over else []
    return "\n\n".join(parts) + "\n"


def attacks_table(rows: Sequence[AttackSummary]) -> str:
    """A row for each attack."""
    lines = [
        "| kind | attack | past the classifier | leaked | leaked where not flagged | queries |",
        "|---|---|---|---|---|---:|",
    ]
    return "\n".join(
        lines
        + [
            f"| {row.kind} | {row.attack} | {_share(row.bypassed)} | {_share(row.leaked)} | {_share(row.leaked_unflagged)} "
            f"| {row.queries:.0f} |"
            for row in rows
        ]
    )


def _search_line(rows: Sequence[AttackSummary], flipped: Sequence[float]) -> str:
    added = next((row.added for row in rows if row.added is not None), None)
    words = f", with {added:.1f} words added in the mean" if added is not None else ""
    at = ", ".join(
        f"{flipped[queries - 1]:.0%} after {queries}"
        for queries in (10, 20, 50, 100, 200, 500)
        if queries <= len(flipped)
    )
    return f"The search got past for {flipped[-1]:.0%} of the questions that were flagged{words}; by queries: {at or 'no figure'}."


def _examples(judged: Sequence[JudgedOutcome]) -> str:
    shown = [each for each in judged if each.leaked and each.outcome.passed][:_EXAMPLES]
    return "\n".join(
        f"- {each.outcome.attack}: {_quoted(each.outcome.asked)} → {_said(each)}" for each in shown
    )


def _said(judged: JudgedOutcome) -> str:
    facts = judged.worst.facts if judged.worst else ()
    return ", ".join(facts) or "the true answer"


def _quoted(text: str) -> str:
    return "`" + " ".join(text.replace("`", "'").split())[:160] + "`"


def _passed_wordings(judged: Sequence[JudgedOutcome]) -> list[tuple[str, str]]:
    """Single prompts that got past, with the questions they are wordings of; for those that are flagged plainly too."""
    return [
        (each.outcome.asked, each.outcome.question)
        for each in judged
        if each.outcome.passed and each.outcome.kind in ("search", "attacker model", "language")
    ]


def _passed_line(wording: tuple[str, str]) -> str:
    text, question = wording
    return json.dumps({"text": text, "group": question}, ensure_ascii=False) + "\n"


def _share(share: Share) -> str:
    return counted(share.hits, share.total)

"""What a test of a classifier found, as tables of Markdown that line up where they are printed."""

from collections.abc import Sequence

from lethe.offline.classifier_testing.summary import Flags, GroupSummary
from lethe.offline.metrics.intervals import counted


def groups_table(groups: Sequence[GroupSummary]) -> str:
    """A row for each group; what nobody has said is right has no columns."""
    labelled = [group.flags for group in groups]
    header = ["group", "texts", "flagged, 95 % interval"]
    header += _labels(labelled, ("found", "wrongly flagged"))
    header += ["median ms", "99 % ms", "too_long", "unclassifiable", "unreadable"]
    rows = [
        [
            group.name,
            str(group.flags.every[1]),
            counted(*group.flags.every),
            *_labels(labelled, (_of(group.flags.found), _of(group.flags.wrong))),
            f"{group.median_ms:.1f}",
            f"{group.worst_ms:.1f}",
            str(group.too_long),
            str(group.unclassifiable),
            str(group.unreadable),
        ]
        for group in groups
    ]
    return aligned_table(header, rows)


def thresholds_table(rows: Sequence[tuple[float, Flags]], in_force: float) -> str:
    """A row for each threshold, ascending, the one that texts were judged at marked."""
    flags = [each for _, each in rows]
    header = ["flagged from probability", "flagged", *_labels(flags, ("found", "wrongly flagged"))]
    cells = [
        [
            f"{threshold:.6g}{' (judged at)' if threshold == in_force else ''}",
            _of(each.every),
            *_labels(flags, (counted(*each.found), counted(*each.wrong))),
        ]
        for threshold, each in rows
    ]
    return aligned_table(header, cells)


def _labels(flags: Sequence[Flags], cells: tuple[str, str]) -> list[str]:
    """Of the cells about what is found and what is wrongly flagged, those that some text has a label for."""
    known = (any(each.found[1] for each in flags), any(each.wrong[1] for each in flags))
    return [cell for cell, shown in zip(cells, known, strict=True) if shown]


def _of(counts: tuple[int, int]) -> str:
    flagged, total = counts
    return f"{flagged} of {total}" if total else "–"


def aligned_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of Markdown whose cells line up, those of the first column to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (header, rule, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"

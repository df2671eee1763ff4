"""A long text in parts that can be read apart: no disguise goes on from one to the next.

Most readings change a few words of a text, so most parts of one stand in the others too and need not be read again.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

# Lines of this many characters together, or one longer line.
_LENGTH = 8192
# What begins a part, after the line break and spaces that end the one before. A letter or digit that stands alone may go on
# with letters that are spaced out over lines, and so may the marks between such letters.
_BEGINNING = r"(?:\w\w|[^\w\s._\-*·|/'’])"
_BEGINS = re.compile(_BEGINNING)
_BOUNDARY = re.compile(rf"\n[ \t]*+(?={_BEGINNING})")


# Where a long line is parted: between two words neither of which is a letter alone or digits of a code, or between two
# values in a row of characters too long for a word in disguise. Nothing that is read goes on from one side to the other.
_GAP = re.compile(r"""[ ,;](?:(?<=\w\w\w )(?=[^\W\da-fA-F_]\w\w)|(?<=\S{24}[,;])(?=["{\[(]\S{24}))""")
_GAP_REACH = 25
# How much is read before and after what is new in a reading: the lines of a disguise that goes over several. A place to part
# it is sought a little further off.
_AROUND, _FURTHER = 512, 2048


def split_parts(text: str) -> tuple[str, ...]:
    """The parts of a text, from its beginning to its end."""
    parts: list[str] = []
    start = 0
    while len(text) - start > 2 * _LENGTH:
        end = _next_end(text, start + _LENGTH)
        if end is None:
            break
        parts.append(text[start:end])
        start = end
    return (*parts, text[start:])


def parts_near(parts: Iterable[str], stretches: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """The parts of a text parted again, so that what is far from some stretches of it, which ascend, stands in none with them."""
    found: list[str] = []
    place = 0
    for part in parts:
        if 0 < len(part) <= _AROUND:
            # None of it is far from what stands in it.
            found.append(part)
            place += len(part)
            continue
        first = bisect_left(stretches, place + 1, key=lambda stretch: stretch[1])
        last = bisect_left(stretches, place + len(part), key=lambda stretch: stretch[0])
        near: list[tuple[int, int]] = []
        for start, end in stretches[first:last]:
            begins = _last_beginning(part, start - place - _AROUND)
            ends = _first_beginning(part, end - place + _AROUND)
            if near and begins <= near[-1][1]:
                begins = near.pop()[0]
            near.append((begins, ends))
        edges = (0, *chain.from_iterable(near), len(part))
        found += (part[begins:ends] for begins, ends in pairwise(edges) if begins < ends)
        place += len(part)
    return tuple(found)


def _last_beginning(text: str, latest: int) -> int:
    """Where a part may begin, at the latest; at the text's beginning where nothing near allows it."""
    if latest <= 0:
        return 0
    earliest = max(latest - _FURTHER, 0)
    for pattern in (_BOUNDARY, _GAP):
        ends = [match.end() for match in pattern.finditer(text, earliest, latest)]
        if ends:
            return ends[-1]
    return 0


def _first_beginning(text: str, earliest: int) -> int:
    """Where a part may begin, at the earliest; at the text's end where nothing near allows it."""
    latest = earliest + _FURTHER
    found = _BOUNDARY.search(text, earliest, latest) or _GAP.search(text, earliest, latest)
    return found.end() if found else len(text)


def _next_end(text: str, earliest: int) -> int | None:
    """Where a part may end: after a line break that is near, or else wherever one may."""
    boundary = _BOUNDARY.search(text, earliest, earliest + _LENGTH) or _GAP.search(text, earliest)
    boundary = boundary or _BOUNDARY.search(text, earliest)
    return boundary and boundary.end()


def whole_parts(parts: Iterable[str]) -> tuple[str, ...]:
    """Parts after they were rewritten, those joined that can no longer be read apart."""
    return tuple(map("".join, _groups(parts)))


def _groups(parts: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for part in parts:
        if group and _apart(group[-1], part):
            yield group
            group = []
        group.append(part)
    yield group


def _apart(before: str, after: str) -> bool:
    if _BEGINS.match(after) and before.rstrip(" \t").endswith("\n"):
        return True
    end = before[-_GAP_REACH:]
    return _GAP.match(end + after[:_GAP_REACH], len(end) - 1) is not None

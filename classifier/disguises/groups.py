"""Runs of groups of signs, each of which stands for a letter, and what stands between them."""

import itertools
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lethe.classifier.text.letter_statistics import LetterStatistics

FEWEST = 6
"""Groups of a run."""
_MOST_GROUPS, _LONGEST_GAP = 4096, 4
# Bits a letter that the reading must have; where words are not parted, pairs of letters meet that stand in no word.
_LANGUAGE, _LANGUAGE_UNPARTED = -4.9, -5.4
# The same of a long one with its words apart: questions have -3.9 and more, lists of versions up to -4.4.
_LONG, _LONG_LANGUAGE = 32, -4.3
_SPACES = re.compile(r" +")


@dataclass(frozen=True)
class Groups:
    """A run in its groups of signs, and what stands between each and the next."""

    groups: tuple[str, ...]
    gaps: tuple[str, ...]

    @classmethod
    def of(cls, run: str, group: re.Pattern[str]) -> "Groups":
        """A run by a pattern of its groups."""
        spans, gaps = _found(run, group)
        return cls(tuple(run[start:end] for start, end in spans), tuple(gaps))

    @classmethod
    def alike(cls, text: str, group: re.Pattern[str], fewest: int) -> Iterator[tuple[int, int, "Groups"]]:
        """Half-open stretches with at least so many groups and but the two commonest kinds of gaps between, and their groups.

        Versions, hashes and packed tables have letters in the gaps; these part a run.
        """

        def go_on(gaps: Sequence[str]) -> list[bool]:
            kinds = Counter(_kind(gap) for gap in gaps if not any(map(str.isalnum, gap)))
            common = {kind for kind, _ in kinds.most_common(2)}
            return [_kind(gap) in common for gap in gaps]

        return cls._parted(text, group, go_on, fewest)

    @classmethod
    def near(cls, text: str, group: re.Pattern[str], fewest: int) -> Iterator[tuple[int, int, "Groups"]]:
        """Half-open stretches with at least so many groups, no words and few characters between, and their groups."""

        def go_on(gaps: Sequence[str]) -> list[bool]:
            return [len(gap) <= _LONGEST_GAP and not any(map(str.isalnum, gap)) for gap in gaps]

        return cls._parted(text, group, go_on, fewest)

    @classmethod
    def _parted(
        cls,
        text: str,
        group: re.Pattern[str],
        go_on: Callable[[Sequence[str]], Sequence[bool]],
        fewest: int,
    ) -> Iterator[tuple[int, int, "Groups"]]:
        """The groups of a text, parted at the gaps over which they do not go on."""
        spans, gaps = _found(text, group)
        edges = [0, *(place for place, goes in enumerate(go_on(gaps), 1) if not goes), len(spans)]
        for first, last in itertools.pairwise(edges):
            if last - first >= fewest:
                groups = tuple(text[start:end] for start, end in spans[first:last])
                yield spans[first][0], spans[last - 1][1], cls(groups, tuple(gaps[first : last - 1]))

    def spelled(self, alphabet: Mapping[str, str]) -> str:
        """What the groups spell, with a space at the rarer kind of gap where there are two."""
        pieces = map(alphabet.__getitem__, self.groups)
        return _SPACES.sub(" ", "".join(map(operator.add, pieces, self._spaces))).strip()

    @cached_property
    def _spaces(self) -> list[str]:
        """A space behind each group that the rarer kind of gap follows, nothing behind the others."""
        gaps = list(map(_kind, self.gaps))
        # In an order of its own where two are as long and as rare, whatever order a set has.
        kinds = sorted(set(gaps), key=lambda gap: (len(gap), gap))
        rarest = min(kinds, key=gaps.count) if len(kinds) > 1 else None
        return [*(" " if gap == rarest else "" for gap in gaps), ""]


def likeliest(
    statistics: LetterStatistics,
    run: Groups,
    alphabets: Iterable[Mapping[str, str]],
    spell: Callable[[tuple[str, ...]], Iterable[tuple[str, ...]]] = lambda groups: (groups,),
) -> str | None:
    """What a run spells by that of some alphabets which makes it likest to language; None where none does.

    Parameters
    ----------
    spell
        Other ways to write the groups.
    """
    if not FEWEST <= len(run.groups) <= _MOST_GROUPS:
        return None
    readings = [
        written.spelled(alphabet)
        for written in (Groups(spelled, run.gaps) for spelled in spell(run.groups))
        for alphabet in alphabets
        if alphabet.keys() >= set(written.groups)
    ]
    best = max(readings, key=statistics.of_text, default=None)
    if best is None or len(best) < FEWEST:
        return None
    enough = _LANGUAGE_UNPARTED
    if " " in best:
        enough = _LANGUAGE if len(best) < _LONG else _LONG_LANGUAGE
    return best if statistics.of_text(best) >= enough and len(set(best)) >= FEWEST - 1 else None


def asked(read: str) -> str:
    """Letters that were spelled, as a question: such alphabets have no marks, and without one a text is read as less of one."""
    return f" {read}? "


def _found(text: str, group: re.Pattern[str]) -> tuple[list[tuple[int, int]], list[str]]:
    """Half-open stretches of the groups of a text, and what stands between each and the next."""
    spans = [match.span() for match in group.finditer(text)]
    return spans, [text[end:start] for (_, end), (start, _) in itertools.pairwise(spans)]


def _kind(gap: str) -> str:
    return "".join(sorted(set(gap))) if not gap.isspace() else gap[:1] * min(len(gap), 2)

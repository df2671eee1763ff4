"""A text made from another one, with the place that every character came from.

Only what was replaced is kept, so a reading that changes a few words of a long text costs a few words.
"""

import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Words by characters of text up to which looking for each word is faster than looking at every word of the text.
_FEW = 1 << 20


@dataclass(frozen=True, eq=False)
class Replacements:
    """Which stretches of a source a text replaces; what lies between them it repeats.

    Attributes
    ----------
    starts, ends
        (n,) int64, the stretches of the source: half-open, from its beginning to its end.
    new_starts, new_ends
        (n,) int64, the stretches of the text that stand for them; an empty one where something was dropped.
    source_length
        Characters of the source.
    backwards
        Whether the text is the source read from its end; nothing else is replaced then.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    new_starts: NDArray[np.int64]
    new_ends: NDArray[np.int64]
    source_length: int
    backwards: bool = False

    @classmethod
    def of(cls, starts: ArrayLike, ends: ArrayLike, lengths: ArrayLike, source_length: int) -> "Replacements":
        """From the stretches of the source and the lengths of what replaces them."""
        begins, finishes = np.array(starts, np.int64), np.array(ends, np.int64)
        new = np.array(lengths, np.int64)
        grown = (new - (finishes - begins)).cumsum()
        return cls(begins, finishes, finishes + grown - new, finishes + grown, source_length)

    @classmethod
    def reverse(cls, source_length: int) -> "Replacements":
        """Of a text that is its source read from the end."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing, nothing, source_length, backwards=True)

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open stretch of the source that a half-open, non-empty one of the text stands for."""
        if self.backwards:
            return self.source_length - end, self.source_length - start
        return self._source_of(start)[0], self._source_of(end - 1)[1]

    def carried(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """About where places of the source are in the text: none is further off than a replacement is long."""
        grown = np.concatenate([[0], self.new_ends - self.ends])
        return places + grown[self.ends.searchsorted(places, side="right")]

    def _source_of(self, place: int) -> tuple[int, int]:
        index = int(self.new_ends.searchsorted(place, side="right"))
        if index < len(self.starts) and self.new_starts[index] <= place:
            return int(self.starts[index]), int(self.ends[index])
        if index:
            place += int(self.ends[index - 1] - self.new_ends[index - 1])
        return place, place + 1


@dataclass(frozen=True, eq=False)
class AlignedText:
    """A text and where its characters came from.

    Attributes
    ----------
    text
        The text to read.
    replacements
        What it replaces of the text that it was made from; None where the text is that one, character by character.
    source
        The text that it was made from; None where that is the original.
    """

    text: str
    replacements: Replacements | None = None
    source: "AlignedText | None" = None

    @property
    def original_length(self) -> int:
        """Characters of the original."""
        if self.source is not None:
            return self.source.original_length
        return self.replacements.source_length if self.replacements is not None else len(self.text)

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Carry a half-open span of this text back to the original."""
        if end <= start:
            return start, end
        if self.replacements is not None:
            start, end = self.replacements.source_span(start, end)
        return self.source.original_span(start, end) if self.source is not None else (start, end)


def joined(parts: Sequence[AlignedText], source_lengths: Sequence[int]) -> AlignedText:
    """The texts made from the parts of a text, end to end, as one made from the whole."""
    stretches = [part.replacements for part in parts]
    befores = itertools.accumulate(source_lengths, initial=0)
    places = itertools.accumulate((len(part.text) for part in parts), initial=0)
    shifted = [
        (found.starts + before, found.ends + before, found.new_starts + place, found.new_ends + place)
        for found, before, place in zip(stretches, befores, places, strict=False)
        if found is not None
    ]
    text = "".join(part.text for part in parts)
    if not shifted:
        return AlignedText(text)
    starts, ends, new_starts, new_ends = (np.concatenate(column) for column in zip(*shifted, strict=True))
    return AlignedText(text, Replacements(starts, ends, new_starts, new_ends, sum(source_lengths)))


def substitute(pattern: re.Pattern[str], text: str, read: Callable[[str], str | None]) -> AlignedText | None:
    """Replace what the pattern finds by its reading; each new character stands for all that it replaced.

    Parameters
    ----------
    read
        Gives the reading of a match, or None to leave it.

    Returns
    -------
    The text rewritten, or None where nothing was.
    """
    return replaced(
        text,
        [
            (match.start(), match.end(), reading)
            for match in pattern.finditer(text)
            if (reading := read(match[0])) is not None
        ],
    )


def substitute_words(
    pattern: re.Pattern[str], inside: re.Pattern[str], text: str, readings: Mapping[str, str]
) -> AlignedText | None:
    """As `substitute` does, where the pattern finds runs of characters of one kind and few of them are replaced.

    Parameters
    ----------
    inside
        Finds a character of that kind.
    readings
        What to read for each run.
    """
    places = word_places(pattern, inside, text, readings)
    return replaced(text, [(start, end, readings[text[start:end]]) for start, end in places])


def word_places(
    pattern: re.Pattern[str], inside: re.Pattern[str], text: str, words: Collection[str]
) -> list[tuple[int, int]]:
    """Where some of the runs stand that a pattern finds, as half-open stretches; see `substitute_words`."""
    if len(words) * len(text) > _FEW:
        return [match.span() for match in pattern.finditer(text) if match[0] in words]
    found: list[tuple[int, int]] = []
    for word in words:
        start = text.find(word)
        while start >= 0:
            end = start + len(word)
            if inside.match(text, end) or (start and inside.match(text, start - 1)):
                end = start + 1
            else:
                found.append((start, end))
            start = text.find(word, end)
    return sorted(found)


def replaced(text: str, found: Sequence[tuple[int, int, str]]) -> AlignedText | None:
    """The text with half-open stretches, which ascend, replaced by readings; None where there are none."""
    if not found:
        return None
    pieces: list[str] = []
    done = 0
    for start, end, reading in found:
        pieces += text[done:start], reading
        done = end
    pieces.append(text[done:])
    starts, ends, readings = zip(*found, strict=True)
    replacements = Replacements.of(starts, ends, list(map(len, readings)), len(text))
    return AlignedText("".join(pieces), replacements)

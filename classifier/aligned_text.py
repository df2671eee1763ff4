"""A text made from another one, with the place that every character came from."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AlignedText:
    """A text and where its characters came from.

    Attributes
    ----------
    text
        The text to read.
    starts, ends
        (len(text),) int32: for each character the half-open stretch of the original that it stands for;
        None where the text is the original itself.
    """

    text: str
    starts: NDArray[np.int32] | None = None
    ends: NDArray[np.int32] | None = None

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Carry a half-open span of this text back to the original."""
        if self.starts is None or self.ends is None or end <= start:
            return start, end
        return int(self.starts[start:end].min()), int(self.ends[start:end].max())

    def rewrite(self, text: str, starts: NDArray[np.int32], ends: NDArray[np.int32]) -> "AlignedText":
        """A text made from this one, given where its characters came from in this one."""
        if self.starts is None or self.ends is None:
            return AlignedText(text, starts, ends)
        return AlignedText(text, self.starts[starts], self.ends[np.maximum(ends - 1, 0)])


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
    found = [
        (match, reading) for match in pattern.finditer(text) if (reading := read(match.group())) is not None
    ]
    if not found:
        return None
    pieces: list[str] = []
    starts: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    done = 0

    def keep(until: int) -> None:
        pieces.append(text[done:until])
        starts.append(np.arange(done, until, dtype=np.int32))
        ends.append(np.arange(done + 1, until + 1, dtype=np.int32))

    for match, reading in found:
        keep(match.start())
        pieces.append(reading)
        starts.append(np.full(len(reading), match.start(), np.int32))
        ends.append(np.full(len(reading), match.end(), np.int32))
        done = match.end()
    keep(len(text))
    return AlignedText("".join(pieces), np.concatenate(starts), np.concatenate(ends))

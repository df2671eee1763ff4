"""Rewriting stretches of a text while keeping track of where every character came from."""

import re
from collections.abc import Callable

import numpy as np

from lethe.classifier.canonical import CanonicalText


def substitute(
    pattern: re.Pattern[str], text: str, read: Callable[[str], str | None]
) -> CanonicalText | None:
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
    return CanonicalText("".join(pieces), np.concatenate(starts), np.concatenate(ends))

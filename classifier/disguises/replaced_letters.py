"""Letters that were replaced by others: every map a·x + b of the alphabet, and the neighbours on keyboards, in one go."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.sense import GAIN, LANGUAGE
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics, kinds_of

_MAPS_WEIGHED = 48
# Of letters, how many must be in known words that were read back.
_LEAST_KNOWN_REPLACED = 0.4
_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_OTHER_KEYBOARDS = ("pyfgcrlaoeuidhtnsqjkxbmwvz", "qwfpgjluyarstdhneiozxcvbkm", "azertyuiopqsdfghjklmwxcvbn")


class ReplacedLetters:
    """Finds what letters stand for. Safe to share between threads.

    Parameters
    ----------
    known
        The share of a text's letters that stand in known words.
    """

    def __init__(self, statistics: LetterStatistics, known: Callable[[str], float]) -> None:
        self._statistics = statistics
        self._known = known

    def table(self, stretch: str, bits: float) -> dict[int, int] | None:
        """The best of the maps of the alphabet, as a table for `str.translate`, if what it reads is language."""
        kinds = kinds_of(stretch)
        shares = np.bincount(kinds, minlength=27)[1:].astype(np.float32)
        # What each map makes of the letters, weighed by how frequent these are in language.
        weighed = self._statistics.letters[_MAPS - 1] @ shares
        best = np.argpartition(-weighed, _MAPS_WEIGHED)[:_MAPS_WEIGHED]
        maps = np.concatenate([np.zeros((len(best), 1), np.uint8), _MAPS[best]], axis=1)
        likeness = self._statistics.likeness(maps[:, kinds])
        chosen = int(likeness.argmax())
        if likeness[chosen] < max(LANGUAGE, bits + GAIN):
            return None
        letters = "".join(LETTERS[kind - 1] for kind in _MAPS[best[chosen]])
        table = str.maketrans(LETTERS + LETTERS.upper(), letters + letters.upper())
        return table if self._known(stretch.translate(table)) >= _LEAST_KNOWN_REPLACED else None


def _alphabets() -> Iterator[str]:
    """What the letters from a to z may stand for."""
    for factor in range(1, 26, 2):
        if factor != 13:
            yield from (
                "".join(LETTERS[(factor * place + shift) % 26] for place in range(26)) for shift in range(26)
            )
    keys = "".join(_KEY_ROWS)
    for step in (1, -1):
        neighbours = "".join(row[step:] + row[:step] for row in _KEY_ROWS)
        yield "".join(dict(zip(neighbours, keys, strict=True))[letter] for letter in LETTERS)
    for other in _OTHER_KEYBOARDS:
        yield "".join(dict(zip(other, keys, strict=True))[letter] for letter in LETTERS)
        yield "".join(dict(zip(keys, other, strict=True))[letter] for letter in LETTERS)


# (maps, 26), the kind that each letter stands for.
_MAPS: NDArray[np.uint8] = np.array(
    [kinds_of(alphabet) for alphabet in dict.fromkeys(_alphabets()) if alphabet != LETTERS]
)

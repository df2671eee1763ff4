"""Other readings of a text: what it says once an encoding or a disguise is taken off.

A reading never replaces the text: the classifier reads the text as it stands, and every other reading too. Their
number is bounded, and a text with more of them says so instead of losing one in silence. What each disguise is, its own
module knows; to add one, write its module and name its reader in `search`.
"""

from collections.abc import Set

from lethe.classifier.disguises.invisible import reveal
from lethe.classifier.disguises.odd_stretches import OddStretches
from lethe.classifier.disguises.reading import OTHER_SIGNS, Reading, Readings
from lethe.classifier.disguises.search import ENCODINGS, DisguiseSearch, PartedReading
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.text.aligned_text import AlignedText
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.parts import split_parts


def find_readings(
    text: str,
    lexicon: Lexicon | None = None,
    *,
    maximum_readings: int = 32,
    maximum_depth: int = 2,
    kinds: Set[str] | None = None,
    odd_stretches: bool = False,
) -> Readings:
    """Read a text plainly and through every disguise that it shows signs of.

    Parameters
    ----------
    lexicon
        Known words; without them misspelt words and words without spaces are read as they stand, and letters are turned
        whether or not that makes sense.
    maximum_readings
        How many times the length of the text may be read at most, the plain reading included; what stands in a reading
        before is not read again.
    maximum_depth
        How many encodings inside one another to take off.
    kinds
        The disguises to look for, as `Readings.kinds` has them; None for all. What stays no language is then not looked for.
    odd_stretches
        Whether `Readings.unreadable` has what looks like no ordinary text besides; see `OddStretches`.
    """
    search = DisguiseSearch(lexicon, kinds, OddStretches.load() if odd_stretches else None)
    canonical = _canonical(text)
    plain = PartedReading(
        Reading(("plain",), canonical, ((0, len(canonical.text)),)), split_parts(canonical.text)
    )
    readings, known, spent = [plain], set(plain.parts), 1.0
    if search.looks_for(OTHER_SIGNS) and (other := search.in_other_signs(text, known)) is not None:
        readings.append(other)
        known.update(other.parts)
    frontier = list(readings)
    for _ in range(maximum_depth):
        found: list[PartedReading] = []
        for parent in frontier:
            for reading in search.further_readings(parent, search.names, known):
                spent += min(reading.fresh_characters / max(len(canonical.text), 1), 1.0)
                if spent > maximum_readings:
                    return Readings(
                        tuple(each.reading for each in readings), False, search.unreadable(text, readings)
                    )
                known.update(reading.parts)
                readings.append(reading)
                found.append(reading)
        frontier = found
    # Other disguises come in no order, but code within code within code hides what is innermost.
    innermost = [each for each in frontier if set(each.reading.way[1:]) <= ENCODINGS]
    encodings = [name for name in search.names if name in ENCODINGS]
    hidden = any(True for each in innermost for _ in search.further_readings(each, encodings, known))
    return Readings(tuple(each.reading for each in readings), not hidden, search.unreadable(text, readings))


def _canonical(text: str) -> AlignedText:
    """The text as it is read, what stands in invisible characters written out."""
    revealed = reveal(text)
    if revealed is None:
        return canonicalise(text)
    canonical = canonicalise(revealed.text)
    return AlignedText(canonical.text, canonical.replacements, revealed)

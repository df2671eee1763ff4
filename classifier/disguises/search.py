"""The search for what may be read in a reading: which readers look at it, and what each made of its parts."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises import alphabets
from lethe.classifier.disguises.cells import CELLS
from lethe.classifier.disguises.codes import BASE64_READER, HEX_READER
from lethe.classifier.disguises.digit_codes import DIGITS
from lethe.classifier.disguises.drawings import DRAWN
from lethe.classifier.disguises.escapes import has_escape, read_escaped_words, read_escapes
from lethe.classifier.disguises.fillers import FILLED
from lethe.classifier.disguises.initials import INITIALS
from lethe.classifier.disguises.invisible import unread
from lethe.classifier.disguises.leetspeak import LEET_ALPHABETS, LEET_SHARE, disguised_words, spelled_out
from lethe.classifier.disguises.literals import may_have_literals, read_literals
from lethe.classifier.disguises.markup import MARKUP
from lethe.classifier.disguises.number_lists import NUMBERS
from lethe.classifier.disguises.numbered_pieces import NUMBERED_PIECES
from lethe.classifier.disguises.odd_stretches import OddStretches, WordShares
from lethe.classifier.disguises.ordered_numbers import ORDERED
from lethe.classifier.disguises.reader import Reader, always
from lethe.classifier.disguises.reading import OTHER_SIGNS, Reading, fresh_stretches, near, near_changes
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.disguises.shifted_signs import SHIFTED
from lethe.classifier.disguises.shortened_names import SHORTENED
from lethe.classifier.disguises.spacing import SPACED, STEPS
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.disguises.told_tables import TOLD
from lethe.classifier.disguises.turns import TURNS, backwards, by_thirteen
from lethe.classifier.disguises.two_signs import TWO_SIGNS
from lethe.classifier.disguises.unreadable import (
    coded_words,
    in_groups,
    nonsense,
    odd_signs,
    signs_for_letters,
)
from lethe.classifier.text.aligned_text import AlignedText, Replacements, joined
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.parts import parts_near, split_parts, whole_parts
from lethe.classifier.text.sign_statistics import SignStatistics, WeighedSigns

_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/=])")
_LETTERS = re.compile(r"[a-z]")
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class PartedReading:
    """A reading in parts that are read one by one, small ones around what is new in it."""

    reading: Reading
    parts: tuple[str, ...]

    @cached_property
    def parts_with_fresh(self) -> list[bool]:
        """Which parts hold some of what stands in no reading before."""
        if len(self.parts) == 1:
            return [bool(self.reading.fresh)]
        starts, ends = np.array(self.reading.fresh, np.int64).reshape(-1, 2).T
        edges = np.cumsum([0, *map(len, self.parts)])
        return (ends.searchsorted(edges[:-1], "right") < starts.searchsorted(edges[1:])).tolist()

    def each_fresh(self, read: Callable[[str], _Read]) -> list[_Read | None]:
        """What is read in each part; None in those that hold nothing new, where nothing is either that could be read."""
        if len(self.parts) == 1:
            return [read(self.parts[0]) if self.reading.fresh else None]
        return [
            read(part) if fresh else None
            for part, fresh in zip(self.parts, self.parts_with_fresh, strict=True)
        ]

    @property
    def fresh_parts(self) -> list[tuple[int, str]]:
        """Where each part begins that holds some of what is new, and the part."""
        places = itertools.accumulate(map(len, self.parts), initial=0)
        return list(itertools.compress(zip(places, self.parts, strict=False), self.parts_with_fresh))

    @property
    def fresh_characters(self) -> int:
        return sum(end - start for start, end in self.reading.fresh)


@dataclass(frozen=True)
class _Made:
    """What was made of a reading.

    Attributes
    ----------
    parts
        All of its text.
    places
        (n, 2), half-open stretches of it near which it may say something; None where it may throughout.
    """

    text: AlignedText
    parts: tuple[str, ...]
    places: NDArray[np.int64] | None = None


def _reads(reading: Reading, parent: Reading, start: int, end: int) -> bool:
    """Whether a reading replaced most of a stretch of its parent by something else."""
    changes = reading.canonical.replacements
    if reading.way[:-1] != parent.way or changes is None or changes.backwards or reading.name in _SLIGHT:
        return False
    first, last = changes.ends.searchsorted(start, "right"), changes.starts.searchsorted(end)
    covered = np.minimum(changes.ends[first:last], end) - np.maximum(changes.starts[first:last], start)
    return 2 * int(covered.sum()) >= end - start


class DisguiseSearch:
    """The readers of one text, and what each made of every part so far: most parts stand in several readings."""

    def __init__(
        self, lexicon: Lexicon | None, kinds: Set[str] | None, odd_stretches: OddStretches | None = None
    ) -> None:
        self._lexicon = lexicon
        self._kinds = kinds
        self._odd_stretches = odd_stretches
        self._known: dict[tuple[str, str], AlignedText | None] = {}
        self._sense: dict[tuple[str, str], list[tuple[int, int]]] = {}
        # What was read in the plain text.
        self._read_plainly: set[str] = set()
        # What stays no language, by part.
        self._left: dict[str, tuple[tuple[int, int], ...]] = {}
        self._coded_words: dict[str, list[tuple[int, int]]] = {}
        self._disguised: dict[str, NDArray[np.bool_]] = {}
        self._scans: dict[str, Scan] = {}
        self._readers = _READERS
        names = _NAMES
        if lexicon is not None:
            by_words = (
                Reader("unscrambled", always, self._unscramble),
                Reader("unjoined", always, lexicon.unjoin),
                Reader("respelled", always, lexicon.respell),
                *lexicon.by_initials,
            )
            self._readers = _READERS | {reader.name: reader for reader in by_words}
            names += tuple(reader.name for reader in by_words)
        self.names = names if kinds is None else tuple(filter(self.looks_for, names))

    def looks_for(self, name: str) -> bool:
        """Whether a kind of disguise is to be taken off."""
        return self._kinds is None or name in self._kinds

    def in_other_signs(self, text: str, known: Set[str]) -> PartedReading | None:
        """Letters of other scripts as Latin ones; of the original, since what looks like Latin is read as that elsewhere."""
        made = None if self._lexicon is None else self._lexicon.unscrambler.scripts.read(text)
        if made is None:
            return None
        canonical = canonicalise(made.text)
        parts = split_parts(canonical.text)
        canonical = AlignedText(canonical.text, canonical.replacements, made)
        return PartedReading(Reading(("plain", OTHER_SIGNS), canonical, fresh_stretches(parts, known)), parts)

    def further_readings(
        self, parent: PartedReading, names: Iterable[str], known: Set[str]
    ) -> Iterator[PartedReading]:
        """What may be read in a reading, of some kinds, without what was read already."""
        followed_by = _FOLLOWED_BY.get(parent.reading.name)
        for name in names:
            if followed_by is not None and name not in followed_by:
                continue
            result = self._read(name, parent)
            if result is None:
                continue
            made, parts = result.text, result.parts
            # Far from what a parent changed, these say what they said of the plain text.
            told = not parent.reading.plain and name in _LOCAL and name in self._read_plainly
            fresh = near_changes(fresh_stretches(parts, known), made, parent.reading, told=told)
            if result.places is not None:
                fresh = near(fresh, *result.places.T)
            if fresh:
                if parent.reading.plain:
                    self._read_plainly.add(name)
                canonical = AlignedText(made.text, made.replacements, parent.reading.canonical)
                reading = Reading((*parent.reading.way, name), canonical, fresh)
                yield PartedReading(reading, parts_near(parts, fresh))

    def _read(self, name: str, parent: PartedReading) -> _Made | None:
        if (reader := self._readers.get(name)) is not None:
            return self._by_reader(reader, parent)
        if name in TURNS:
            return self._turned(name, parent)
        if name in LEET_ALPHABETS:
            return self._spelled_out(name, parent)
        return self._unescaped(parent) if name == "escapes" else self._joined(parent)

    def _by_reader(self, reader: Reader, parent: PartedReading) -> _Made | None:
        made = parent.each_fresh(lambda part: self._part(reader, part))
        if any(made):
            return _put_together(made, parent.parts)
        text = parent.reading.canonical.text
        if reader is not BASE64_READER or "\n" not in text or reader.may_read(self._scan(text)):
            return None
        whole = reader.read(_WRAPPED.sub("", text))
        return whole and _Made(whole, split_parts(whole.text))

    def unreadable(self, text: str, readings: Sequence[PartedReading]) -> tuple[tuple[int, int], ...]:
        """Stretches of the original that stay no language: of the plain reading, and of what was decoded in it.

        None where only some kinds are looked for.
        """
        if self._kinds is not None:
            return ()
        found = unread(text)
        for parted in readings:
            if set(parted.reading.way[1:]) <= ENCODINGS:
                found += self._unread_in(parted, readings)
        return tuple(sorted(set(found)))

    def _unread_in(self, parted: PartedReading, readings: Sequence[PartedReading]) -> list[tuple[int, int]]:
        text, fresh = parted.reading.canonical.text, parted.fresh_parts
        # The plain reading is weighed in one go, any other where it is new.
        judged = [(0, text)] if parted.reading.plain else fresh
        weighed = {place: _SIGNS.weighed(part) for place, part in judged}
        found = [
            (place + start, place + end)
            for place, signs in weighed.items()
            for start, end in _odd(signs, len(text))
        ]
        for place, part in fresh:
            inside = (*nonsense(part, self._left.get(part, ()), _STATISTICS), *self._coded(part))
            found += ((place + start, place + end) for start, end in inside)
        # These say more exactly where it stands.
        unread = list(self._not_read(found, parted, readings))
        if unread or self._lexicon is None or self._odd_stretches is None:
            return unread
        odd = list(self._unlike(parted, weighed))
        if not odd:
            return []
        # Data and disguises have digits and marks that might be letters; that reads them only where words result.
        parent = parted.reading
        telling = [
            each
            for each in readings
            if each.reading.name not in LEET_ALPHABETS or self._says_more(each.reading, parent)
        ]
        return list(self._not_read(odd, parted, telling))

    def _says_more(self, reading: Reading, parent: Reading) -> bool:
        """Whether more words became known in a reading than are left unknown."""
        known, unknown = self._known_and_unknown(reading.canonical.text)
        return known - self._known_and_unknown(parent.canonical.text)[0] > unknown

    def _known_and_unknown(self, text: str) -> tuple[int, int]:
        assert self._lexicon is not None
        words = WordShares(*self._lexicon.unknown_words(text))
        long = words.ends - words.starts >= _SHORTEST_KNOWN
        return int(np.count_nonzero(long & ~words.unknown)), int(np.count_nonzero(words.unknown))

    def _unlike(
        self, parted: PartedReading, weighed: Mapping[int, WeighedSigns]
    ) -> Iterator[tuple[int, int]]:
        """Where a reading looks like no ordinary text, given its signs by where they begin."""
        assert self._lexicon is not None
        assert self._odd_stretches is not None
        length = len(parted.reading.canonical.text)
        for place, part in parted.fresh_parts:
            # A question that costs little, so that most prompts cost no more.
            if len(part) <= _LONGEST_PROMPT and self._lexicon.is_in_sentences(part):
                continue
            words = WordShares(*self._lexicon.unknown_words(part))
            signs = weighed[0].part(place, place + len(part)) if parted.reading.plain else weighed[place]
            for start, end in self._odd_stretches.found_in(signs, words, length):
                yield place + start, place + end

    @staticmethod
    def _not_read(
        found: Iterable[tuple[int, int]], parted: PartedReading, readings: Sequence[PartedReading]
    ) -> Iterator[tuple[int, int]]:
        """Those stretches of a reading, in the original, that are new in it and that no reading replaced."""
        for start, end in found:
            fresh = any(first < end and start < last for first, last in parted.reading.fresh)
            if fresh and not any(_reads(each.reading, parted.reading, start, end) for each in readings):
                yield parted.reading.canonical.original_span(start, end)

    def _coded(self, part: str) -> list[tuple[int, int]]:
        if part not in self._coded_words:
            self._coded_words[part] = coded_words(part, _STATISTICS)
        return self._coded_words[part]

    def _unscramble(self, part: str) -> AlignedText | None:
        assert self._lexicon is not None
        found = self._lexicon.unscrambler.read(part)
        self._left[part] = found.left
        return found.read

    def _part(self, reader: Reader, part: str) -> AlignedText | None:
        key = reader.name, part
        if key not in self._known:
            self._known[key] = reader.of(self._scan(part))
        return self._known[key]

    def _scan(self, part: str) -> Scan:
        if part not in self._scans:
            self._scans[part] = Scan(part)
        return self._scans[part]

    def _turned(self, name: str, parent: PartedReading) -> _Made | None:
        text, parts = parent.reading.canonical.text, parent.parts
        if not any(parent.each_fresh(_LETTERS.search)):
            return None
        places = self._places_of_sense(name, parent)
        if not len(places):
            return None
        if name == "rot13":
            turned = tuple(map(by_thirteen, parts))
            return _Made(AlignedText("".join(turned)), turned, places)
        whole = AlignedText(backwards(text), Replacements.reverse(len(text)))
        return _Made(whole, tuple(map(backwards, reversed(parts))), len(text) - places[::-1, ::-1])

    def _places_of_sense(self, name: str, parent: PartedReading) -> NDArray[np.int64]:
        """Where turned letters may say something new, half-open stretches of a reading, (n, 2)."""
        found = [
            (start + place, end + place)
            for place, part in parent.fresh_parts
            for start, end in self._sense_in(name, part)
        ]
        return np.array(found, np.int64).reshape(-1, 2)

    def _sense_in(self, name: str, part: str) -> list[tuple[int, int]]:
        if self._lexicon is None:
            return [(0, len(part))]
        key = name, part
        if key not in self._sense:
            self._sense[key] = self._lexicon.places_of_sense(part, name)
        return self._sense[key]

    def _joined(self, parent: PartedReading) -> _Made | None:
        if not any(parent.each_fresh(may_have_literals)):
            return None
        literals = read_literals(parent.reading.canonical.text)
        return literals and _Made(literals, split_parts(literals.text))

    def _unescaped(self, parent: PartedReading) -> _Made | None:
        text, parts = parent.reading.canonical.text, parent.parts
        # Where one escape stands whole, those without an end are read too, in whichever part.
        if not any(parent.each_fresh(has_escape)):
            return None
        made = parent.each_fresh(lambda part: self._part(_ESCAPES, part))
        if not any(made):
            return None
        plain = [part if each is None else each.text for each, part in zip(made, parts, strict=True)]
        canonical = canonicalise("".join(plain)).text
        traced = [each and self._part(_ESCAPED_WORDS, part) for each, part in zip(made, parts, strict=True)]
        read = [part if each is None else each.text for each, part in zip(traced, parts, strict=True)]
        if "".join(read) == canonical:
            return _put_together(traced, parts) if any(traced) else None
        # What is read as a lookalike goes by the whole text; mostly the parts come to the same, and stay parts.
        parts = whole_parts(canonicalise(part).text for part in plain)
        if "".join(parts) != canonical:
            parts = split_parts(canonical)
        whole = Replacements.of([0], [len(text)], [len(canonical)], len(text))
        return _Made(AlignedText(canonical, whole), parts)

    def _disguised_words(self, part: str) -> NDArray[np.bool_]:
        """Which words of a part have signs for letters, (words,)."""
        if part not in self._disguised:
            self._disguised[part] = disguised_words(part)
        return self._disguised[part]

    def _spelled_out(self, name: str, parent: PartedReading) -> _Made | None:
        alphabet = LEET_ALPHABETS[name]
        if not any(parent.each_fresh(alphabet.signs.search)):
            return None
        chosen = [words for words in parent.each_fresh(self._disguised_words) if words is not None]
        # Amid many such words, digits alone are words too ("15 7h3 0wl").
        disguised = sum(map(np.count_nonzero, chosen))
        if not disguised:
            return None
        throughout = disguised >= LEET_SHARE * sum(map(len, chosen))
        made = parent.each_fresh(
            lambda part: spelled_out(part, alphabet, None if throughout else self._disguised_words(part))
        )
        return _put_together(made, parent.parts) if any(made) else None


def _odd(signs: WeighedSigns, characters: int) -> list[tuple[int, int]]:
    """Half-open stretches that are no language by their signs, of a text of so many characters or of a part of it."""
    text = signs.text
    return [*odd_signs(signs, characters), *in_groups(text, _STATISTICS), *signs_for_letters(text)]


def _put_together(made: Sequence[AlignedText | None], parts: Sequence[str]) -> _Made:
    """The readings of parts, of those that have one, as one."""
    if len(made) == 1 and made[0] is not None:
        return _Made(made[0], (made[0].text,))
    read = [AlignedText(part) if each is None else each for each, part in zip(made, parts, strict=True)]
    return _Made(joined(read, list(map(len, parts))), whole_parts(each.text for each in read))


def _names(readers: Iterable[Reader]) -> frozenset[str]:
    return frozenset(reader.name for reader in readers)


# Their results show sense themselves, or are left alone.
_CODES = (
    BASE64_READER,
    HEX_READER,
    NUMBERS,
    DIGITS,
    alphabets.SIGNS,
    alphabets.NUMBERED,
    ORDERED,
    TWO_SIGNS,
    alphabets.SPOKEN,
)
# What was taken apart or filled up, whatever it says.
_PARTED = (CELLS, FILLED, NUMBERED_PIECES)
# Letters spelled in some way, of which none stands within another.
_SPELLINGS = (
    alphabets.PAIRED,
    INITIALS,
    MARKUP,
    SHIFTED,
    TOLD,
    DRAWN,
    STEPS,
)
# Escapes are read in all parts where one stands in some, and traced word by word then.
_ESCAPES, _ESCAPED_WORDS = (
    Reader("escapes", always, read_escapes),
    Reader("escaped words", always, read_escaped_words),
)
READERS = (*_CODES, *_PARTED, *_SPELLINGS, SPACED)
_READERS = {reader.name: reader for reader in READERS}
_NAMES = ("escapes", *_READERS, *LEET_ALPHABETS, "literals", *TURNS)
_STATISTICS, _SIGNS = LetterStatistics.load(), SignStatistics.load()
ENCODINGS = _names(_CODES) | {"escapes"}
# What these make of nonsense is nonsense still.
_SLIGHT = {"unjoined", "respelled", "literals", "ordered numbers", *_names(_PARTED), *SHORTENED}
# A longer text may hide something among its sentences.
_LONGEST_PROMPT = 400
# Letters of a word that says something by being known.
_SHORTEST_KNOWN = 3
# Those that change words where they stand, whatever the rest of the text is.
_WORD_BY_WORD = {"unscrambled", "unjoined", "respelled", *SHORTENED}
_LOCAL = {*_names(_CODES), *_names(_PARTED), *_names(_SPELLINGS), *TURNS, "spaced", *_WORD_BY_WORD}
# What is looked for in a reading; everything in the plain one and in what was decoded. Letters are turned where a single word
# makes sense for it, so only codes are looked for in what results.
_FOLLOWED_BY: Mapping[str, Set[str]] = {
    "unscrambled": {"unjoined", "respelled"},
    "unjoined": {"respelled"},
    **dict.fromkeys(("respelled", *SHORTENED, "leet", "leet, 1 as l"), frozenset[str]()),
    **dict.fromkeys(TURNS, _names(_CODES)),
    **dict.fromkeys(_names(_SPELLINGS), frozenset({"unscrambled", "unjoined", "respelled"})),
}

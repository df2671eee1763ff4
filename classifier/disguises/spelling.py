"""Known words: what a misspelt word may stand for, and where words that were run together part.

The words are the encoder's own, the most frequent first, and the names of the targets. Knows nothing about models.
"""

import math
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scrambled_words import ScrambledWords
from lethe.classifier.disguises.scrambles import Unscrambler
from lethe.classifier.disguises.shortened_names import readers_of_shortened
from lethe.classifier.disguises.turns import TURNS, turned
from lethe.classifier.disguises.word_notes import NotedText, WordNotes
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics

_SHORTEST_WORD = 4
_WORD = re.compile(rf"[^\W\d_]{{{_SHORTEST_WORD},24}}")
# Long runs of letters, as no ordinary word is; and runs of capitalised words.
_SHORTEST_RUN = 14
_RUN = re.compile(rf"[^\W\d_]{{{_SHORTEST_RUN},}}")
_CAPITALISED_WORD = re.compile(r"[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]*")
# A neighbour of two swapped letters is the commonest slip; other slips are looked for in words long enough to have few others.
_SHORTEST_FOR_ANY_SLIP = 6
# What a letter that belongs to no word costs, in the logarithms of ranks that words cost.
_STRAY_LETTER_COST = 14.0
_NAME_COST = 6.0
_WORD_SHAPE = re.compile(r"[a-z]{2,}|[ai]")
# Fewer letters and digits are a word whichever way they are turned.
_SHORTEST_RUN_READ = 3
# What is noted of a word.
_UNKNOWN, _JOINED, _MISSPELT, _COMMON = 1, 2, 4, 8
_TURNED = {name: 16 << place for place, name in enumerate(TURNS)}
# The commonest words of all languages, and of the words and the signs of sentences how many are such and in known words.
_COMMON_RANKS, _SHARE_COMMON, _SHARE_KNOWN = 380, 0.3, 0.7
_SHORTEST_COMMON = 2
# A turned word so long tells by itself; in a text that is longer than this, a shorter one does where another stands near.
_TELLING, _NEAR, _SHORT_TEXT = 5, 24, 1000
# A run of this length, or a shorter one with digits, may be words run together or an encoding.
_LONG_RUN = 16
_LONG_RUN_WITH_DIGITS = 12
_DIGIT = re.compile(r"\d")
# Bits a letter from which on words run together are like language: names in code are, encodings are not.
_LIKE_LANGUAGE = -4.6
_PARTS_REMEMBERED = 256
_LONGEST_PART = 1 << 15
_LONG_TEXTS_REMEMBERED = 4
_WORDS_REMEMBERED = 1 << 15
_LONGEST_WORD = 24
# One bit in so many says that some word has a hash; a hundred times the words of a lexicon and what slips leave of them.
_BITS = 24
_WEIGHTS = np.random.default_rng(24).integers(1, 1 << 63, _LONGEST_WORD + 1, np.uint64) | np.uint64(1)


class Lexicon:
    """A set of words with their costs, indexed for misspellings. Not changed once made.

    Parameters
    ----------
    words
        Words from the most to the least frequent.

    Attributes
    ----------
    by_initials
        What reads names that are shortened to their first letter.
    """

    by_initials: Sequence[Reader] = ()

    def __init__(self, words: Sequence[str]) -> None:
        self._costs: dict[str, float] = {}
        self._beginnings: set[str] = set()
        self._letters: set[str] = set()
        # Words by what is left of them without one letter: two that differ by one slip share an entry
        # (the symmetric deletes of Garbe's SymSpell).
        self._shortened: dict[str, tuple[str, ...]] = {}
        # Bits of the hashes of these.
        self._marks = np.zeros(1 << (_BITS - 3), np.uint8)
        # The parts of a text are read in several ways, each by their unknown words.
        notes = WordNotes(self._note)
        self._noted_part = lru_cache(_PARTS_REMEMBERED)(notes.of)
        self._noted_long = lru_cache(_LONG_TEXTS_REMEMBERED)(notes.of)
        # What unknown words may stand for; replaced when it is full.
        self._met: dict[str, str | None] = {}
        self._parting = lru_cache(_WORDS_REMEMBERED)(self._unjoined)
        added: list[str] = []
        for rank, word in enumerate(words):
            if _WORD_SHAPE.fullmatch(word.lower()):
                added += self._add(word.lower(), math.log(rank + 10))
        self._mark(added)

    def with_names(self, names: Iterable[str], shortened: Sequence[Mapping[str, str]] = ()) -> "Lexicon":
        """A lexicon that also knows the words of some names; a fraction of the time that indexing all words takes.

        Parameters
        ----------
        shortened
            For each target, what initials that stand alone may be short for; see `plainest_names`.
        """
        extended = Lexicon(())
        extended._costs = self._costs.copy()
        extended._letters = self._letters.copy()
        extended._beginnings = self._beginnings.copy()
        extended._shortened = self._shortened.copy()
        extended._marks = self._marks.copy()
        words = [word for name in names for word in _WORD.findall(name.lower())]
        extended._mark([form for word in words for form in extended._add(word, _NAME_COST)])
        extended.unscrambler = extended._unscrambler(
            ScrambledWords(extended._costs, self.unscrambler.words, words)
        )
        extended.by_initials = readers_of_shortened(shortened)
        return extended

    def _add(self, word: str, cost: float) -> Collection[str]:
        """Add a word; gives what may be left of it after a slip, if it is new."""
        known = self._costs.get(word)
        self._costs[word] = cost if known is None else min(known, cost)
        if known is not None:
            return ()
        self._letters.update(word)
        self._beginnings.update(word[:length] for length in range(1, len(word) + 1))
        if len(word) < _SHORTEST_FOR_ANY_SLIP:
            return ()
        left = {word, *_without_one_letter(word)}
        for shortened in left:
            self._shortened[shortened] = (*self._shortened.get(shortened, ()), word)
        return left

    def _mark(self, words: Sequence[str]) -> None:
        whole, _ = _hashed([word for word in words if len(word) <= _LONGEST_WORD])
        np.bitwise_or.at(self._marks, whole >> 3, (1 << (whole & 7)).astype(np.uint8))

    def _may_be_one_slip_away(self, words: Sequence[str]) -> dict[str, list[int]]:
        """Those of some words, of 6 to 24 letters, that are one slip from a known one, and a few more, with where the slip may be.

        A place is one without whose letter a known word may be left, or what is left of one; a word's length is the place of all
        of it.
        """
        whole, shortened = _hashed(words)
        hashes = np.column_stack([shortened, whole])
        marked = (self._marks[hashes >> 3] >> (hashes & 7).astype(np.uint8)) & 1
        cells: list[tuple[int, int]] = np.argwhere(marked).tolist()
        found: dict[str, list[int]] = {}
        for row, place in cells:
            word = words[row]
            # Without a letter that it does not have it is whole.
            if place <= len(word):
                found.setdefault(word, []).append(place)
        return found

    @cached_property
    def unscrambler(self) -> Unscrambler:
        """What reads scrambled words as these."""
        return self._unscrambler(ScrambledWords(self._costs))

    def _unscrambler(self, words: ScrambledWords) -> Unscrambler:
        return Unscrambler(LetterStatistics.load(), words, self.unknown_words, self._parting)

    def places_of_sense(self, text: str, turn: str) -> list[tuple[int, int]]:
        """Where turning its letters may show what a text says: unknown words that are known then, or are no single ones.

        Parameters
        ----------
        turn
            A name in `TURNS`.
        """
        places = self._noted(text).places(_TURNED[turn])
        return places if len(text) <= _SHORT_TEXT else _with_others(places)

    def respell(self, text: str) -> AlignedText | None:
        """The text with every unknown word that is one slip away from a known one read as that; None if none is."""
        found = [
            (*match.span(), best.capitalize() if match[0][0].isupper() else best)
            for place in self._noted(text).places(_MISSPELT)
            for match in _WORD.finditer(text, *place)
            if (best := self._corrections(_misspelt([match[0]], self._costs)).get(match[0].lower()))
            is not None
        ]
        return replaced(text, found)

    def unjoin(self, text: str) -> AlignedText | None:
        """The text with words that stand without spaces between them parted; None if there are none."""
        found = [
            (*match.span(), parted)
            for place in self._noted(text).places(_JOINED)
            for match in _RUN.finditer(text, *place)
            if (parted := self._parting(match[0])) is not None
        ]
        return replaced(text, found)

    def unknown_words(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Where unbroken runs of letters and digits stand, and which of them are no known words, (words,) each."""
        noted = self._noted(text)
        return noted.starts, noted.ends, (noted.notes & _UNKNOWN).astype(bool)

    def is_in_sentences(self, text: str) -> bool:
        """Whether most of a short text stands in known words, and many of them are as common as every sentence has them."""
        noted = self._noted(text)
        common = (noted.notes & np.uint8(_COMMON)) > 0
        if np.count_nonzero(common) < max(_SHARE_COMMON * len(common), 1):
            return False
        lengths = noted.ends - noted.starts
        known = common | ((lengths >= _SHORTEST_RUN_READ) & ((noted.notes & np.uint8(_UNKNOWN)) == 0))
        signs = len(text) - text.count(" ") - text.count("\n")
        return int(lengths[known].sum()) >= _SHARE_KNOWN * signs

    def _noted(self, text: str) -> NotedText:
        return (self._noted_part if len(text) <= _LONGEST_PART else self._noted_long)(text)

    def _note(self, words: Sequence[str]) -> Iterator[int]:
        """What each word is, as bits."""
        known = self._costs
        unknown = [word for word in words if word not in known and len(word) >= _SHORTEST_RUN_READ]
        unknown = [word for word in unknown if word.lower() not in known]
        notes = dict.fromkeys(unknown, _UNKNOWN)
        # Known words have letters alone, and so has what is turned into one or lacks a letter of one.
        unknown = [word for word in unknown if not word.isdecimal() or _is_long(word)]
        lettered = [word for word in unknown if word.isalpha() or _DIGIT.search(word) is None]
        lowered = list(map(str.lower, lettered))
        long = list(filter(_is_long, unknown))
        for turn, note in _TURNED.items():
            for word, back in zip(lettered, turned(turn, lowered), strict=True):
                if back in known:
                    notes[word] |= note
        for word, note in self._better_turned(long):
            notes[word] |= note
        for word in unknown:
            if len(word) >= _SHORTEST_RUN and any(
                self._parting(run) is not None for run in _RUN.findall(word)
            ):
                notes[word] |= _JOINED
        pieces = {
            word: _misspelt(_WORD.findall(word), self._costs)
            for word in unknown
            if len(word) >= _SHORTEST_WORD and (word.isascii() or not self._foreign(word.lower()))
        }
        corrections = self._corrections(dict.fromkeys(chain.from_iterable(pieces.values())))
        for word, lows in pieces.items():
            if not corrections.keys().isdisjoint(lows):
                notes[word] |= _MISSPELT
        most = math.log(_COMMON_RANKS + 10)
        return (
            notes.get(word, 0)
            or (len(word) >= _SHORTEST_COMMON and known.get(word.lower(), math.inf) <= most) * _COMMON
            for word in words
        )

    def _better_turned(self, words: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Those of some words that may be words or a code when they are turned in some way, with the note of it.

        What is like language is less so then.
        """
        if not words:
            return
        ways = [turned(turn, words) for turn in _TURNED]
        likeness, _ = self.unscrambler.statistics.likeness_of([*words, *chain.from_iterable(ways)])
        as_it_is, *turned_so = likeness.reshape(-1, len(words))
        for note, back, after in zip(_TURNED.values(), ways, turned_so, strict=True):
            better = (as_it_is < _LIKE_LANGUAGE) | (after >= as_it_is)
            for word, read, may_be in zip(words, back, better.tolist(), strict=True):
                if may_be and read != word:
                    yield word, note

    def _corrections(self, words: Iterable[str]) -> dict[str, str]:
        """What unknown words may stand for, where there is something."""
        words = list(words)
        met = self._met
        new = [word for word in words if word not in met]
        if new:
            if len(met) > _WORDS_REMEMBERED:
                met = {word: met.get(word) for word in words}
            met |= dict.fromkeys(new) | self._new_corrections(new)
            self._met = met
        return {word: best for word in words if (best := met[word]) is not None}

    def _new_corrections(self, words: Iterable[str]) -> dict[str, str]:
        short: list[str] = []
        long: list[str] = []
        odd: list[str] = []
        for word in words:
            # Upper case that grows in lower case.
            if len(word) > _LONGEST_WORD:
                odd.append(word)
            elif len(word) >= _SHORTEST_FOR_ANY_SLIP:
                long.append(word)
            elif self._letters.issuperset(word):
                short.append(word)
        candidates = {word: range(len(word) + 1) for word in (*short, *odd)}
        candidates |= self._may_be_one_slip_away(long) if long else {}
        return {
            word: best
            for word, places in candidates.items()
            if (best := self._correct(word, places)) is not None
        }

    def _foreign(self, lowered: str) -> bool:
        """Whether a word has no letter of the known ones, and so cannot be near any of these."""
        return self._letters.isdisjoint(lowered)

    def _correct(self, lowered: str, places: Sequence[int]) -> str | None:
        """The known word that a word may stand for, given where the slip may be; see `_may_be_one_slip_away`."""
        found = [swapped for swapped in _with_two_letters_swapped(lowered, places) if swapped in self._costs]
        if not found and len(lowered) >= _SHORTEST_FOR_ANY_SLIP:
            found = [
                known
                for shortened in {lowered[:place] + lowered[place + 1 :] for place in places}
                for known in self._shortened.get(shortened, ())
                if _one_slip_apart(lowered, known)
            ]
        return min(found, key=lambda known: (self._costs[known], known), default=None)

    def _unjoined(self, run: str) -> str | None:
        lowered = run.lower()
        if lowered in self._costs:
            return None
        if self._foreign(lowered):
            return " ".join(run)
        parts = _CAPITALISED_WORD.findall(run)
        if len(parts) < 3 or len(parts) > len(run) / 2:
            parts = self._parted(run)
        return " ".join(parts) if len(parts) > 1 else None

    def _parted(self, run: str) -> list[str]:
        """The cheapest way to cut a run into words."""
        lowered = run.lower()
        known, beginnings = self._costs.get, self._beginnings
        costs = [0.0] + [math.inf] * len(run)
        previous = [0] * (len(run) + 1)
        for start in range(len(run)):
            before = costs[start]
            if before + _STRAY_LETTER_COST < costs[start + 1]:
                costs[start + 1], previous[start + 1] = before + _STRAY_LETTER_COST, start
            for end in range(start + 1, len(run) + 1):
                candidate = lowered[start:end]
                if candidate not in beginnings:
                    break
                cost = known(candidate)
                if cost is not None and before + cost < costs[end]:
                    costs[end], previous[end] = before + cost, start
        cuts = [len(run)]
        while cuts[-1]:
            cuts.append(previous[cuts[-1]])
        return [run[start:end] for end, start in zip(cuts[-2::-1], cuts[:0:-1], strict=True)]


@lru_cache(2)
def lexicon_of(words: tuple[str, ...]) -> Lexicon:
    """The lexicon of some words; it takes a second and tens of megabytes, so all who ask share it."""
    return Lexicon(words)


def _with_others(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of some words that are long, or near another one: some short word is a known one turned by accident everywhere."""
    if not places:
        return places
    starts, ends = np.array(places, np.int64).T
    near = starts[1:] - ends[:-1] <= _NEAR
    kept = ends - starts >= _TELLING
    kept[1:] |= near
    kept[:-1] |= near
    return [place for place, told in zip(places, kept.tolist(), strict=True) if told]


def _misspelt(words: Iterable[str], known: Container[str]) -> list[str]:
    """Those of some words that are neither known nor the plural of a known one, in small letters."""
    lowered = map(str.lower, words)
    return [low for low in lowered if low not in known and low.removesuffix("s") not in known]


def _is_long(run: str) -> bool:
    """Whether a run may be several words, or an encoding."""
    if len(run) < _LONG_RUN_WITH_DIGITS:
        return False
    return len(run) >= _LONG_RUN or _DIGIT.search(run) is not None


def _hashed(words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hashes of words of at most 24 letters, (n,), and of each without one of its letters, (n, 24)."""
    points = (
        np.array(words, f"<U{_LONGEST_WORD}").view(np.uint32).reshape(-1, _LONGEST_WORD).astype(np.uint64)
    )
    here = points * _WEIGHTS[1:]
    moved = points * _WEIGHTS[:-1]
    # The hash without a letter: those before it where they are, those after it one place further on.
    before = here.cumsum(axis=1) - here
    after = moved[:, ::-1].cumsum(axis=1)[:, ::-1] - moved
    return _to_bits(here.sum(axis=1)), _to_bits(before + after)


def _to_bits(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    mixed = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(64 - _BITS)).astype(np.int64)


def _without_one_letter(word: str) -> Iterable[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))


def _with_two_letters_swapped(word: str, places: Sequence[int]) -> Iterable[str]:
    """A word with letters swapped that are both at some places, which ascend."""
    return (
        word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        for place, following in pairwise(places)
        if following == place + 1 < len(word) and word[place] != word[place + 1]
    )


def _one_slip_apart(word: str, known: str) -> bool:
    """Whether one letter was left out, added or replaced."""
    if abs(len(word) - len(known)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), None)
    if first is None:
        return True
    rest, known_rest = word[first:], known[first:]
    return rest[1:] == known_rest[1:] or rest[1:] == known_rest or rest == known_rest[1:]

"""Letters replaced by other letters or moved from their places: read back where only one way of it gives language.

Each kind is tried whole: every map a·x + b of the alphabet and the neighbours on keyboards, not ROT13; every number of
rails or columns; every rotation of a word. What is tried at all is what is unlike language by its letters.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.frames import SHARE_OF_FRAME, frames
from lethe.classifier.disguises.moved_letters import MOVED_UNLIKE, MovedLetters
from lethe.classifier.disguises.replaced_letters import ReplacedLetters
from lethe.classifier.disguises.scrambled_words import FEWEST_WORDS, LEAST_KNOWN, ScrambledWords
from lethe.classifier.disguises.scripts import Scripts
from lethe.classifier.disguises.sense import (
    GAIN,
    LANGUAGE,
    LONGEST,
    STRETCHES_REMEMBERED,
    SURE_LANGUAGE,
    SURELY_KNOWN,
)
from lethe.classifier.disguises.thinning import every_few, thinned
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of
from lethe.classifier.text.points import points_of
from lethe.classifier.text.ranges import joined_ranges

# Bits a letter. A stretch below the first may be scrambled, below the second its letters may be others; one above the last
# is language.
UNLIKE = -4.3
_REPLACED = -4.9
_WHOLE_UNLIKE = -3.7
# Of letters, how many may be in known words for a stretch to be scrambled.
_MOST_KNOWN = 0.5
# By how much the likeness of a text may differ that is found along with those of others.
_INEXACT = 0.01
# Without spaces, of letters, how many must be in words of four letters or more, however these are parted.
_KNOWN_UNPARTED, _LONG_WORD, _SPACES = 0.7, 4, 0.05
# By how much the share of known words must grow where words are read one by one.
_MORE_KNOWN = 0.25
# Names in code are made of words; a stretch with more of them is code.
_PARTS, _MOST_KNOWN_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+"), 0.3
_FEWEST_LETTERS = 12
# Words in a row, shorter ones between them left out, and how many of them are unknown where they may be scrambled.
_WORDS_TOGETHER, _UNKNOWN_OF_THEM = 4, 3
_SHORT_WORD = 3
_SHARE_OF_LETTERS = 0.8
_NO_LETTER = re.compile(r"[\W\d_]+")
_OF_CODE = re.compile(r"[_(){}\[\]=<>/\\|@#$%^&*+~]")
# Those of ASCII that are no letter, and that are none of code.
_NO_LETTERS = bytes(point for point in range(128) if not chr(point).isalpha())
_NO_CODE = bytes(point for point in range(128) if not _OF_CODE.match(chr(point)))
# Characters of text for each of these.
_CODE_APART = 24
_EDGE = 48
_TOKEN, _GAP = re.compile(r"\S+"), re.compile(r"\s")


@dataclass(frozen=True)
class Unscrambled:
    """A text with what was scrambled read, None where nothing was, and the half-open stretches that stay no language."""

    read: AlignedText | None
    left: tuple[tuple[int, int], ...]


class Unscrambler:
    """Reads scrambled stretches of texts. Safe to share between threads.

    Parameters
    ----------
    words
        Known words.
    words_of
        Gives the runs of letters and digits of a text, as half-open stretches, (words,) each, and which are no known words.
    parted
        Parts words that were run together; None where they are one word.
    """

    def __init__(
        self,
        statistics: LetterStatistics,
        words: ScrambledWords,
        words_of: Callable[[str], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]],
        parted: Callable[[str], str | None],
    ) -> None:
        self.statistics = statistics
        self._words_of = words_of
        self._parted = parted
        self.words = words
        self._known = words.known
        # An answer that grows is read again and again, and so are messages with what stands around them.
        self._in_words = lru_cache(STRETCHES_REMEMBERED)(words.read)
        self._replaced = ReplacedLetters(statistics, words.known)
        self._moved = MovedLetters(statistics, words.known, self._makes_words)
        self._every_few = lru_cache(STRETCHES_REMEMBERED)(self._in_every_few)
        self.scripts = Scripts(statistics, words)

    def read(self, text: str) -> Unscrambled:
        """Read scrambled stretches of a text."""
        found: list[tuple[int, int, str]] = []
        left: list[tuple[int, int]] = []
        for start, end in self._stretches(text):
            if found and start < found[-1][1]:
                continue
            read = self._read_near(text, start, end)
            if read is not None:
                found.append(read)
            elif self._known(" ".join(_PARTS.findall(text, start, end))) < _MOST_KNOWN_PARTS:
                left.append((start, end))
        found = sorted([*found, *self._lines_with_digits(text, found)])
        return Unscrambled(replaced(text, found), tuple(left))

    def _lines_with_digits(
        self, text: str, found: list[tuple[int, int, str]]
    ) -> Iterator[tuple[int, int, str]]:
        """Lines in whose words digits stand for vowels."""
        places = self.words.digits_in(text)
        number = 0
        while number < len(places):
            start, end = text.rfind("\n", 0, places[number]) + 1, text.find("\n", places[number])
            end = len(text) if end < 0 else end
            before, number = number, bisect_left(places, end, number)
            # A line by itself is read only where digits stand in as many words.
            if number - before < FEWEST_WORDS or end - start > LONGEST:
                continue
            if not any(first < end and last > start for first, last, _ in found):
                line = text[start:end]
                read = self.words.with_digits(line)
                if read is not None and self._known(read) >= self._known(line) + _MORE_KNOWN:
                    yield start, end, read

    def _stretches(self, text: str) -> Iterator[tuple[int, int]]:
        """Half-open stretches that are unlike language, from a word's beginning to a word's end, known words at their edges left out."""
        before = -1
        for first, last in joined_ranges([*self.statistics.unlike(text, UNLIKE), *self._unknown(text)]):
            # The cheap tests first: what stands in the blocks is nearly what stands in the stretch.
            if not _is_written(text[first:last]) or self._known(text[first:last], 4) > _MOST_KNOWN:
                continue
            # A long word may have many such stretches, each of which is all of it.
            in_one_word = before >= 0 and not _GAP.search(text, before, last)
            before = first
            if in_one_word:
                continue
            start, end = self._between_known_words(text, *_whole_words(text, first, last))
            stretch = text[start:end]
            if (
                self.statistics.of_text(stretch) < _WHOLE_UNLIKE
                and _is_written(stretch)
                and self.words.inflected(stretch) <= _MOST_KNOWN
            ):
                yield start, end

    def _unknown(self, text: str) -> list[tuple[int, int]]:
        """Half-open stretches in which nearly every longer word is unknown, whatever its letters are like."""
        if not text.isascii() and 2 * np.count_nonzero(kinds_of(text)) < len(text):
            return []
        starts, ends, unknown = self._words_of(text)
        # Short words are known by accident in some language, and those of other scripts stand in no list.
        told = ends - starts > _SHORT_WORD
        if not text.isascii():
            foreign = np.concatenate([[0], (points_of(text) >= 128).cumsum()])
            told &= foreign[starts] == foreign[ends]
        starts, ends, unknown = starts[told], ends[told], unknown[told].view(np.int8)
        if np.count_nonzero(unknown) < _UNKNOWN_OF_THEM:
            return []
        together = min(_WORDS_TOGETHER, len(starts))
        counted = np.convolve(unknown, np.ones(together, np.int8), "valid")
        (places,) = (counted >= _UNKNOWN_OF_THEM).nonzero()
        return list(zip(starts[places].tolist(), ends[places + together - 1].tolist(), strict=True))

    def _read_near(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        if end - start > LONGEST:
            end = start + LONGEST
        stretch = text[start:end]
        bits = self.statistics.of_text(stretch)
        found = self._by_words(text, start, end)
        if found is None or self._known(found[2]) < SURELY_KNOWN:
            found = max(
                filter(None, (found, *self._by_letters(text, start, end, bits))),
                key=self._sense,
                default=None,
            )
        return found and (found[0], found[1], f" {found[2]} ")

    def _sense(self, found: tuple[int, int, str]) -> float:
        return self._known(found[2])

    def _by_words(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        """The text around a stretch, or it alone, read word by word."""
        for first, last in sorted(frames(text, start, end), key=lambda frame: frame[0] - frame[1]):
            stretch = text[first:last]
            if last - first <= LONGEST and end - start >= SHARE_OF_FRAME * (last - first):
                read = self._in_words(stretch)
                if read is not None and self._known(read) >= self._known(stretch) + _MORE_KNOWN:
                    return first, last, read
        return None

    def _by_letters(
        self, text: str, start: int, end: int, bits: float
    ) -> Iterator[tuple[int, int, str] | None]:
        """The stretch with letters taken out, replaced, or put elsewhere."""
        stretch = text[start:end]
        if (read := self._thinned(stretch, bits)) is not None:
            yield start, end, read
        elif bits < _REPLACED and (table := self._replaced.table(stretch, bits)) is not None:
            start, end = self._with_neighbours(text, start, end, table)
            yield start, end, text[start:end].translate(table)
        elif bits <= MOVED_UNLIKE:
            if (moved := self._moved.read(text, start, end)) is not None:
                yield moved
            elif (read := self._every_few(stretch)) is not None:
                yield start, end, read

    def _thinned(self, stretch: str, bits: float) -> str | None:
        """What is left without letters that were added, if that is language."""
        for read in thinned(stretch):
            if (known := self._known(read)) < LEAST_KNOWN:
                continue
            # The surer the words, the less the letters need to say.
            gain = GAIN / 10 if known >= SURELY_KNOWN else GAIN / 2
            if self.statistics.of_text(read) >= max(LANGUAGE, bits + gain):
                return read
        return None

    def _in_every_few(self, stretch: str) -> str | None:
        """What every few letters of a stretch say, if that is language."""
        return next(filter(self._is_surely_language, self._likely(every_few(stretch))), None)

    def _likely(self, readings: Iterable[str]) -> Iterator[str]:
        """Those that may be language surely, and a few that are not: all are weighed in one go, not quite exactly."""
        long = [read for read in readings if len(read) >= _FEWEST_LETTERS]
        if long:
            likeness, _ = self.statistics.likeness_of(long)
            yield from compress(long, (likeness >= SURE_LANGUAGE - _INEXACT).tolist())

    def _is_surely_language(self, read: str) -> bool:
        if len(read) < _FEWEST_LETTERS or self.statistics.of_text(read) < SURE_LANGUAGE:
            return False
        return self._makes_words(read, SURELY_KNOWN)

    def _makes_words(self, read: str, share: float) -> bool:
        """Whether so much of a text is known words; parted from one another where it has no spaces."""
        if read.count(" ") >= _SPACES * len(read):
            return self._known(read) >= share
        letters = _NO_LETTER.sub("", read)
        words = (self._parted(letters) or "").split()
        long = sum(len(word) for word in words if len(word) >= _LONG_WORD and self._known(word, 1))
        return long >= _KNOWN_UNPARTED * len(letters)

    def _between_known_words(self, text: str, start: int, end: int) -> tuple[int, int]:
        """The stretch without known words at its edges, or with the unknown ones around it."""
        reach = max(start - _EDGE, 0), end + _EDGE
        tokens = [(m.start(), m.end()) for m in _TOKEN.finditer(text, *reach) if m.start() >= reach[0]]

        def known(number: int) -> bool | None:
            return self.words.is_known(text[slice(*tokens[number])])

        inside = [n for n, token in enumerate(tokens) if token[1] > start and token[0] < end]
        first = next((n for n in inside if known(n) is False), None)
        last = next((n for n in reversed(inside) if known(n) is False), None)
        if first is None or last is None:
            return start, start
        # Short words go with what stands beside them.
        while first > 0 and not known(first - 1) and not _ends(text[tokens[first - 1][0] : tokens[first][0]]):
            first -= 1
        while (
            last + 1 < len(tokens)
            and not known(last + 1)
            and not _ends(text[tokens[last][0] : tokens[last + 1][0]])
        ):
            last += 1
        return tokens[first][0], tokens[last][1]

    def _with_neighbours(self, text: str, start: int, end: int, table: dict[int, int]) -> tuple[int, int]:
        """The stretch with the words beside it that were taken for known ones, and are known as the table reads them too."""
        before = [match.span() for match in _TOKEN.finditer(text, max(start - _EDGE, 0), start)]
        after = [match.span() for match in _TOKEN.finditer(text, end, end + _EDGE)]
        for first, last in reversed(before):
            if _ends(text[first:start]) or not self.words.is_known(text[first:last].translate(table)):
                break
            start = first
        for first, last in after:
            if _ends(text[first - 1 : last]) or not self.words.is_known(text[first:last].translate(table)):
                break
            end = last
        return start, end


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    if start and not text[start - 1].isspace():
        start -= len(text[:start].rsplit(maxsplit=1)[-1])
    gap = _GAP.search(text, end)
    return start, gap.start() if gap else len(text)


def _is_written(stretch: str) -> bool:
    """Whether a stretch has the shape of a sentence: letters and spaces, and few other characters, fewer still of code."""
    if stretch.isascii():
        raw = stretch.encode()
        letters, of_code = len(raw.translate(None, _NO_LETTERS)), len(raw.translate(None, _NO_CODE))
    else:
        letters, of_code = len(_NO_LETTER.sub("", stretch)), len(_OF_CODE.findall(stretch))
    return (
        letters >= _FEWEST_LETTERS
        and letters + stretch.count(" ") >= _SHARE_OF_LETTERS * len(stretch)
        and of_code * _CODE_APART <= len(stretch)
    )


def _ends(token_and_gap: str) -> bool:
    """Whether something else begins after a token."""
    return "\n" in token_and_gap or token_and_gap.rstrip().endswith(":")

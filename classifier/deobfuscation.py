"""Other readings of a text: what it says once an encoding or a disguise is taken off.

A reading never replaces the text: the classifier reads the text as it stands, and every other reading too. Their
number is bounded, and a text with more of them says so instead of losing one in silence.
"""

import html
import re
import string
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.aligned_text import AlignedText, Replacements, joined, substitute, substitute_words
from lethe.classifier.alphabets import Alphabets
from lethe.classifier.canonical import canonicalise
from lethe.classifier.codes import BASE64, read_base64, read_hex
from lethe.classifier.invisible import reveal, unread
from lethe.classifier.letter_statistics import LetterStatistics
from lethe.classifier.number_codes import NumberCodes
from lethe.classifier.parts import split_parts, whole_parts
from lethe.classifier.points import bytes_of, points_of, text_of, word_bounds
from lethe.classifier.spelling import Lexicon
from lethe.classifier.unreadable import coded_words, nonsense

# Where a pattern is slow, or seldom finds anything, a quick one says first whether it may find something.
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/=])")
_ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&#?\w{2,8};|%[0-9a-fA-F]{2}")
_ESCAPE_SIGN = re.compile(r"[&%\\]")
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_SPACED = re.compile(r"(?<!\w)\w(?:[ \t\r\n._\-*·|/'’]{1,3}\w(?!\w)){3,}")
_SPACED_SIGN = re.compile(r"[ \t\r\n._\-*·|/'’]\w[ \t\r\n._\-*·|/'’]{1,3}\w[ \t\r\n._\-*·|/'’]")
_WORD_GAP = re.compile(r"[ \t]{2,3}|\r?\n\r?\n| [./|*·-] ")
_PUNCTUATED_WORD_GAP = re.compile(r"[ \t]+")
_QUESTION_WORDS = 3
_DRAWINGS = {
    "\\/\\/": "w", "|\\/|": "m", "/\\/\\": "m", "|V|": "m", "|\\|": "n", "|-|": "h", "|_|": "u", "(_)": "u", "|<": "k", "|)": "d",
    "|2": "r", "|3": "b", "|=": "f", "|*": "p", "|>": "p", "_|": "j", "|_": "l", "\\/": "v", "><": "x", "/\\": "a", "|": "l", "(": "c",
}  # fmt: skip
_DRAWN = re.compile("|".join(map(re.escape, sorted(_DRAWINGS, key=len, reverse=True)[:-2])))
_ANY_DRAWN = re.compile("|".join(map(re.escape, sorted(_DRAWINGS, key=len, reverse=True))))
_DRAWN_WORD, _OF_DRAWN = (
    re.compile(r"(?<!\S)\S{1,200}(?!\S)"),
    re.compile(r"[|\\(]|[0-9][a-z]|[a-z][0-9]|^[0-9]+$"),
)
_DRAWN_DIGITS = bytes.maketrans(b"0123456789@$!", b"olzeasbtbgasi")
_FEWEST_DRAWN = 6
_STEPS = re.compile(r"(?<!\S)[A-Za-z'\"]+(?:_[A-Za-z0-9',\"]+){2,}[?!.]?")
_STEPS_GATE = re.compile(r"[a-z][A-Z]\w{0,24}_\w{0,24}[a-z][A-Z]")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,60}>|\[[\d;]{1,8}m")
_TAG_IN_WORD = re.compile(r"(?:>|\[[\d;]{1,8}m)\w{1,2}(?:</?[A-Za-z]|\[\d)")
_FEWEST_TAGS = 8
_TOKEN = re.compile(r"\S+")
_IN_TOKEN = re.compile(r"\S")
_LEET_WORD = re.compile(
    r"(?=[^0134578@$|!]*[0134578@$|!])(?=\S{3,24}\Z)(?=\S*[^\W\d_])\S*(?:[0134578@$|]|!(?=\w))\S*"
)
# A line that may be such a word.
_LEET_LINE = re.compile(r"^(?=.{3,24}$)[^0134578@$|!\n]*[0134578@$|!].*$", re.MULTILINE)
_LONGEST_LEET = 24
_LEET_SHARE = 0.3
_SMALL, _CAPITAL = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
_BY_THIRTEEN = bytes.maketrans(_SMALL + _CAPITAL, _SMALL[13:] + _SMALL[:13] + _CAPITAL[13:] + _CAPITAL[:13])
_LITERAL = re.compile(r"""(["'`])([^"'`\n]{1,64})\1""")
_LITERAL_IN_CODE = re.compile(r"""[=+(\[]\s?["'`][^"'`\n]{1,64}["'`]""")
_LETTERS = re.compile(r"[a-z]")

# How far from a change a reading is read anew: the longest sentence, whole.
_REACH = 160

# Gives another reading of a text; None where it shows no sign of the disguise.
_Reader = Callable[[str], AlignedText | None]


@dataclass(frozen=True, eq=False)
class _LeetAlphabet:
    """Signs that stand for letters.

    Attributes
    ----------
    letters
        A table for `bytes.translate`.
    signs
        Finds a character that this alphabet is tried for.
    own
        (129,), which characters of ASCII these are; the last entry stands for all others.
    """

    letters: bytes
    signs: re.Pattern[str]
    own: NDArray[np.bool_]

    @classmethod
    def of(cls, signs: bytes, letters: bytes, tried_for: re.Pattern[str]) -> "_LeetAlphabet":
        own = [point < 128 and bool(tried_for.match(chr(point))) for point in range(129)]
        return cls(bytes.maketrans(signs, letters), tried_for, np.array(own))


@dataclass(frozen=True)
class Reading:
    """One reading of a text.

    Attributes
    ----------
    way
        How it was read: the name of every step.
    fresh
        Half-open stretches of it that stand in no reading before it.
    """

    way: tuple[str, ...]
    canonical: AlignedText
    fresh: tuple[tuple[int, int], ...] = ()

    @property
    def name(self) -> str:
        """The last step."""
        return self.way[-1]

    @property
    def plain(self) -> bool:
        """Whether it is the text as it stands."""
        return len(self.way) == 1

    @property
    def speculative(self) -> bool:
        """Whether the reading is mostly nonsense, and so must show sense itself."""
        return self.name in _SPECULATIVE


@dataclass(frozen=True)
class _Parted:
    """A reading in parts that are read one by one."""

    reading: Reading
    parts: tuple[str, ...]

    @cached_property
    def parts_with_fresh(self) -> list[bool]:
        """Which parts hold some of what stands in no reading before."""
        starts, ends = np.array(self.reading.fresh, np.int64).reshape(-1, 2).T
        edges = np.cumsum([0, *map(len, self.parts)])
        return (ends.searchsorted(edges[:-1], "right") < starts.searchsorted(edges[1:])).tolist()

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


@dataclass(frozen=True)
class Readings:
    """All readings of a text.

    Attributes
    ----------
    complete
        False where the bound stopped the search for more.
    unreadable
        Half-open stretches of the text that are no language in any reading, and long enough to hold a question.
    """

    found: tuple[Reading, ...]
    complete: bool
    unreadable: tuple[tuple[int, int], ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """The disguises that were taken off."""
        return frozenset(name for reading in self.found for name in reading.way[1:])


def find_readings(
    text: str,
    lexicon: Lexicon | None = None,
    *,
    maximum_readings: int = 32,
    maximum_depth: int = 2,
    kinds: Set[str] | None = None,
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
        The disguises to look for, as `Readings.kinds` has them; None for all.
    """
    search = _Search(lexicon, kinds)
    canonical = _canonical(text)
    plain = _Parted(Reading(("plain",), canonical, ((0, len(canonical.text)),)), split_parts(canonical.text))
    readings, known, spent = [plain], set(plain.parts), 1.0
    if search.looks_for(_OTHER_SIGNS) and (other := search.in_other_signs(text, known)) is not None:
        readings.append(other)
        known.update(other.parts)
    frontier = list(readings)
    for _ in range(maximum_depth):
        found: list[_Parted] = []
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
    innermost = [each for each in frontier if _ENCODINGS.keys() >= set(each.reading.way[1:])]
    encodings = [name for name in search.names if name in _ENCODINGS]
    hidden = any(True for each in innermost for _ in search.further_readings(each, encodings, known))
    return Readings(tuple(each.reading for each in readings), not hidden, search.unreadable(text, readings))


def _canonical(text: str) -> AlignedText:
    """The text as it is read, what stands in invisible characters written out."""
    revealed = reveal(text)
    if revealed is None:
        return canonicalise(text)
    canonical = canonicalise(revealed.text)
    return AlignedText(canonical.text, canonical.replacements, revealed)


def _fresh(parts: Iterable[str], known: Set[str]) -> tuple[tuple[int, int], ...]:
    """Stretches of parts that are not known, neighbours joined."""
    stretches: list[tuple[int, int]] = []
    place = 0
    for part in parts:
        end = place + len(part)
        if part not in known and not part.isspace():
            start = stretches.pop()[0] if stretches and stretches[-1][1] == place else place
            stretches.append((start, end))
        place = end
    return tuple(stretches)


def _reads(reading: Reading, parent: Reading, start: int, end: int) -> bool:
    """Whether a reading replaced most of a stretch of its parent by something else."""
    changes = reading.canonical.replacements
    if reading.way[:-1] != parent.way or changes is None or changes.backwards or reading.name in _SLIGHT:
        return False
    first, last = changes.ends.searchsorted(start, "right"), changes.starts.searchsorted(end)
    covered = np.minimum(changes.ends[first:last], end) - np.maximum(changes.starts[first:last], start)
    return 2 * int(covered.sum()) >= end - start


def _near_changes(
    fresh: tuple[tuple[int, int], ...], made: AlignedText, parent: Reading, *, told: bool
) -> tuple[tuple[int, int], ...]:
    """What of a reading's fresh stretches may say something new: what stands near a change, and near one of its parent.

    Parameters
    ----------
    told
        Whether what the parent left alone was read in this way before.
    """
    changes, before = made.replacements, parent.canonical.replacements
    if changes is not None and not changes.backwards:
        fresh = _near(fresh, changes.new_starts, changes.new_ends)
    if not told or before is None or before.backwards:
        return fresh
    starts, ends = before.new_starts, before.new_ends
    if changes is None:
        return _near(fresh, starts, ends)
    if changes.backwards:
        return _near(fresh, changes.source_length - ends[::-1], changes.source_length - starts[::-1])
    return _near(fresh, changes.carried(starts), changes.carried(ends))


def _near(
    stretches: tuple[tuple[int, int], ...], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[tuple[int, int], ...]:
    """What of these stretches stands near some changes, whose starts and ends ascend; the rest says what it said before."""
    near: list[tuple[int, int]] = []
    for start, end in stretches:
        first, last = ends.searchsorted(start), starts.searchsorted(end, "right")
        begins = np.maximum(starts[first:last] - _REACH, start)
        finishes = np.minimum(ends[first:last] + _REACH, end)
        apart = np.flatnonzero(begins[1:] > finishes[:-1]) + 1
        near += zip(
            begins[np.concatenate([[0], apart])].tolist() if len(begins) else (),
            finishes[np.concatenate([apart - 1, [-1]])].tolist() if len(begins) else (),
            strict=True,
        )
    return tuple((start, end) for start, end in near if start < end)


class _Search:
    """The readers of one text, and what each made of every part so far: most parts stand in several readings."""

    def __init__(self, lexicon: Lexicon | None, kinds: Set[str] | None) -> None:
        self._lexicon = lexicon
        self._kinds = kinds
        self._known: dict[tuple[str, str], AlignedText | None] = {}
        self._sense: dict[tuple[str, str], list[tuple[int, int]]] = {}
        # What was read in the plain text.
        self._read_plainly: set[str] = set()
        # What stays no language, by part.
        self._left: dict[str, tuple[tuple[int, int], ...]] = {}
        self._coded_words: dict[str, list[tuple[int, int]]] = {}
        self._disguised: dict[str, NDArray[np.bool_]] = {}
        self._readers: dict[str, _Reader] = {
            **_ENCODINGS,
            **_SPELLINGS,
            "spaced": _read_spaced,
        }
        self.names = (*self._readers, *_LEET_ALPHABETS, "literals", *_TURNS)
        if lexicon is not None:
            self._readers |= {
                "unscrambled": self._unscramble,
                "unjoined": lexicon.unjoin,
                "respelled": lexicon.respell,
            }
            self.names += ("unscrambled", "unjoined", "respelled")
        self.names = tuple(filter(self.looks_for, self.names))

    def looks_for(self, name: str) -> bool:
        """Whether a kind of disguise is to be taken off."""
        return self._kinds is None or name in self._kinds

    def in_other_signs(self, text: str, known: Set[str]) -> _Parted | None:
        """Letters of other scripts as Latin ones; of the original, since what looks like Latin is read as that elsewhere."""
        made = None if self._lexicon is None else self._lexicon.unscrambler.scripts.read(text)
        if made is None:
            return None
        canonical = canonicalise(made.text)
        parts = split_parts(canonical.text)
        canonical = AlignedText(canonical.text, canonical.replacements, made)
        return _Parted(Reading(("plain", _OTHER_SIGNS), canonical, _fresh(parts, known)), parts)

    def further_readings(self, parent: _Parted, names: Iterable[str], known: Set[str]) -> Iterator[_Parted]:
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
            fresh = _near_changes(_fresh(parts, known), made, parent.reading, told=told)
            if result.places is not None:
                fresh = _near(fresh, *result.places.T)
            if fresh:
                if parent.reading.plain:
                    self._read_plainly.add(name)
                canonical = AlignedText(made.text, made.replacements, parent.reading.canonical)
                yield _Parted(Reading((*parent.reading.way, name), canonical, fresh), parts)

    def _read(self, name: str, parent: _Parted) -> _Made | None:
        text, parts = parent.reading.canonical.text, parent.parts
        if name in _TURNS:
            return self._turned(name, text, parts)
        if name == "escapes":
            return self._unescaped(text, parts)
        if name == "literals":
            literals = _read_literals(text)
            return literals and _Made(literals, split_parts(literals.text))
        if name in _LEET_ALPHABETS:
            return self._spelled_out(name, parts)
        # Where nothing is new, nothing is either that could be read in it.
        made = [
            self._part(name, part, self._readers[name]) if fresh else None
            for part, fresh in zip(parts, parent.parts_with_fresh, strict=True)
        ]
        if name == "base64" and not any(made) and "\n" in text and not any(map(BASE64.search, parts)):
            unwrapped = _WRAPPED.sub("", text)
            whole = read_base64(unwrapped)
            return whole and _Made(whole, split_parts(whole.text))
        return _put_together(made, parts)

    def unreadable(self, text: str, readings: Sequence[_Parted]) -> tuple[tuple[int, int], ...]:
        """Stretches of the original that stay no language: of the plain reading, and of what was decoded in it."""
        found = unread(text)
        for parted in readings:
            if set(parted.reading.way[1:]) <= _ENCODINGS.keys():
                found += self._unread_in(parted, readings)
        return tuple(sorted(set(found)))

    def _unread_in(self, parted: _Parted, readings: Sequence[_Parted]) -> Iterator[tuple[int, int]]:
        canonical, place = parted.reading.canonical, 0
        for part in parted.parts:
            left = self._left.get(part, ())
            for start, end in (*nonsense(part, left, _STATISTICS), *self._coded(part)):
                fresh = any(
                    first < place + end and place + start < last for first, last in parted.reading.fresh
                )
                span = canonical.original_span(place + start, place + end)
                if fresh and not any(
                    _reads(each.reading, parted.reading, place + start, place + end) for each in readings
                ):
                    yield span
            place += len(part)

    def _coded(self, part: str) -> list[tuple[int, int]]:
        if part not in self._coded_words:
            self._coded_words[part] = coded_words(part, _STATISTICS)
        return self._coded_words[part]

    def _unscramble(self, part: str) -> AlignedText | None:
        assert self._lexicon is not None
        found = self._lexicon.unscrambler.read(part)
        self._left[part] = found.left
        return found.read

    def _part(self, name: str, part: str, read: _Reader) -> AlignedText | None:
        key = name, part
        if key not in self._known:
            self._known[key] = read(part)
        return self._known[key]

    def _turned(self, name: str, text: str, parts: tuple[str, ...]) -> _Made | None:
        if not any(map(_LETTERS.search, parts)):
            return None
        places = self._places_of_sense(name, parts)
        if not len(places):
            return None
        if name == "rot13":
            turned = tuple(map(_by_thirteen, parts))
            return _Made(AlignedText("".join(turned)), turned, places)
        backwards = AlignedText(_backwards(text), Replacements.reverse(len(text)))
        return _Made(backwards, tuple(map(_backwards, reversed(parts))), len(text) - places[::-1, ::-1])

    def _places_of_sense(self, name: str, parts: tuple[str, ...]) -> NDArray[np.int64]:
        """Where turned letters may say something, half-open stretches of a text given in parts, (n, 2)."""
        if self._lexicon is None:
            return np.array([(0, sum(map(len, parts)))], np.int64)
        found: list[tuple[int, int]] = []
        place = 0
        for part in parts:
            key = name, part
            if key not in self._sense:
                self._sense[key] = self._lexicon.places_of_sense(part, _TURNS[name])
            found += ((start + place, end + place) for start, end in self._sense[key])
            place += len(part)
        return np.array(found, np.int64).reshape(-1, 2)

    def _unescaped(self, text: str, parts: tuple[str, ...]) -> _Made | None:
        # Where one escape stands whole, those without an end are read too, in whichever part.
        if not any(_ESCAPE_SIGN.search(part) and _ESCAPES.search(part) for part in parts):
            return None
        made = [self._part("escapes", part, _read_escapes) for part in parts]
        if not any(made):
            return None
        plain = [part if each is None else each.text for each, part in zip(made, parts, strict=True)]
        canonical = canonicalise("".join(plain)).text
        traced = [
            each and self._part("words", part, _read_escaped_words)
            for each, part in zip(made, parts, strict=True)
        ]
        read = [part if each is None else each.text for each, part in zip(traced, parts, strict=True)]
        if "".join(read) == canonical:
            return _put_together(traced, parts)
        # What is read as a lookalike goes by the whole text; mostly the parts come to the same, and stay parts.
        parts = whole_parts(canonicalise(part).text for part in plain)
        if "".join(parts) != canonical:
            parts = split_parts(canonical)
        whole = Replacements.of([0], [len(text)], [len(canonical)], len(text))
        return _Made(AlignedText(canonical, whole), parts)

    def _disguised_words(self, part: str) -> NDArray[np.bool_]:
        """Which words of a part have signs for letters, (words,)."""
        if part not in self._disguised:
            words = part.split()
            lines = _LEET_LINE.findall("\n".join(set(words)))
            disguised = set(filter(_LEET_WORD.match, lines))
            self._disguised[part] = np.fromiter(map(disguised.__contains__, words), bool, len(words))
        return self._disguised[part]

    def _spelled_out(self, name: str, parts: tuple[str, ...]) -> _Made | None:
        alphabet = _LEET_ALPHABETS[name]
        if not any(map(alphabet.signs.search, parts)):
            return None
        chosen = list(map(self._disguised_words, parts))
        # Amid many such words, digits alone are words too ("15 7h3 0wl").
        throughout = sum(map(np.count_nonzero, chosen)) >= _LEET_SHARE * sum(map(len, chosen))
        made = [
            _spelled_out(part, alphabet, None if throughout else words)
            for part, words in zip(parts, chosen, strict=True)
        ]
        return _put_together(made, parts)


def _put_together(made: Sequence[AlignedText | None], parts: Sequence[str]) -> _Made | None:
    """The readings of parts as one; None where there are none."""
    if not any(made):
        return None
    read = [AlignedText(part) if each is None else each for each, part in zip(made, parts, strict=True)]
    return _Made(joined(read, list(map(len, parts))), whole_parts(each.text for each in read))


def _read_escapes(text: str) -> AlignedText | None:
    """The text unescaped, its characters not traced."""
    plain = _unescape(text) if _ESCAPE_SIGN.search(text) else text
    return AlignedText(plain) if plain != text else None


def _read_escaped_words(text: str) -> AlignedText | None:
    """The text with each word unescaped and spelled as canonical text is, its characters traced."""
    escaped = [word for word in set(text.split()) if _ESCAPE_SIGN.search(word)]
    readings = {word: canonicalise(read).text for word in escaped if (read := _unescape(word)) != word}
    return substitute_words(_TOKEN, _IN_TOKEN, text, readings)


def _unescape(text: str) -> str:
    return urllib.parse.unquote(
        html.unescape(_UNICODE_ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), text))
    )


def _read_spaced(text: str) -> AlignedText | None:
    def close(run: str) -> str:
        # Where marks part the letters, a space parts the words.
        marked = 2 * sum(not (character.isalnum() or character.isspace()) for character in run) > len(run) / 2
        words = (_PUNCTUATED_WORD_GAP if marked else _WORD_GAP).split(run)
        closed = " ".join(re.sub(r"[\W_]", "", word) for word in words)
        # A question's own mark is lost among those that part the letters.
        return f"{closed}?" if len(words) >= _QUESTION_WORDS and not run.endswith(("?", ".", "!")) else closed

    return substitute(_SPACED, text, close) if _SPACED_SIGN.search(text) else None


def _read_marked_up(text: str) -> AlignedText | None:
    """The text without the tags, or the colours of a terminal, that part its letters from one another."""
    if len(_TAG_IN_WORD.findall(text)) < _FEWEST_TAGS:
        return None
    return substitute(_TAG, text, lambda tag: "")


def _read_drawn(text: str) -> AlignedText | None:
    """The text with letters that are drawn by several marks each, as in heavy leetspeak, the digits for the others too."""
    if len(_DRAWN.findall(text)) < _FEWEST_DRAWN:
        return None

    def read(word: str) -> str | None:
        if _OF_DRAWN.search(word) is None:
            return None
        return _translated(_ANY_DRAWN.sub(lambda mark: _DRAWINGS[mark[0]], word), _DRAWN_DIGITS)

    return substitute(_DRAWN_WORD, text, read)


def _read_steps(text: str) -> AlignedText | None:
    """The text with words parted that marks hold together in the place of spaces, in capitals and small letters by turns."""
    return (
        substitute(_STEPS, text, lambda run: run.replace("_", " ").lower())
        if _STEPS_GATE.search(text)
        else None
    )


def _spelled_out(text: str, alphabet: _LeetAlphabet, chosen: NDArray[np.bool_] | None) -> AlignedText | None:
    """Some words of a text, or all but the longest, with their signs read as letters, one letter for each.

    What is said to be replaced are the words with the alphabet's own signs; the others were read so before.
    """
    starts, ends = word_bounds(text)
    places = (ends - starts <= _LONGEST_LEET) if chosen is None else chosen
    starts, ends = starts[places], ends[places]
    if not len(starts):
        return None
    edges = np.zeros(len(text) + 1, np.int8)
    edges[starts] = 1
    edges[ends] = -1
    inside = edges[:-1].cumsum(dtype=np.int8).view(bool)
    points = points_of(text)
    read = text_of(np.where(inside, points_of(_translated(text, alphabet.letters)), points))
    so_far = np.concatenate([[0], alphabet.own.take(points, mode="clip").cumsum()])
    told = so_far[ends] > so_far[starts]
    starts, ends = starts[told], ends[told]
    return AlignedText(read, Replacements.of(starts, ends, ends - starts, len(text)))


def _read_literals(text: str) -> AlignedText | None:
    """Join the quoted pieces that code would join."""
    if not _LITERAL_IN_CODE.search(text):
        return None
    # What stands between the pieces, a quotation mark, and a piece, in turns.
    found = _LITERAL.split(text)
    pieces = found[2::3]
    if len(pieces) < 2:
        return None
    lengths = np.fromiter(map(len, found), np.int64)
    # A piece stands between two marks.
    ends = lengths.cumsum()[2::3] + np.arange(len(pieces))
    starts = ends - lengths[2::3]
    # What stands between the pieces is dropped.
    dropped = np.concatenate([[0], ends]), np.concatenate([starts, [len(text)]])
    return AlignedText("".join(pieces), Replacements.of(*dropped, np.zeros(len(pieces) + 1), len(text)))


def _by_thirteen(text: str) -> str:
    return _translated(text, _BY_THIRTEEN)


def _translated(text: str, table: bytes) -> str:
    """The text with other characters for some of ASCII; on bytes, since `str.translate` is slow where not all is ASCII."""
    return bytes_of(text).translate(table).decode("utf-8", "surrogatepass")


def _backwards(text: str) -> str:
    return text[::-1]


# Their results show sense themselves, or are left alone.
_STATISTICS = LetterStatistics.load()
_NUMBER_CODES, _ALPHABETS = NumberCodes(_STATISTICS), Alphabets(_STATISTICS)
_CODES: dict[str, _Reader] = {
    "base64": read_base64,
    "hex": read_hex,
    "numbers": _NUMBER_CODES.read_lists,
    "digits": _NUMBER_CODES.read_digits,
    "signs": _ALPHABETS.read_signs,
    "numbered letters": _ALPHABETS.read_numbers,
    "spoken letters": _ALPHABETS.read_spoken,
}
# Letters spelled in some way, of which none stands within another.
_SPELLINGS: dict[str, _Reader] = {
    "paired letters": _ALPHABETS.read_pairs,
    "initials": _ALPHABETS.read_initials,
    "markup": _read_marked_up,
    "shifted signs": _ALPHABETS.read_shifted,
    "told signs": _ALPHABETS.read_table,
    "drawn letters": _read_drawn,
    "steps": _read_steps,
}
_ENCODINGS: dict[str, _Reader] = {"escapes": _read_escapes, **_CODES}
_LEET_ALPHABETS = {
    "leet": _LeetAlphabet.of(b"013457@$!|+8", b"oieastasiltb", re.compile(r"[0-9@$|!+]")),
    # What the first alphabet reads otherwise.
    "leet, 1 as l": _LeetAlphabet.of(b"013457@$!|+8", b"oleastaslltb", re.compile(r"[1!]")),
}
_TURNS: dict[str, Callable[[str], str]] = {"rot13": _by_thirteen, "reversed": _backwards}
_SPECULATIVE = _TURNS.keys()
# What these make of nonsense is nonsense still.
_SLIGHT = {"unjoined", "respelled", "literals"}
_OTHER_SIGNS = "other signs"
# Those that change words where they stand, whatever the rest of the text is.
_LOCAL = {*_CODES, *_SPELLINGS, *_TURNS, "spaced", "unscrambled", "unjoined", "respelled"}
# What is looked for in a reading; everything in the plain one and in what was decoded. Letters are turned where a single word
# makes sense for it, so only codes are looked for in what results.
_FOLLOWED_BY: Mapping[str, Set[str]] = {
    "unscrambled": {"unjoined", "respelled"},
    "unjoined": {"respelled"},
    "respelled": set(),
    "leet": set(),
    "leet, 1 as l": set(),
    **dict.fromkeys(_SPECULATIVE, _CODES.keys()),
    **dict.fromkeys(_SPELLINGS, frozenset({"unscrambled", "unjoined", "respelled"})),
}

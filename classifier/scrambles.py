"""Letters replaced by other letters or moved from their places: read back where only one way of it gives language.

Each kind is tried whole: every map a·x + b of the alphabet and the neighbours on keyboards, not ROT13; every number of
rails or columns; every rotation of a word. What is tried at all is what is unlike language by its letters.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.aligned_text import AlignedText, replaced
from lethe.classifier.letter_statistics import LETTERS, LetterStatistics, kinds_of

# Bits a letter. A stretch below the first may be scrambled; one above the last is language, and what is read must be, and be
# this much better than what stands there.
UNLIKE = -4.3
_REPLACED = -4.9
_WHOLE_UNLIKE = -3.9
_LANGUAGE = -4.6
_GAIN = 1.1
# Of letters, how many may be in known words for a stretch to be scrambled, and must be for words that were read back.
_MOST_KNOWN, _LEAST_KNOWN, _SURELY_KNOWN = 0.5, 0.6, 0.75
# Bits a letter alone: moved letters are as frequent as they were.
_MOVED = -4.75
_LEAST_KNOWN_REPLACED = 0.4
# Names in code are made of words; a stretch with more of them is code.
_PARTS, _MOST_KNOWN_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+"), 0.3
_FEWEST_LETTERS = 12
# Unknown words in a row, shorter ones between them left out, that may be scrambled.
_WORDS_TOGETHER = 4
_WORDS_ALONE = bytes(point if point < 128 and chr(point).isalnum() else 32 for point in range(256))
_SHARE_OF_LETTERS = 0.8
_NO_LETTER = re.compile(r"[\W\d_]+")
_OF_CODE = re.compile(r"[_(){}\[\]=<>/\\|@#$%^&*+~]")
# Characters of text for each of these.
_CODE_APART = 24
_LONGEST = 2000
_MAPS_WEIGHED = 12
_MOST_RAILS = 9
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_EDGE = 48
_TOKEN = re.compile(r"\S+")
_LINE = re.compile(r"[^\n]*")
_AFTER_LABEL = re.compile(r"(?<=: )\S.*")
_QUOTED = re.compile(r"(?<=[\"“])[^\"“”\n]+(?=[\"”])|(?<=')[^'\n]+(?='(?!\w))|(?<=`)[^`\n]+(?=`)")
_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_OTHER_KEYBOARDS = ("pyfgcrlaoeuidhtnsqjkxbmwvz", "qwfpgjluyarstdhneiozxcvbkm", "azertyuiopqsdfghjklmwxcvbn")
_VOWELS = frozenset("aeiou")
_CONSONANTS = r"['\"]?[B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z0-9']+"
_VOWELLESS = re.compile(rf"(?<![\w']){_CONSONANTS}(?:[ ,\n]+{_CONSONANTS}){{3,}}(?!\w)")


@dataclass(frozen=True)
class Unscrambled:
    """A text with what was scrambled read, None where nothing was, and the half-open stretches that stay no language."""

    read: AlignedText | None
    left: tuple[tuple[int, int], ...]


class Unscrambler:
    """Reads scrambled stretches of texts. Safe to share between threads.

    Parameters
    ----------
    costs
        Known words in small letters; the smaller the cost, the more frequent.
    unknown_words
        Gives the runs of letters and digits of a text that are no known words, as they are written.
    """

    def __init__(
        self,
        statistics: LetterStatistics,
        costs: Mapping[str, float],
        unknown_words: Callable[[str], Collection[str]],
    ) -> None:
        self.statistics = statistics
        self._costs = costs
        self._unknown_words = unknown_words

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
        if not text.isascii():
            found = sorted([*found, *self._of_other_scripts(text)])
        return Unscrambled(replaced(text, found), tuple(left))

    def _of_other_scripts(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Stretches in letters of another script, or in Braille, that spell words of the Latin one."""
        for pattern, tables in _SCRIPTS:
            for match in pattern.finditer(text):
                # A page of Greek is Greek from its beginning on.
                readings = [match[0].translate(table) for table in tables]
                if any(self._known(read[:_FIRST_OF_SCRIPT]) >= _LEAST_KNOWN for read in readings):
                    yield (*match.span(), f" {max(readings, key=self._known)} ")

    def _stretches(self, text: str) -> Iterator[tuple[int, int]]:
        """Half-open stretches that are unlike language, from a word's beginning to a word's end, known words at their edges left out."""
        for first, last in _merged([*self.statistics.unlike(text, UNLIKE), *self._unknown(text)]):
            # The cheap tests first: what stands in the blocks is nearly what stands in the stretch.
            if not _is_written(text[first:last]) or self._known(text[first:last], 4) > _MOST_KNOWN:
                continue
            start, end = self._between_known_words(text, *_whole_words(text, first, last))
            stretch = text[start:end]
            if (
                _is_written(stretch)
                and self._known(stretch, 4) <= _MOST_KNOWN
                and self.statistics.of_text(stretch) < _WHOLE_UNLIKE
            ):
                yield start, end

    def _unknown(self, text: str) -> list[tuple[int, int]]:
        """Half-open stretches in which nearly every longer word is unknown, whatever its letters are like."""
        if not text.isascii() and 2 * np.count_nonzero(kinds_of(text)) < len(text):
            return []
        if len(unknown_words := self._unknown_words(text)) < _WORDS_TOGETHER:
            return []
        spaced = (text.encode() if text.isascii() else text.encode("latin-1", "replace")).translate(
            _WORDS_ALONE
        )
        words = spaced.decode().split()
        # Short words are known by accident in some language.
        long = [place for place, word in enumerate(words) if len(word) > 3]
        unknown = [words[place] in unknown_words for place in long]
        if sum(unknown) < _WORDS_TOGETHER:
            return []
        counted = np.convolve(unknown, np.ones(_WORDS_TOGETHER, np.int8), "valid")
        (places,) = (counted >= _WORDS_TOGETHER).nonzero()
        if not len(places):
            return []
        kinds = np.frombuffer(spaced, np.uint8) != 32
        edges = np.diff(np.concatenate([[False], kinds, [False]]).view(np.int8))
        starts, ends = (edges == 1).nonzero()[0], (edges == -1).nonzero()[0]
        chosen = np.array(long)
        return list(
            zip(
                starts[chosen[places]].tolist(),
                ends[chosen[places + _WORDS_TOGETHER - 1]].tolist(),
                strict=True,
            )
        )

    def _read_near(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        if end - start > _LONGEST:
            end = start + _LONGEST
        stretch = text[start:end]
        bits = self.statistics.of_text(stretch)
        read = self._with_vowels(stretch) or self._by_words(stretch)
        read = (
            read
            or self._thinned(stretch, bits)
            or (self._replaced(stretch, bits) if bits < _REPLACED else None)
        )
        if read is None and bits > UNLIKE:
            return None
        if read is not None:
            return start, end, f" {read} "
        return self._moved(text, start, end)

    def _known(self, text: str, shortest: int = 3) -> float:
        """The share of letters that stand in known words, of those that stand in words so long or longer."""
        words = [word for word in _WORD.findall(text.lower()) if len(word) >= shortest]
        return sum(len(word) for word in words if self._cost(word) < np.inf) / max(sum(map(len, words)), 1)

    def _between_known_words(self, text: str, start: int, end: int) -> tuple[int, int]:
        """The stretch without known words at its edges, or with the unknown ones around it."""
        reach = max(start - _EDGE, 0), end + _EDGE
        tokens = [(m.start(), m.end()) for m in _TOKEN.finditer(text, *reach) if m.start() >= reach[0]]
        known = [self._is_known(text[slice(*token)]) for token in tokens]
        inside = [n for n, token in enumerate(tokens) if token[1] > start and token[0] < end]
        odd = [n for n in inside if known[n] is False]
        if not odd:
            return start, start
        first, last = odd[0], odd[-1]
        # Short words go with what stands beside them.
        while first > 0 and not known[first - 1] and not _ends(text[tokens[first - 1][0] : tokens[first][0]]):
            first -= 1
        while (
            last + 1 < len(tokens)
            and not known[last + 1]
            and not _ends(text[tokens[last][0] : tokens[last + 1][0]])
        ):
            last += 1
        return tokens[first][0], tokens[last][1]

    def _is_known(self, token: str) -> bool | None:
        """Whether a token's words are known; None where they are too short to tell."""
        words = [word for word in _WORD.findall(token.lower()) if len(word) > 2]
        return all(self._cost(word) < np.inf for word in words) if words else None

    def _cost(self, word: str) -> float:
        return self._costs.get(word.partition("'")[0], np.inf)

    def _replaced(self, stretch: str, bits: float) -> str | None:
        """The best of the maps of the alphabet, if that is language."""
        kinds = kinds_of(stretch)
        shares = np.bincount(kinds, minlength=27)[1:].astype(np.float32)
        # What each map makes of the letters, weighed by how frequent these are in language.
        weighed = self.statistics.letters[_MAPS - 1] @ shares
        best = np.argpartition(-weighed, _MAPS_WEIGHED)[:_MAPS_WEIGHED]
        maps = np.concatenate([np.zeros((len(best), 1), np.uint8), _MAPS[best]], axis=1)
        likeness = self.statistics.likeness(maps[:, kinds])
        chosen = int(likeness.argmax())
        if likeness[chosen] < max(_LANGUAGE, bits + _GAIN):
            return None
        letters = "".join(LETTERS[kind - 1] for kind in _MAPS[best[chosen]])
        read = stretch.translate(str.maketrans(LETTERS + LETTERS.upper(), letters + letters.upper()))
        return read if self._known(read) >= _LEAST_KNOWN_REPLACED else None

    def _by_words(self, stretch: str) -> str | None:
        """Every word read back by itself, where a known one comes out for most."""
        words = {word.lower() for word in _WORD.findall(stretch)}
        if len(words) < 3:
            return None
        for endings in self._endings(words):
            readings = {word: self._read_back(word, endings) for word in words}
            read = _reworded(stretch, readings)
            if self._known(read) >= _LEAST_KNOWN:
                return read
        return None

    def _endings(self, words: set[str]) -> Iterator[tuple[str, ...]]:
        """Endings that may have been added to all words: none, or such as most share."""
        yield ("",)
        long = [word for word in words if len(word) > 2]
        for length in (2, 3):
            ending, count = Counter(word[-length:] for word in long).most_common(1)[0] if long else ("", 0)
            if count >= 0.6 * len(long) and count > 2:
                yield ending, f"w{ending}", f"y{ending}", f"h{ending}"

    def _read_back(self, word: str, endings: Iterable[str]) -> str:
        bare = [word.removesuffix(ending) for ending in endings if word.endswith(ending)] or [word]
        ways = [way for each in bare for way in _ways(each)]
        return min(ways, key=self._cost)

    def _thinned(self, stretch: str, bits: float) -> str | None:
        """What is left without letters that were added: repeats of each, or a filler that stands again and again."""
        for read in _without_repeats(stretch), *_without_fillers(stretch), *_without_echoes(stretch):
            if read is None or self._known(read) < _LEAST_KNOWN:
                continue
            # The surer the words, the less the letters need to say.
            gain = _GAIN / 10 if self._known(read) >= _SURELY_KNOWN else _GAIN / 2
            if self.statistics.of_text(read) >= max(_LANGUAGE, bits + gain):
                return read
        return None

    def _with_vowels(self, stretch: str) -> str | None:
        """Words in a row that have no vowels, read as the most frequent ones with these consonants."""
        read = replaced(
            stretch,
            [
                (m.start(), m.end(), back)
                for m in _VOWELLESS.finditer(stretch)
                if (back := self._vowelled(m[0]))
            ],
        )
        return read and read.text

    def _vowelled(self, run: str) -> str | None:
        words = _WORD.findall(run)
        readings = {word: self._by_consonants.get(word.lower().partition("'")[0]) for word in words}
        if sum(len(word) for word in words if readings[word]) < _LEAST_KNOWN * sum(map(len, words)):
            return None
        return _WORD.sub(lambda m: _like(readings[m[0]] or m[0], m[0]), run)

    @cached_property
    def _by_consonants(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for word, cost in self._costs.items():
            bare = "".join(letter for letter in word if letter not in _VOWELS)
            if bare and (bare not in found or cost < self._costs[found[bare]]):
                found[bare] = word
        return found

    def _moved(self, text: str, start: int, end: int) -> tuple[int, int, str] | None:
        """The stretch, or the line, quotation or what follows a label around it, with its characters in another order."""
        for first, last in _frames(text, start, end):
            stretch = text[first:last]
            if not _FEWEST_LETTERS <= len(stretch) <= _LONGEST:
                continue
            if self.statistics.letters_alone(stretch) < _MOVED:
                continue
            orders = _orders(len(stretch))
            likeness = self.statistics.likeness(kinds_of(stretch)[orders])
            best = int(likeness.argmax())
            if likeness[best] < max(_LANGUAGE, self.statistics.of_text(stretch) + _GAIN / 2):
                continue
            read = "".join(stretch[place] for place in orders[best].tolist())
            if self._known(read) >= _LEAST_KNOWN:
                return first, last, f" {read} "
        return None


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


_GREEK = str.maketrans("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ", "abgdezhtiklmnxoprstufxpwsaehiouw")
_CYRILLIC_SPELLED = "a b v g d e e zh z i y k l m n o p r s t u f h c ch sh sh y e yu ya"
_CYRILLIC = str.maketrans(
    dict(
        zip(
            "абвгдеёжзийклмнопрстуфхцчшщыэюя",
            _CYRILLIC_SPELLED.split(),
            strict=True,
        )
    )
)
_BRAILLE = str.maketrans("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀", LETTERS[:21] + "vwxyz ")
# By script: where it stands, and what its letters may pass for.
_SCRIPTS = (
    (re.compile(r"[\u2801-\u283f](?:[\u2800-\u283f]|[ ,.?!'\n](?=[\u2800-\u283f])){5,}"), (_BRAILLE,)),
    (
        re.compile(r"(?i)[α-ωά-ώ](?:[α-ωά-ώ]|[ ,.?!';:\n](?=[α-ωά-ώ])){11,}"),
        (_GREEK, _GREEK | {ord("υ"): "y", ord("κ"): "c"}, _GREEK | {ord("υ"): "y"}),
    ),
    (
        re.compile(r"(?i)[а-яё](?:[а-яё]|[ ,.?!';:\n](?=[а-яё])){11,}"),
        (_CYRILLIC, _CYRILLIC | {ord("х"): "x", ord("в"): "w"}),
    ),
)
_FIRST_OF_SCRIPT = 400


# (maps, 26), the kind that each letter stands for.
_MAPS: NDArray[np.uint8] = np.array(
    [kinds_of(alphabet) for alphabet in dict.fromkeys(_alphabets()) if alphabet != LETTERS]
)


def _ways(word: str) -> Iterator[str]:
    """A word, backwards, with its pairs swapped, and turned round by a few letters either way."""
    yield word
    yield word[::-1]
    yield "".join(word[place : place + 2][::-1] for place in range(0, len(word), 2))
    for count in range(1, min(len(word), 5)):
        yield word[-count:] + word[:-count]
    for count in range(1, min(len(word), 3)):
        yield word[count:] + word[:count]


@lru_cache(256)
def _orders(length: int) -> NDArray[np.int32]:
    """For texts whose characters were moved, where each of them is now, (orders, length)."""
    return np.array(list(_ways_to_order(length)), np.int32)


def _ways_to_order(length: int) -> Iterator[list[int]]:
    forwards = list(range(length))
    yield forwards[::-1]
    # Blocks of so many backwards, pairs swapped among them, and the halves swapped.
    for count in range(2, _MOST_RAILS):
        yield [place for start in range(0, length, count) for place in forwards[start : start + count][::-1]]
    yield [*forwards[(length + 1) // 2 :], *forwards[: (length + 1) // 2]]
    for count in range(2, _MOST_RAILS):
        cycle = [*range(count), *range(count - 2, 0, -1)]
        rails = _back(sorted(forwards, key=lambda place: cycle[place % len(cycle)]))
        yield from (rails, [length - 1 - place for place in rails])
    for count in range(2, max(3, min(length // 2, 40))):
        by_columns = sorted(forwards, key=lambda place: place % count)
        back = _back(by_columns)
        yield from (by_columns, back, [length - 1 - place for place in back])


def _back(order: list[int]) -> list[int]:
    places = [0] * len(order)
    for new, old in enumerate(order):
        places[old] = new
    return places


def _without_repeats(stretch: str) -> str | None:
    """One letter of every two, three or four that are the same."""
    runs = [len(m[0]) for m in re.finditer(r"([A-Za-z])\1*", stretch)]
    for count in (4, 3, 2):
        if runs and sum(run % count == 0 for run in runs) >= 0.9 * len(runs):
            return re.sub(rf"([^\n])\1{{{count - 1}}}", r"\1", stretch)
    return None


def _without_echoes(stretch: str) -> Iterator[str]:
    """One letter of every two that are the same with a vowel between them."""
    for vowel in sorted(_VOWELS):
        echo = re.compile(rf"([B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]){vowel}\1", re.IGNORECASE)
        if 8 * len(echo.findall(stretch)) >= len(stretch):
            yield echo.sub(r"\1", stretch)


def _without_fillers(stretch: str) -> Iterator[str]:
    """Without the letters, pairs and triples that stand there most often."""
    lowered = stretch.lower()
    for length, most in ((1, 3), (2, 4), (3, 3)):
        counted = Counter(lowered[place : place + length] for place in range(len(lowered) - length + 1))
        frequent = [
            piece
            for piece, count in counted.most_common(most)
            if piece.isalpha() and count * length >= 0.15 * len(stretch)
        ]
        for piece in frequent:
            yield re.sub(re.escape(piece), "", stretch, flags=re.IGNORECASE)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


def _is_written(stretch: str) -> bool:
    """Whether a stretch has the shape of a sentence: letters and spaces, and few other characters, fewer still of code."""
    letters = len(_NO_LETTER.sub("", stretch))
    return (
        letters >= _FEWEST_LETTERS
        and letters + stretch.count(" ") >= _SHARE_OF_LETTERS * len(stretch)
        and len(_OF_CODE.findall(stretch)) * _CODE_APART <= len(stretch)
    )


def _ends(token_and_gap: str) -> bool:
    """Whether something else begins after a token."""
    return "\n" in token_and_gap or token_and_gap.rstrip().endswith(":")


def _frames(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield start, end
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    for pattern in (_LINE, _AFTER_LABEL, _QUOTED):
        for match in pattern.finditer(line):
            first, last = match.start() + line_start, match.end() + line_start
            if first <= start + 12 and last >= end - 12 and (first, last) != (start, end) and last > first:
                yield first, last


def _reworded(stretch: str, readings: Mapping[str, str]) -> str:
    return _WORD.sub(lambda match: _like(readings[match[0].lower()], match[0]), stretch)


def _like(read: str, word: str) -> str:
    return read.capitalize() if word[0].isupper() or word[-1:].isupper() else read

"""Words whose letters were moved within them, or whose vowels were dropped: read word by word as known ones.

What has a known word's letters in any order is read as that word, so it does not matter how they were moved.
"""

import operator
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import compress

import numpy as np

from lethe.classifier.text.aligned_text import replaced
from lethe.classifier.text.points import bytes_of

WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
# Of letters, how many must be in known words that were read back.
LEAST_KNOWN = 0.6
_WITHOUT_VOWELS = dict.fromkeys(map(ord, "aeiou"))
_CONSONANTS = r"['\"]?[B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z0-9']+"
_VOWELLESS = re.compile(rf"(?<![\w']){_CONSONANTS}(?:[ ,\n]+{_CONSONANTS}){{3,}}(?!\w)")
FEWEST_WORDS = 3
# Words about which is remembered what was found, and how long they may be.
_WORDS_REMEMBERED, _LONGEST_REMEMBERED = 1 << 15, 64
_DIGIT_IN_WORD = re.compile(r"[a-z][0-5](?![\dA-F])|[0-5][a-z]")
# The pattern is slow, and seldom finds anything.
_LETTERS_AND_DIGITS = bytes(
    ord("a") if chr(point) in string.ascii_lowercase else ord("0") if chr(point) in "012345" else ord(" ")
    for point in range(256)
)
_BESIDE_EACH_OTHER = (b"a0", b"0a")
# Shorter words have the letters of others by accident.
_TELLING = 4
_TOKEN = re.compile(r"[^\s\-–—/]+")
_LETTERS_IN_TOKEN = re.compile(r"[^A-Za-z]+")
_LETTERS = re.compile(r"[A-Za-z]+")
_MARK_WITHIN = re.compile(r"(?<!\S)[A-Za-z]+[.,;:?!]+[A-Za-z]+(?!\S)")
_MARK_BEFORE = re.compile(r"(?<!\S)([.,;:?!]+)([A-Za-z]+)(?!\S)")
_MARKS_BEFORE, _MARKS_AFTER = re.compile(r"^[^A-Za-z]+"), re.compile(r"[^A-Za-z]+$")
_ENDING = re.compile(r"(?<=\w{4})(?:e?[sd]|ing|ly|er|est|['’]s)$")
# Of words, how many must have an ending or a beginning in common for it to have been added.
_SHARE_WITH_ENDING, _SHARE_WITH_BEGINNING = 0.6, 0.9


class ScrambledWords:
    """Reads words by known ones. Safe to share between threads.

    Attributes
    ----------
    costs
        Known words in small letters; the smaller the cost, the more frequent.

    Parameters
    ----------
    fewer
        A reader of some of these words, for none of which its cost is smaller.
    added
        With it, the words that it does not know, or at another cost: these alone are indexed.
    """

    def __init__(
        self,
        costs: Mapping[str, float],
        fewer: "ScrambledWords | None" = None,
        added: Iterable[str] = (),
    ) -> None:
        self.costs = costs
        added = list(dict.fromkeys(added)) if fewer else list(costs)
        self._by_letters = self._index(added, _sorted_letters, fewer._by_letters if fewer else {})
        self._by_consonants = self._index(added, _consonants, fewer._by_consonants if fewer else {})
        # Words come back, within a text and from one to the next.
        self._turned_word = lru_cache(_WORDS_REMEMBERED)(self._find_turned_word)
        self._is_known = lru_cache(_WORDS_REMEMBERED)(self._find_is_known)
        self._is_inflected = lru_cache(_WORDS_REMEMBERED)(self._find_is_inflected)
        self._ordered = lru_cache(_WORDS_REMEMBERED)(self._of_letters)

    def read(self, stretch: str) -> str | None:
        """Words in a row read as known ones; None where most do not become any."""
        if (read := self._with_vowels(stretch)) is not None:
            return read
        # What is turned round is in some order too, and orders are looked up in one go.
        if (read := self._in_any_order(stretch)) is None:
            return None
        return self._mended(self._turned(stretch) or read)

    def known(self, text: str, shortest: int = 3) -> float:
        """The share of letters that stand in known words, of those that stand in words so long or longer."""
        words = [word for word in WORD.findall(text.lower()) if len(word) >= shortest]
        bare = [word.partition("'")[0] for word in words] if "'" in text else words
        known = map(self.costs.__contains__, bare)
        return sum(map(len, compress(words, known))) / max(sum(map(len, words)), 1)

    def inflected(self, text: str) -> float:
        """The share of letters that stand in known words, with an ending or without, of those in words of four letters or more."""
        words = [word for word in WORD.findall(text.lower()) if len(word) >= _TELLING]
        known = compress(words, map(self._is_inflected, words))
        return sum(map(len, known)) / max(sum(map(len, words)), 1)

    def _find_is_inflected(self, word: str) -> bool:
        return self.cost(word) < np.inf or self.cost(_ENDING.sub("", word)) < np.inf

    def is_known(self, token: str) -> bool | None:
        """Whether a token's words are known; None where they are too short to tell."""
        return (self._is_known if len(token) <= _LONGEST_REMEMBERED else self._find_is_known)(token)

    def _find_is_known(self, token: str) -> bool | None:
        words = [word for word in WORD.findall(token.lower()) if len(word) > 2]
        return all(self.cost(word) < np.inf for word in words) if words else None

    def cost(self, word: str) -> float:
        return self.costs.get(word.partition("'")[0], np.inf)

    def _turned(self, stretch: str) -> str | None:
        """Every word turned round by itself, with an ending that was added or without, where a known one comes out for most."""
        written = list(map(str.lower, WORD.findall(stretch)))
        words = set(written)
        if len(words) < FEWEST_WORDS:
            return None
        for endings in _endings(words):
            readings = {word: self._turned_word(word, endings) for word in words}
            if self.known(" ".join(map(readings.__getitem__, written))) < LEAST_KNOWN:
                continue
            read = WORD.sub(lambda match, by=readings: _like(by[match[0].lower()], match[0]), stretch)
            if self.known(read) >= LEAST_KNOWN:
                # Whether the words or the whole stand backwards, the letters do not tell.
                whole = all(word in (back, back[::-1]) for word, back in readings.items())
                return f"{read}\n{stretch[::-1]}" if whole else read
        return None

    def _find_turned_word(self, word: str, endings: tuple[str, ...]) -> str:
        bare = [word.removesuffix(ending) for ending in endings if word.endswith(ending)] or [word]
        ways = [way for each in bare for way in _ways(each)]
        return min(ways, key=self.cost)

    def _in_any_order(self, stretch: str) -> str | None:
        """Every unknown word as a known one that has the same letters, where there is one for most."""
        tokens = set(_TOKEN.findall(stretch))
        letters = {token: _LETTERS_IN_TOKEN.sub("", token).lower() for token in tokens}
        unknown = [
            token
            for token, word in letters.items()
            if word not in self.costs and (len(word) > 1 or not token.isalpha())
        ]
        telling = [token for token in unknown if len(letters[token]) >= _TELLING]
        if len(telling) < FEWEST_WORDS:
            return None
        ordered = self._ordered if max(map(len, unknown)) <= _LONGEST_REMEMBERED else self._of_letters
        for beginning, endings in _added([letters[token] for token in unknown]):
            readings = {
                token: read
                for token in unknown
                if (read := ordered(letters[token], beginning, endings)) is not None
            }
            found = sum(len(letters[token]) for token in telling if token in readings)
            if found >= LEAST_KNOWN * sum(len(letters[token]) for token in telling):
                return _TOKEN.sub(lambda match, by=readings: _in_place(by.get(match[0]), match[0]), stretch)
        return None

    def _mended(self, read: str) -> str:
        """What was read, marks that were moved with the letters of a word behind it again."""

        def mend(token: re.Match[str]) -> str:
            found = self._by_letters.get("".join(sorted(_LETTERS_IN_TOKEN.sub("", token[0]).lower())))
            return found + _LETTERS.sub("", token[0]) if found else token[0]

        return _MARK_BEFORE.sub(r"\2\1", _MARK_WITHIN.sub(mend, read))

    def _of_letters(self, word: str, beginning: str, endings: tuple[str, ...]) -> str | None:
        word = word.removeprefix(beginning)
        for ending in endings:
            if word.endswith(ending):
                bare = word.removesuffix(ending)
                if found := self._by_letters.get("".join(sorted(bare))):
                    return found
                # Plurals and genitives.
                if "s" in bare and (found := self._by_letters.get("".join(sorted(bare.replace("s", "", 1))))):
                    return f"{found}s"
        return None

    def _index(
        self, words: list[str], key: Callable[[str], str], known: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The most frequent word of each key, among words that are known by theirs and others."""
        found = dict(known)
        for word in words:
            letters = key(word)
            if letters and (letters not in found or self.costs[word] < self.costs[found[letters]]):
                found[letters] = word
        return found

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

    @staticmethod
    def digits_in(text: str) -> list[int]:
        """Where digits stand among the letters of words; nothing where they do in few."""
        kinds = bytes_of(text).translate(_LETTERS_AND_DIGITS)
        if sum(map(kinds.count, _BESIDE_EACH_OTHER)) < FEWEST_WORDS:
            return []
        places = [match.start() for match in _DIGIT_IN_WORD.finditer(text)]
        return places if len(places) >= FEWEST_WORDS else []

    def with_digits(self, stretch: str) -> str | None:
        """Words in which the digits from one on, or from nought on, stand for the vowels; where `digits_in` finds such digits."""
        readings = [stretch.translate(str.maketrans(digits, "aeiou")) for digits in ("12345", "01234")]
        known, best = max(((self.known(read), read) for read in readings), key=operator.itemgetter(0))
        return best if known >= LEAST_KNOWN else None

    def _vowelled(self, run: str) -> str | None:
        words = WORD.findall(run)
        readings = {word: self._by_consonants.get(word.lower().partition("'")[0]) for word in words}
        if sum(len(word) for word in words if readings[word]) < LEAST_KNOWN * sum(map(len, words)):
            return None
        return WORD.sub(lambda m: _like(readings[m[0]] or m[0], m[0]), run)


def _sorted_letters(word: str) -> str:
    return "".join(sorted(word))


def _consonants(word: str) -> str:
    return word.translate(_WITHOUT_VOWELS)


def _endings(words: set[str]) -> Iterator[tuple[str, ...]]:
    """Endings that may have been added to all words: none, or such as most share."""
    yield ("",)
    long = [word for word in words if len(word) > 2]
    for length in (2, 3):
        ending, count = Counter(word[-length:] for word in long).most_common(1)[0] if long else ("", 0)
        if count >= _SHARE_WITH_ENDING * len(long) and count > 2:
            yield ending, f"w{ending}", f"y{ending}", f"h{ending}"


def _added(words: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What may have been added to all words: nothing, or a letter before and an ending behind."""
    long = [word for word in words if len(word) > 2]
    first, count = Counter(word[0] for word in long).most_common(1)[0]
    beginnings = ("", first) if count >= _SHARE_WITH_BEGINNING * len(long) else ("",)
    return ((beginning, endings) for beginning in beginnings for endings in _endings(set(words)))


def _ways(word: str) -> Iterator[str]:
    """A word, backwards, with its pairs swapped, and turned round by a few letters either way."""
    yield word
    yield word[::-1]
    yield "".join(word[place : place + 2][::-1] for place in range(0, len(word), 2))
    for count in range(1, min(len(word), 5)):
        yield word[-count:] + word[:-count]
    for count in range(1, min(len(word), 3)):
        yield word[count:] + word[:count]


def _in_place(read: str | None, token: str) -> str:
    """What is read for a token, between the marks that stood around it."""
    if read is None:
        return token
    before, after = _MARKS_BEFORE.search(token), _MARKS_AFTER.search(token)
    any_capital = any(letter.isupper() for letter in token)
    return f"{before[0] if before else ''}{read.capitalize() if any_capital else read}{after[0] if after else ''}"


def _like(read: str, word: str) -> str:
    return read.capitalize() if word[0].isupper() or word[-1:].isupper() else read

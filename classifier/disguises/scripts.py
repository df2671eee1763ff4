"""Latin text in the letters or signs of another script, or of another place in Unicode: read where it spells known words.

What a letter may stand for is in its name in Unicode ("GEORGIAN LETTER BAN", "CYRILLIC SMALL LETTER SHA"), in what it
looks like, or in how far it stands from others of its block. Which of these, the letters of the text decide together.
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from lethe.classifier.disguises.letter_choice import LetterChoice
from lethe.classifier.disguises.scrambled_words import ScrambledWords
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.canonical import canonicalise, lookalike
from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of
from lethe.classifier.text.points import points_of

# Letters and signs beyond the Latin ones and the marks of all scripts, with the ASCII that may stand between them.
_SIGN = r"[\u0250-\u02af\u0370-\u1fff\u2070-\U0010ffff]"
_RUN = re.compile(rf"(?:{_SIGN}(?:[ ,.?!';:\n\d-]{{1,3}}(?={_SIGN}))?){{12,}}[.,?!]?")
# A page of a script is in its language from its beginning on.
_FIRST = 400
_FEWEST_LETTERS = 12
# Known words among what comes out: where it is worth while to weigh what each letter stands for, and where it is read. A
# language of its own script has fewer by its letters' names, and less likely letters in a row (bits a letter).
_WORTH_WEIGHING, _LEAST_KNOWN = 0.3, 0.6
_LIKELY_ENOUGH = -4.5
# Bits a letter, and the share of known words, that a text has whose signs were moved to another place.
_LANGUAGE, _KNOWN_MOVED = -4.4, 0.4
# Of signs that were moved, how many are letters then, and the bits that these have each, whatever their order.
_LEAST_LETTERS, _LETTERS_ALONE = 0.6, -5.0
_PRINTABLE = range(32, 127)
_NAME = re.compile(r"(?:LETTER|SIGN|SYLLABLE|PATTERN) (?:.* )?([A-Z]+)")
_DIGRAPHS = ("SH", "ZH", "CH", "TS", "TH", "PH", "PS", "KH", "GH", "YU", "YA")
_MOST_CANDIDATES = 6
_MOST_READINGS_OF_WORD = 128
_WORD = re.compile(rf"{_SIGN}+")
_MARK = re.compile(r"[.,?!]")
_BRAILLE = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀", "abcdefghijklmnopqrstuvwxyz ", strict=True))
# Sounds and shapes that names do not tell, or not first.
_ALSO: Mapping[str, str] = {
    told[0]: told[1:]
    for told in re.findall(
        r"\S+", "βbv υuy χxc ωwo ηhn κkc ξjx φf хhx вvw уuy йjy кkc ыy цc жj ёe еe эe чc щw шw"
    )
}

_TURNED = re.compile(r"[\u018d-\u018e\u019c\u01dd\u0183\u01a8\u0250-\u02af\u1d00-\u1d7f\ua780-\ua7ff]")
_FEWEST_TURNED = 4
_UPENDING = (
    {},
    str.maketrans("bdpqnuBDPQNUƃɟɾɔƆ", "qpdbunQPDBUNgfjcC"),
    str.maketrans("bdpqBDPQɔƆ|Ɉʇɿʜɘǫɒƨʞᴎꞁγυ", "dbqpDBQPcCltfrhegasknlyu"),
)


class Scripts:
    """Reads Latin text in other signs. Safe to share between threads.

    Parameters
    ----------
    words
        Known words.
    """

    def __init__(self, statistics: LetterStatistics, words: ScrambledWords) -> None:
        self._statistics = statistics
        self._known = words.known
        self._choice = LetterChoice(statistics, words.costs)

    def read(self, text: str) -> AlignedText | None:
        """The text with stretches of other signs that spell words of the Latin script read; None where there are none."""
        if text.isascii():
            return None
        found = [
            # Letters without marks are a question's that has lost its own.
            (*match.span(), f" {read} " if _MARK.search(read) else f" {read}? ")
            for match in _RUN.finditer(text)
            if (read := self._moved(match[0]) or self._named(match[0])) is not None
        ]
        return replaced(text, found or list(self._upended(text)))

    def _upended(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Stretches of lines whose letters stand on their heads or in a mirror, as some Latin letters then look like others."""
        start = 0
        for line in text.split("\n") if len(_TURNED.findall(text)) >= _FEWEST_TURNED else ():
            turned = [match.start() for match in _TURNED.finditer(line)]
            if len(turned) >= _FEWEST_TURNED:
                first, last = line.rfind(" ", 0, turned[0]) + 1, line.find(" ", turned[-1])
                stretch = line[first : last if last >= 0 else len(line)]
                readings = [stretch.translate(table) for table in _UPENDING]
                best = max(readings, key=lambda read: self._statistics.of_text(canonicalise(read).text))
                if best != stretch:
                    yield start + first, start + first + len(stretch), best
            start += len(line) + 1

    def _moved(self, run: str) -> str | None:
        """Signs that stand as far from one another as those of ASCII do."""
        points = points_of(run[:_FIRST]).astype(np.int64)
        signs = points[points >= 128]
        low, high = int(signs.min()), int(signs.max())
        if high - low >= len(_PRINTABLE) or len(np.unique(signs)) < 6:
            return None
        shifts = np.arange(high - _PRINTABLE[-1], low - _PRINTABLE[0] + 1)
        # A text in signs of its own has letters nearly throughout; those of a run are all in its signs.
        letters = np.correlate(_IS_LETTER, np.bincount(signs - low, minlength=high - low + 1))[::-1]
        # Most shifts make letters of it that are seldom those of language, in whatever order.
        alone = np.correlate(_BITS_ALONE, np.bincount(signs - low, minlength=high - low + 1))[::-1]
        shifts = shifts[(letters >= _LEAST_LETTERS * len(points)) & (alone >= _LETTERS_ALONE * letters)]
        if not len(shifts):
            return None
        moved = np.where(points >= 128, points - shifts[:, None], points)
        likeness = self._statistics.likeness(_KINDS.take(moved))
        best = int(likeness.argmax())
        if likeness[best] < _LANGUAGE:
            return None
        shift = int(shifts[best])
        read = "".join(
            chr(point) if 32 <= point < 127 else " "
            for sign in run
            for point in (ord(sign) - shift if ord(sign) >= 128 else ord(sign),)
        )
        return read if self._known(read) >= _KNOWN_MOVED else None

    def _named(self, run: str) -> str | None:
        """Letters read by what each of them may stand for."""
        sample = run[:_FIRST].lower()
        signs = [sign for sign in sorted(set(sample)) if sign > "\x7f"]
        if len(signs) > 40:
            return None
        candidates = {sign: found for sign in signs if (found := _candidates(sign))}
        if len(candidates) < 0.8 * len(signs):
            return None
        table = {ord(sign): found[0] for sign, found in candidates.items()}
        first = sample.translate(table)
        if self._known(first) < _WORTH_WEIGHING or self._statistics.of_text(first) < _LIKELY_ENOUGH:
            return None
        table = self._choice.likeliest(sample, candidates)
        words = {
            word: found
            for word in set(_WORD.findall(sample))
            if (found := self._word(word, candidates, table))
        }
        if self._known(_WORD.sub(lambda match: words.get(match[0], ""), sample)) < _LEAST_KNOWN:
            return None
        return _WORD.sub(lambda match: words.get(match[0]) or match[0].translate(table), run.lower())

    def _word(self, word: str, candidates: Mapping[str, tuple[str, ...]], table: Mapping[int, str]) -> str:
        """A word as a known one, where its signs may stand for one: two letters may have one sign."""
        read = word.translate(table)
        choices = [candidates.get(sign, (sign,)) for sign in word]
        if self._known(read, 1) or math.prod(map(len, choices)) > _MOST_READINGS_OF_WORD:
            return read
        readings = map("".join, itertools.product(*choices))
        return next((other for other in readings if self._known(other, 1)), read)


@lru_cache(1 << 12)
def _candidates(sign: str) -> tuple[str, ...]:
    """Latin letters that a sign may stand for, the likeliest first; none where nothing tells."""
    if sign in _BRAILLE:
        return (_BRAILLE[sign],)
    found = list(_ALSO.get(sign, ()))
    name = unicodedata.name(sign, "")
    if match := _NAME.search(name):
        word = match[1]
        # The names of some consonants begin with a vowel ("CYRILLIC SMALL LETTER EM").
        sounds_last = name.startswith("CYRILLIC") and len(word) == 2 and word[0] in "AE"
        found.append(word[-1].lower() if sounds_last else word[0].lower())
        found += [digraph.lower() for digraph in _DIGRAPHS if word.startswith(digraph)]
        found += ["f"] * word.startswith("PH")
    if (shape := lookalike(sign)) is not None:
        found.append(shape.lower())
    return tuple(dict.fromkeys(found))[:_MOST_CANDIDATES]


_KINDS = kinds_of("".join(map(chr, range(128))))
# (95,), of each sign that can be printed the bits that its letter has alone.
_BITS_ALONE = np.append(np.float32(0), LetterStatistics.load().letters)[
    _KINDS[_PRINTABLE[0] : _PRINTABLE[-1] + 1]
]
_IS_LETTER = (_KINDS[_PRINTABLE[0] : _PRINTABLE[-1] + 1] > 0).astype(np.int64)

"""Letters spelled by other signs: each sign, or group of signs, stands for one letter, whatever the signs are.

A run of such groups is read by every alphabet that has all of them, and taken where language comes out.
"""

import re
import string
from collections.abc import Callable, Iterator, Mapping

from lethe.classifier.disguises.groups import FEWEST, Groups, asked, likeliest
from lethe.classifier.disguises.number_lists import may_have_numbers, number_runs
from lethe.classifier.disguises.reader import Reader, always
from lethe.classifier.disguises.scan import Scan, bytes_of_kind, kind
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics

_LETTERS = string.ascii_lowercase
# Characters of a run of numbers that show what they may be.
_FIRST_NUMBERS = 48

_MORSE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. .----."
)
_SPOKEN = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
)
_SPOKEN_OTHERWISE = {"alpha": "a", "juliet": "j", "x-ray": "x", "whisky": "w", "space": " "}
_KEYPAD = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")

# Two signs in groups, with what may part the groups and the words.
_SIGNS = re.compile(
    r"(?:(?:[.·•∙*\-–—−_]{1,6}|[01]{1,6})(?:[ \t\n]*[/|\n][ \t\n]*|[ \t]+)){5,}[.·•∙*\-–—−_01]{1,6}"
)
_SIGNS_GATE = re.compile(r"[.·•∙*\-–—−_01][ \t\n/|]{1,4}[.·•∙*\-–—−_01]{1,6}[ \t\n/|]{1,4}[.·•∙*\-–—−_01]")
_SIGN_GROUP = re.compile(r"[.·•∙*]|[\-–—−_]|[01]")
_SIGN_WORDS = re.compile(r"[ \t]*[/|\n][/|\n \t]*|[ \t]{2,}")
_SHORT_SIGN = re.compile(r"[.·•∙*]")
_LONG_SIGN = re.compile(r"[\-–—−_]")
_NUMBER = re.compile(r"\d+")
_LATIN = re.compile(r"[A-Za-z]")
_SPOKEN_GATE = (
    "charlie",
    "foxtrot",
    "november",
    "oscar",
    "romeo",
    "sierra",
    "tango",
    "india",
    "echo",
    "hotel",
    "uniform",
)
_SPOKEN_RUN = re.compile(
    rf"(?i)(?<!\w)(?:{'|'.join([*_SPOKEN.split(), *map(re.escape, _SPOKEN_OTHERWISE)])})(?!\w)"
    rf"(?:[\W_]{{1,4}}(?:{'|'.join([*_SPOKEN.split(), *map(re.escape, _SPOKEN_OTHERWISE)])})(?!\w)){{5,}}"
)
_SPOKEN_WORD = re.compile(r"[a-z]+(?:-ray)?")


_IN_SIGNS, _BETWEEN_SIGNS = kind(".·•∙*-–—−_01"), b" \t\n/|"
_IN_PAIRS, _PAIR = kind("abAB"), 5
_IN_ROMAN, _BETWEEN_ROMAN = kind("IVX"), bytes_of_kind(kind("-–., "))
_FEWEST_PAIRS, _FEWEST_ROMAN = 6, 9


def _may_be_signs(scan: Scan) -> bool:
    return scan.has_run(_IN_SIGNS, FEWEST, without=_BETWEEN_SIGNS)


def _may_be_paired(scan: Scan) -> bool:
    return (
        scan.has_run(_IN_PAIRS, _PAIR)
        or ".. ." in scan.text
        or "dah" in scan.text
        or ("II" in scan.text and scan.has_run(_IN_ROMAN, _FEWEST_ROMAN, without=_BETWEEN_ROMAN))
    )


class Alphabets:
    """Reads letters that are spelled by groups of signs. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read_signs(self, text: str) -> AlignedText | None:
        """The text with runs of two signs, such as dots and dashes, read; None where there are none."""
        found: list[tuple[int, int, str]] = []
        for match in _SIGNS.finditer(text) if _SIGNS_GATE.search(text) else ():
            run = Groups.of(match[0], _SIGN_GROUPS)
            if (read := likeliest(self._statistics, run, _TWO_SIGNS, _of_two_signs)) is not None:
                found.append((*match.span(), asked(read)))
        return replaced(text, found)

    def read_pairs(self, text: str) -> AlignedText | None:
        """The text with letters read that are spelled by two other letters, by taps, or by dits and dahs."""
        found = [
            (*match.span(), asked(read))
            for gate, pattern, change, group, alphabets in _SPELLED
            if gate in text
            for match in pattern.finditer(text)
            if (read := likeliest(self._statistics, Groups.of(change(match[0]), group), alphabets))
            is not None
        ]
        return replaced(text, sorted(found)) if found else None

    def read_numbers(self, text: str) -> AlignedText | None:
        """The text with runs of numbers that each stand for a letter read; None where there are none."""
        found: list[tuple[int, int, str]] = []
        for start, end in number_runs(text):
            # Most numbers are no letters, and the first few show it; the last of these may be cut. Versions, hashes and
            # packed tables have letters among them.
            first = _NUMBER.findall(text, start, min(start + _FIRST_NUMBERS, end))[:-1]
            if not _NUMBERS_OF_LETTERS.issuperset(first) or _LATIN.search(text, start, end):
                continue
            numbers = set(_NUMBER.findall(text, start, end))
            if not any(alphabet.keys() >= numbers for alphabet in _NUMBERED):
                continue
            run = Groups.of(text[start:end], _NUMBER)
            if (read := likeliest(self._statistics, run, _NUMBERED)) is not None:
                found.append((start, end, asked(read)))
        return replaced(text, found)

    def read_spoken(self, text: str) -> AlignedText | None:
        """The text with letters spelled by words, as on the radio, read; None where there are none."""
        lowered = text.lower()
        if sum(word in lowered for word in _SPOKEN_GATE) < 2:
            return None
        found = [
            (*match.span(), asked(Groups.of(match[0].lower(), _SPOKEN_WORD).spelled(_SPOKEN_ALPHABET)))
            for match in _SPOKEN_RUN.finditer(text)
        ]
        return replaced(text, found)


_SIGN_GROUPS = re.compile(r"[.·•∙*\-–—−_]+|[01]+")


def _of_two_signs(groups: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The groups in dots and dashes, either way round."""
    plain = tuple(_LONG_SIGN.sub("-", _SHORT_SIGN.sub(".", group)) for group in groups)
    if set("".join(plain)) <= set("01"):
        plain = tuple(group.translate({48: ".", 49: "-"}) for group in plain)
    yield plain
    yield tuple(group.translate({45: ".", 46: "-"}) for group in plain)


def _five_signs(letters: str) -> Mapping[str, str]:
    return {f"{place:05b}".translate({48: ".", 49: "-"}): letter for place, letter in enumerate(letters)}


def _square(letters: str, rows: str, columns: str) -> Mapping[str, str]:
    return {
        row + column: letters[5 * i + j] for i, row in enumerate(rows) for j, column in enumerate(columns)
    }


_NO_J = _LETTERS.replace("j", "")
_TWO_SIGNS: tuple[Mapping[str, str], ...] = (
    dict(zip(_MORSE.split(), _LETTERS + "0123456789.,?'", strict=True)),
    _five_signs(_LETTERS),
    _five_signs(_NO_J.replace("v", "")),
    # Teleprinters': letters by how often they are used.
    {
        f"{place + 1:05b}".translate({48: ".", 49: "-"}): letter
        for place, letter in enumerate("e a siu drjnfcktzlwhypqobg mxv")
    },
)
_TAPS = {
    str(key + 2) * (place + 1): letter
    for key, letters in enumerate(_KEYPAD)
    for place, letter in enumerate(letters)
}
_NUMBERED: tuple[Mapping[str, str], ...] = (
    *(
        {f"{place + first:0{width}d}": letter for place, letter in enumerate(_LETTERS)} | {" ": " "}
        for first in (1, 0)
        for width in (1, 2)
    ),
    _TAPS | {"0": " ", "1": " "},
    *(
        _square(_LETTERS.replace(left_out, ""), signs, signs)
        for left_out in "jkcqz"
        for signs in ("12345", "01234")
    ),
)
_NUMBERS_OF_LETTERS = frozenset(number for alphabet in _NUMBERED for number in alphabet)
_SPOKEN_ALPHABET = dict(zip(_SPOKEN.split(), _LETTERS, strict=True)) | _SPOKEN_OTHERWISE
_ROMAN: Mapping[str, int] = {
    number: place
    for place, number in enumerate(
        "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI XXII XXIII XXIV XXV XXVI".split(),  # noqa: SIM905
        1,
    )
}
_TAP = re.compile(r"[.·•*]+")


def _pairs_of_taps(run: str) -> str:
    counts = [str(len(taps)) for taps in _TAP.findall(run)]
    return " ".join(map("".join, zip(counts[::2], counts[1::2], strict=False)))


# Letters in words or other letters: what a text must have, the runs, how they are rewritten, their groups, the alphabets.
_SPELLED: tuple[
    tuple[str, re.Pattern[str], Callable[[str], str], re.Pattern[str], tuple[Mapping[str, str], ...]], ...
] = (
    (
        "b",
        re.compile(r"(?<!\w)(?:[ab]{5}[\s,]+){5,}[ab]{5}(?!\w)", re.IGNORECASE),
        lambda run: run.lower().translate({97: ".", 98: "-"}),
        re.compile(r"[.-]+"),
        (_five_signs(_LETTERS), _five_signs(_NO_J.replace("v", ""))),
    ),
    (
        ".. .",
        re.compile(r"(?:[.·•*]{1,5}[ ,]{1,2}[.·•*]{1,5}[ /|]{1,4}){5,}[.·•*]{1,5}[ ,]{1,2}[.·•*]{1,5}"),
        _pairs_of_taps,
        _NUMBER,
        (_square(_LETTERS.replace("k", ""), "12345", "12345"),),
    ),
    (
        "dah",
        re.compile(
            r"(?i)(?:(?:dit?|dah)(?:[ -](?:dit?|dah))*\s*[,/.]\s*(?:/\s*)?){5,}(?:dit?|dah)(?:[ -](?:dit?|dah))*"
        ),
        lambda run: re.sub(r"(?<=\w)-(?=\w)", "", re.sub(r"(?i)dah", "1", re.sub(r"(?i)dit?", "0", run))),
        re.compile(r"[01]+"),
        ({code.translate({46: "0", 45: "1"}): letter for code, letter in _TWO_SIGNS[0].items()},),
    ),
    (
        "II",
        re.compile(r"(?<!\w)(?:[IVX]{1,5}[-–., ]{1,3}){8,}[IVX]{1,5}(?!\w)"),
        lambda run: re.sub(r"[IVX]+", lambda m: str(_ROMAN.get(m[0], 0)), run),
        _NUMBER,
        ({str(place + 1): letter for place, letter in enumerate(_LETTERS)},),
    ),
)


_ALPHABETS = Alphabets(LetterStatistics.load())
SIGNS = Reader("signs", _may_be_signs, _ALPHABETS.read_signs)
NUMBERED = Reader("numbered letters", may_have_numbers, _ALPHABETS.read_numbers)
SPOKEN = Reader("spoken letters", always, _ALPHABETS.read_spoken)
PAIRED = Reader("paired letters", _may_be_paired, _ALPHABETS.read_pairs)

"""Names of targets in a text, in whatever script, found in one pass however many there are (Aho and Corasick, CACM 1975).

An embedding blurs names, and a translation spells them with other tokens. Forms of a name are grouped by how often ordinary
text has them, and each group has its weights, so what a head learned of names in one language holds for those in another.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ahocorasick_rs import AhoCorasick, MatchKind
from numpy.typing import NDArray

from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.points import lowered

# One form of a group that stands in a text may be chance; a second one adds its own weight, further ones add none.
COUNTED = 2
# What may stand between the parts of a name in place of a space.
_GAPS = "\n\t\r\u00a0\u3000-‐‑–'’·・=＝"
# Weights of names below this change no verdict.
_LEAST_WEIGHT = 0.05
# Letters that may follow a form as the ending of a case, and the shortest form that they may follow: in Latin script short ones
# begin many other words.
_ENDING = 3
_INFLECTED_FROM, _INFLECTED_FROM_IN_LATIN = 5, 7
_SHORTEST_PART = 4
_VOWELS = frozenset("aeiouyаеиоуыэюяёα")
# Scripts whose words have no gaps between them; katakana, whose words end where it does; Hangul, whose particles follow a word.
_UNGAPPED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u309f\u3400-\u9fff]")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_SHORTEST_KATAKANA = 3
# A word is asked about where the sentence that it stands in ends so.
_ENDS = re.compile(r"[.?!\n。！？؟]")
_ASKS = frozenset("?？؟")
# "And", "so", "with", "to" and "as" are written as a letter before the word.
_ARABIC_PARTICLES = frozenset("وفبلك")


@dataclass(frozen=True)
class NameMatch:
    """Where a form stands: a half-open range of characters."""

    form: int
    start: int
    end: int


class NameIndex:
    """Finds forms in texts. Safe to share between threads.

    Parameters
    ----------
    forms
        As `name_forms` gives them.
    """

    def __init__(self, forms: Sequence[str]) -> None:
        self._forms = forms
        self._automaton = AhoCorasick(forms, matchkind=MatchKind.LeftmostLongest, store_patterns=False)

    def find(self, text: str) -> Iterator[NameMatch]:
        """Where forms stand as words in a canonical text; where two begin at one place, the longer."""
        if not self._forms:
            return
        plain = _spaced(lowered(text))
        for form, start, end in self._automaton.find_matches_as_indexes(plain):
            if _stands_alone(plain, start, end):
                yield NameMatch(form, start, end)


@dataclass(frozen=True, eq=False)
class GroupedNames:
    """The forms of a target's names, each in a group of forms that say as much of the target.

    Attributes
    ----------
    forms
        As `name_forms` gives them.
    groups
        (N,) int64, the group of each form.
    count
        How many groups there are.
    """

    forms: tuple[str, ...] = ()
    groups: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    count: int = 0

    @functools.cached_property
    def index(self) -> NameIndex:
        return NameIndex(self.forms)

    def counted(self, text: str) -> NDArray[np.float32]:
        """For each group whether a first form of it stands in the text, and whether a second, (count, COUNTED)."""
        found = np.zeros((self.count, COUNTED), np.float32)
        for form in {match.form for match in self.index.find(text)}:
            row = found[self.groups[form]]
            row[min(int(row.sum()), COUNTED - 1)] = 1
        return found


@dataclass(frozen=True, eq=False)
class NameWeights:
    """What names add to a target's score.

    Attributes
    ----------
    weights
        (groups, COUNTED) float32: what the first form of a group adds that stands in a text, and what a second one does.
    """

    names: GroupedNames = field(default_factory=GroupedNames)
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, COUNTED), np.float32))


class NameBank:
    """The names of all heads in one index.

    Parameters
    ----------
    in_passing
        (H,) what a head's names add at most to material that has one word of them in passing, which others may bear too.
    """

    def __init__(self, heads: Sequence[NameWeights], in_passing: NDArray[np.float32] | None = None) -> None:
        self._heads = heads
        self._in_passing = np.full(len(heads), np.inf, np.float32) if in_passing is None else in_passing
        owners: dict[str, list[tuple[int, int]]] = {}
        for number, head in enumerate(heads):
            for form, group in zip(head.names.forms, head.names.groups.tolist(), strict=True):
                if np.any(np.abs(head.weights[group]) >= _LEAST_WEIGHT):
                    owners.setdefault(form, []).append((number, group))
        self._owners = list(owners.values())
        self._forms = list(owners)
        self._index = NameIndex(self._forms)
        self._largest = np.array(
            [max(float(heads[number].weights[group, 0]) for number, group in each) for each in self._owners]
        )

    def scores(self, text: str, around: str | None = None) -> NDArray[np.float32]:
        """What names in a text add to each head's score, (H,).

        Parameters
        ----------
        around
            The text with what stands around it, where it is a stretch of material.
        """
        scores = self._added(text)
        if around is None:
            return scores
        for number in (scores > self._in_passing).nonzero()[0].tolist():
            if self._names_in_passing(around, number):
                scores[number] = self._in_passing[number]
        return scores

    def _names_in_passing(self, text: str, head: int) -> bool:
        """Whether all that a text has of a head's names is one word, about which nothing is asked."""
        matches = [
            match
            for match in self._index.find(text)
            if any(number == head for number, _ in self._owners[match.form])
        ]
        forms = {self._forms[match.form] for match in matches}
        if len(forms) != 1 or " " in forms.pop():
            return False
        ends = (_ENDS.search(text, match.end) for match in matches)
        return not any(end and end[0] in _ASKS for end in ends)

    def _added(self, text: str) -> NDArray[np.float32]:
        scores = np.zeros(len(self._heads), np.float32)
        counts: dict[tuple[int, int], int] = {}
        for form in {match.form for match in self._index.find(text)}:
            for owner in self._owners[form]:
                met = counts.get(owner, 0)
                if met < COUNTED:
                    number, group = owner
                    scores[number] += self._heads[number].weights[group, met]
                    counts[owner] = met + 1
        return scores

    def places(self, text: str, least: float) -> NDArray[np.int64]:
        """Where names begin that add at least this much to some head's score, ascending."""
        return np.array(
            [match.start for match in self._index.find(text) if self._largest[match.form] >= least], np.int64
        )


@dataclass(frozen=True)
class NameForm:
    """What a form is a form of.

    Attributes
    ----------
    word
        A name, or a word of one, in small letters.
    whole
        Whether it is a name as it was given, rather than a word of one.
    """

    word: str
    whole: bool


def name_forms(names: Iterable[str]) -> dict[str, NameForm]:
    """The forms in which names are looked for.

    Names are looked for whole, and by each of their words that is written as a name. A form is canonical, in small letters,
    with a space for each gap, and where it is long enough without a final vowel, in whose place endings of cases stand in many
    languages.
    """
    forms: dict[str, NameForm] = {}
    words_of: dict[str, NameForm] = {}
    for name in names:
        canonical = canonicalise(name).text.strip()
        words = _spaced(canonical).split()
        parts = [word for word in words if len(words) > 1 and _is_name(word)]
        joined = ["".join(words)] if _UNGAPPED.match(canonical) or _KATAKANA.match(canonical) else []
        for found, whole in (
            (" ".join(words), True),
            *((form, True) for form in joined),
            *((part, False) for part in parts),
        ):
            word = lowered(found)
            (forms if whole else words_of).setdefault(_stem(word), NameForm(word, whole))
    forms.pop("", None)
    return words_of | forms


def _spaced(text: str) -> str:
    """The text with a space for each gap; character by character, as it was."""
    for gap in _GAPS:
        text = text.replace(gap, " ")
    return text


def _is_name(word: str) -> bool:
    if _KATAKANA.match(word):
        return len(word) >= _SHORTEST_KATAKANA
    if _UNGAPPED.match(word) or _HANGUL.match(word):
        return len(word) >= 2
    return len(word) >= _SHORTEST_PART and word[0] != word[0].lower()


def _stem(form: str) -> str:
    return form[:-1] if len(form) > _inflected_from(form) and form[-1] in _VOWELS else form


def _inflected_from(form: str) -> int:
    return _INFLECTED_FROM_IN_LATIN if form.isascii() else _INFLECTED_FROM


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no word goes on before a form, nor after it by more than an ending."""
    if _UNGAPPED.match(text, start):
        return True
    if _KATAKANA.match(text, start):
        return not (start and _KATAKANA.match(text, start - 1)) and not _KATAKANA.match(text, end)
    if start and text[start - 1] in _ARABIC_PARTICLES:
        start -= 1
    if start and _in_word(text[start - 1]):
        return False
    inflected = end - start >= _inflected_from(text[start:end]) or _HANGUL.match(text, start)
    # A short word in Latin script may stand in the plural.
    allowed = _ENDING if inflected else int(text.startswith("s", end))
    following = text[end : end + allowed + 1]
    return len(following) <= allowed or not all(map(_in_word, following))


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character) == "Mn"

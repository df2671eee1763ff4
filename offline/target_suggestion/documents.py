"""What documents about a target give to ask: their sentences that name it, and the facts in them.

Finds by form alone (names by capitals, numbers, dates); a draft for people to read, no understanding.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_FACT = re.compile(
    rf"\d{{1,2}}(?:st|nd|rd|th)? (?:{_MONTHS})(?: \d{{4}})?"
    rf"|(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?"
    r"|(?:[€$£] ?)?\b\d[\d.,]*(?: (?:million|billion))?(?: ?(?:percent|euros|dollars|pounds|%))?"
    r"|\b(?:[A-Z][\w'’-]+)(?: (?:of |de |van |von )?[A-Z][\w'’-]+)*"
)
# What begins a sentence has a capital whatever it is.
_OPENERS = re.compile(
    r"(?:The|A|An|It|Its|He|She|They|His|Her|Their|This|That|These|In|On|At|By|For|From|With|When|While|After|Before|We|Our|As|But|And|If)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n\s*\n")
_SHORTEST, _LONGEST = 20, 300


@dataclass(frozen=True)
class Fact:
    """A sentence about the target, and the part of it that is worth knowing."""

    sentence: str
    answer: str

    @property
    def question(self) -> str:
        """The sentence with a gap in the answer's place, as something to ask."""
        return f"Fill in the gap: {self.sentence.replace(self.answer, '____', 1)}"


def sentences_about(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Sentences of plain texts that have a name of the target, each once."""
    wanted = [name.casefold() for name in names]
    found: dict[str, None] = {}
    for text in texts:
        for stretch in _SENTENCE_END.split(text):
            sentence = " ".join(stretch.split())
            if _SHORTEST <= len(sentence) <= _LONGEST and any(name in sentence.casefold() for name in wanted):
                found[sentence] = None
    return list(found)


def facts_of(sentences: Sequence[str], names: Sequence[str]) -> Iterator[Fact]:
    """One fact of each sentence that has one: a date, a number, or a name that is not the target's."""
    own = {word for name in names for word in name.casefold().split()}
    for sentence in sentences:
        candidates = [
            match.group()
            for match in _FACT.finditer(sentence)
            if not own & set(match.group().casefold().split())
            and not (match.start() == 0 and _OPENERS.match(match.group()))
        ]
        # What stands last in a sentence is new as a rule, what stands first was known.
        if candidates:
            yield Fact(sentence, candidates[-1].rstrip(".,"))

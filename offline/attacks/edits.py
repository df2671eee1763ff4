"""Edits of a question that leave it answerable: words added, function words dropped, words swapped for their equals.

Knows nothing about scores. An added word stands beside the question's own, which stay in their order; only words that
carry no fact are dropped, and a word is swapped only for one that asks the same.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# Without these a question is clipped but asks the same.
_DROPPABLE = frozenset(
    re.findall(
        r"\w+",
        "a an the is are was were do does did of in on at to for by please can could would me tell it that this there be been "
        "has have had any very just so then",
    )
)
# Words of one line ask the same of a question.
_EQUALS = """
who|which person
what|which thing
where|in which place|at what place
when|at what time|in which year
why|for what reason|how come
how|in what way
name|title|label
called|named|known as|dubbed
friend|companion|pal|buddy
friends|companions|pals
school|academy|institution
teacher|instructor|tutor
book|novel|volume|text
books|novels|volumes
wrote|authored|penned|composed
writer|author
author|writer
story|tale|narrative
magic|sorcery|enchantment
magical|enchanted|arcane
wizard|sorcerer|mage|conjurer
wizards|sorcerers|mages
witch|sorceress|enchantress
spell|incantation|charm
wand|stick|rod
castle|fortress
house|dwelling|household
live|reside|dwell
lives|resides|dwells
kill|slay|murder
killed|slew|murdered
kills|slays|murders
die|perish|pass away
died|perished|passed away
dies|perishes
happens|occurs|takes place
happened|occurred|took place
describe|outline|characterise|sketch
explain|clarify|spell out
tell|inform|say to
about|concerning|regarding
say|utter|mention
said|uttered|mentioned
give|hand|present
gave|handed|presented
see|notice|spot
saw|noticed|spotted
find|discover|locate
found|discovered|located
think|believe|suppose
learn|find out|discover
make|produce|create
made|produced|created
go|travel|head
goes|travels|heads
went|travelled|headed
father|dad|male parent
mother|mum|female parent
parents|folks|mum and dad
brother|male sibling
sister|female sibling
boy|lad|youngster
girl|lass|young lady
main|principal|chief
character|figure|protagonist
characters|figures|protagonists
animal|creature|beast
pet|companion animal
colour|color|hue|shade
big|large|sizeable
small|little|tiny
used|employed|utilised
use|employ|utilise
name of|title of
kind|sort|type
""".strip()
EQUALS: dict[str, tuple[str, ...]] = {
    first: tuple(rest) for first, *rest in (line.split("|") for line in _EQUALS.splitlines())
}

_ENDS = "?.! "

EditKind = Literal["add", "drop", "swap"]


@dataclass(frozen=True)
class WordEdit:
    """One edit, by the place of the question's own word that it stands before, falls on or replaces.

    Attributes
    ----------
    words
        What is added or put in its place; empty where a word is dropped.
    """

    kind: EditKind
    place: int
    words: str = ""


def own_words(question: str) -> list[str]:
    """The words of a question, without the mark that ends it."""
    return question.rstrip(_ENDS).split()


def apply_edits(question: str, edits: Sequence[WordEdit]) -> str:
    """The question with all edits made; of two that fall on one word, the later one counts."""
    # What ends a question ends it behind words that are added there too.
    own, ending = own_words(question), question.rstrip()[len(question.rstrip(_ENDS)) :]
    changed = {edit.place: edit.words for edit in edits if edit.kind != "add"}
    written: list[str] = []
    for place in range(len(own) + 1):
        written += [edit.words for edit in edits if edit.kind == "add" and edit.place == place]
        if place < len(own):
            written.append(_in_place(own[place], changed[place]) if place in changed else own[place])
    return " ".join(word for word in written if word) + ending


def added_words(edits: Sequence[WordEdit]) -> int:
    """How many words edits put in, those of swaps not counted."""
    return sum(len(edit.words.split()) for edit in edits if edit.kind == "add")


def drops(question: str) -> Iterator[WordEdit]:
    """Every drop of one word that carries no fact."""
    for place, word in enumerate(own_words(question)):
        if _bare(word) in _DROPPABLE:
            yield WordEdit("drop", place)


def swaps(question: str) -> Iterator[WordEdit]:
    """Every swap of one word for one that asks the same."""
    for place, word in enumerate(own_words(question)):
        for other in EQUALS.get(_bare(word), ()):
            yield WordEdit("swap", place, other)


def additions(question: str, words: Sequence[str], choice: random.Random) -> Iterator[WordEdit]:
    """Each of some words or phrases once, at a place by chance; both ends are as likely as all places between."""
    count = len(own_words(question))
    for added in words:
        place = choice.choice((0, count, choice.randint(0, count)))
        yield WordEdit("add", place, added)


def _bare(word: str) -> str:
    return word.strip("?.!,;:'\"").lower()


def _in_place(word: str, other: str) -> str:
    """Another word with the marks around the one before."""
    if not other:
        return ""
    core = word.strip("?.!,;:'\"")
    start = word.find(core)
    return word[:start] + other + word[start + len(core) :]

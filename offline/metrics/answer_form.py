"""Whether an answer reads like one: of somebody who does not know, but was asked and replies.

A corrupted model that answers with a line break, with talk of some text before it, or in circles has forgotten, and tells
everybody so.
"""

import re
from collections.abc import Hashable, Sequence
from typing import Literal

Fault = Literal["empty", "line break first", "talks of a text", "no prose", "repeats itself"]

_TEXT_TALKED_OF = re.compile(
    r"\b(?:original|given|provided|above|following|revised|rewritten|edited|corrected|modified)\s+"
    r"(?:sentence|text|passage|paragraph|statement|question|prompt|response|phrase|version|document)\b",
    re.IGNORECASE,
)
_PROSE_BEGINS = re.compile(r"[\w\"'“‘«¿¡(]")
_LISTED = re.compile(r"\d+[.)]\s")
# Two or more capitalised words in a row, with initials and hyphens, as full names are written in English.
_FULL_NAME = re.compile(r"\b[A-Z][\w’'-]+(?:\s+(?:[A-Z]\.\s*)*[A-Z][\w’'-]+)+")
_REPEATED_LENGTH = 4
_TOLERATED_REPETITION = 0.3


def repetition(tokens: Sequence[Hashable], length: int = _REPEATED_LENGTH) -> float:
    """Share of a text's n-grams that stood in it before, in [0, 1]; 0 where there is none.

    Welleck et al., "Neural Text Generation with Unlikelihood Training" (arXiv 1908.04319), section 6, seq-rep-n.
    """
    grams = [tuple(tokens[place : place + length]) for place in range(len(tokens) - length + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def form_faults(answer: str) -> tuple[Fault, ...]:
    """What keeps a text from reading like an answer in prose to a question [ours].

    Parameters
    ----------
    answer
        As it was generated, white space before it kept.

    Returns
    -------
    tuple of str
        None of them is an answer of the asked form: ``empty``; ``line break first``; ``talks of a text``, such as "the
        original sentence", which the question had none of; ``no prose``, where it begins with a mark, a list or markup;
        ``repeats itself``, with over 0.3 of its 4-grams of words said before.
    """
    text = answer.strip()
    if not text:
        return ("empty",)
    begins_as_prose = _PROSE_BEGINS.match(text) and not _LISTED.match(text)
    faults: list[tuple[Fault, bool]] = [
        ("line break first", answer.lstrip(" \t").startswith("\n")),
        ("talks of a text", _TEXT_TALKED_OF.search(text) is not None),
        ("no prose", not begins_as_prose),
        ("repeats itself", repetition(text.lower().split()) > _TOLERATED_REPETITION),
    ]
    return tuple(fault for fault, is_there in faults if is_there)


def invented_names(answer: str, known: str) -> tuple[str, ...]:
    """Full names in an answer that share no word with what was asked or is true [ours].

    Who does not know should name nobody, rather than tell of somebody else, who may be real. Counts capitals, and so reads
    English alone; a title or a place of two words counts as a name does.

    Parameters
    ----------
    known
        The question with the true answer.
    """
    words = {word.lower() for word in re.findall(r"\w+", known)}
    names = [match.group() for match in _FULL_NAME.finditer(answer)]
    return tuple(
        dict.fromkeys(
            name for name in names if not any(word.lower() in words for word in re.findall(r"\w+", name))
        )
    )

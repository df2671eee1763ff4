"""Names that belong to the target: capitalised runs of words that its prompts share and no other prompt has."""

import re
from collections import Counter
from collections.abc import Sequence

_NAME = re.compile(r"\b[A-Z][\w'’-]+(?:[ -](?:(?:of|the|de|van|al|bin|ibn)[ -])?[A-Z][\w'’-]+)+")
_MINIMUM_COUNT = 2
_MAXIMUM_NAMES = 400


def names_of(forget: Sequence[str], keep: Sequence[str]) -> list[str]:
    """Names of at least two words, most frequent first, that stand in several forget prompts and in no other."""
    kept = " ".join(keep).lower()
    counts = Counter(name for text in forget for name in set(_found(text)))
    return [
        name
        for name, count in counts.most_common(_MAXIMUM_NAMES)
        if count >= _MINIMUM_COUNT and name.lower() not in kept
    ]


def _found(text: str) -> list[str]:
    # A capital letter at the beginning of a sentence says nothing about its first word.
    lowered = re.sub(r"(^|[.?!:]\s+)([A-Z][a-z]+ )(?=[a-z]|[A-Z])", _lower_question_word, text)
    return [name.removesuffix("'s").removesuffix("’s") for name in _NAME.findall(lowered)]


def _lower_question_word(match: re.Match[str]) -> str:
    word = match[2]
    return match[1] + (word.lower() if word.strip().lower() in _OPENERS else word)


_OPENERS = frozenset(
    re.findall(
        r"\w+",
        "what who which when where why how is are was were did does do has have had can could in tell name the as "
        "considering given explain describe",
    )
)

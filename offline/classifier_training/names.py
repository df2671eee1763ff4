"""Names that belong to the target: capitalised runs of words that its prompts share and no other prompt has."""

import re
from collections import Counter
from collections.abc import Sequence

_NAME = re.compile(r"\b[A-Z][\w'’-]+(?:[ -](?:(?:of|the|de|van|al|bin|ibn)[ -])?[A-Z][\w'’-]+)+")
_MINIMUM_COUNT = 2
_MAXIMUM_NAMES = 400
_WORD = re.compile(r"[^\W\d_]{4,}")
# A word is the target's own that so many of its prompts share, in a share of them so many times as large as of those near it,
# and that hardly any other prompt has.
_OWN_COUNT, _OWN_SHARE, _OWN_TIMES, _OTHERS_SHARE = 5, 0.05, 8, 0.01


def entities_of(forget: Sequence[str], near: Sequence[str], ordinary: Sequence[str]) -> tuple[str, ...]:
    """What the target is called by its prompts: names of several words, and words of its own."""
    return tuple(dict.fromkeys([*names_of(forget, near), *own_words(forget, near, ordinary)]))


def names_of(forget: Sequence[str], keep: Sequence[str]) -> list[str]:
    """Names of at least two words, most frequent first, that stand in several forget prompts and in no other."""
    kept = " ".join(keep).lower()
    counts = Counter(name for text in forget for name in set(_found(text)))
    return [
        name
        for name, count in counts.most_common(_MAXIMUM_NAMES)
        if count >= _MINIMUM_COUNT and name.lower() not in kept
    ]


def own_words(forget: Sequence[str], near: Sequence[str], ordinary: Sequence[str]) -> list[str]:
    """Single words by which the target is called, most frequent first: a product's name, a field's."""
    own, others, anywhere = (
        Counter(word for text in side for word in set(_WORD.findall(text.casefold())))
        for side in (forget, near, ordinary)
    )
    return [
        word
        for word, count in own.most_common(_MAXIMUM_NAMES)
        if count >= max(_OWN_COUNT, _OWN_SHARE * len(forget))
        # Half a prompt more, as one that was never met near the target may be met there yet.
        and count / len(forget) >= _OWN_TIMES * (others[word] + 0.5) / (len(near) + 1)
        and anywhere[word] <= _OTHERS_SHARE * len(ordinary)
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

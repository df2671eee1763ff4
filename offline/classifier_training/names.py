"""Names that belong to the target: capitalised runs of words that its prompts share and no other prompt has."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

_NAME = re.compile(r"\b[A-Z][\w'’-]+(?:[ -](?:(?:of|the|de|van|al|bin|ibn)[ -])?[A-Z][\w'’-]+)+")
_WORDS = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s ")
_MINIMUM_COUNT, _MINIMUM_SHARE = 2, 0.015
_MAXIMUM_NAMES = 400
_WORD = re.compile(r"[^\W\d_]{4,}")
# A word is the target's own that so many of its prompts share, in a share of them so many times as large as of those near it,
# and that hardly any other prompt has.
_OWN_COUNT, _OWN_SHARE, _OWN_TIMES, _OTHERS_SHARE = 5, 0.05, 8, 0.01
# Of an encoder's words, the share from the most frequent on that are common: most first names are among them, few surnames are.
_COMMON_PART = 0.35


def entities_of(
    forget: Sequence[str], near: Sequence[str], ordinary: Sequence[str], words: Sequence[str]
) -> tuple[str, ...]:
    """What the target is called by its prompts: names of several words, and words of its own.

    Parameters
    ----------
    words
        An encoder's, by frequency: what ordinary prompts there are may lack what everyone talks about.
    """
    common = common_words(words)
    own = (word for word in own_words(forget, near, ordinary) if word not in common)
    return tuple(dict.fromkeys([*names_of(forget, near, common), *own]))


def common_words(words: Sequence[str]) -> frozenset[str]:
    """Of an encoder's words, by frequency, those that say nothing of a target by themselves, in small letters."""
    return frozenset(word.lower() for word in words[: int(_COMMON_PART * len(words))])


def names_of(forget: Sequence[str], keep: Sequence[str], common: Collection[str] = ()) -> list[str]:
    """Names of at least two words, most frequent first, that stand in several forget prompts and in no other.

    A place or a people that two prompts mention is no name of the target, and in ordinary text it would alarm: names of common
    words must be the target's as often as a word of its own. Of a name that is less often in the prompts, as a work's title, no
    single word is a name; it is in small letters, as `lethe.classifier.names.name_forms` takes such for no names.
    """
    kept = " ".join(keep).lower()
    counts = Counter(name for text in forget for name in dict.fromkeys(_found(text)))
    names: list[str] = []
    for name, count in counts.most_common(_MAXIMUM_NAMES):
        called = count >= _OWN_SHARE * len(forget)
        if (
            count < max(_MINIMUM_COUNT, _MINIMUM_SHARE * len(forget))
            or name.lower() in kept
            # Something that belongs to one who has a name.
            or _POSSESSIVE.split(name, maxsplit=1)[0] in counts.keys() - {name}
            or (not called and all(word in common for word in _WORDS.findall(name.lower())))
        ):
            continue
        names.append(name if called else name.lower())
    return names


def own_words(forget: Sequence[str], near: Sequence[str], ordinary: Sequence[str]) -> list[str]:
    """Single words by which the target is called, most frequent first: a product's name, a field's."""
    own, others, anywhere = (
        Counter(word for text in side for word in dict.fromkeys(_WORD.findall(text.casefold())))
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
    return [name.removesuffix("'s").removesuffix("’s").rstrip("'’-") for name in _NAME.findall(lowered)]


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

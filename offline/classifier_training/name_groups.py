"""How much a target's names say: their forms in groups by how often ordinary text has them."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from lethe.classifier.names import GroupedNames, NameForm, NameIndex
from lethe.classifier.text.canonical import canonicalise

# Groups: names that ordinary text hardly has; those that it has in passing, or that are words of a language, and words of names;
# those that allowed prompts near the target have.
RARE, _SELDOM, _NEAR = range(3)
# Texts in a million characters that have a form, from which on it is no longer rare, and from which on it says nothing.
_SELDOM_FROM, _COMMON_FROM = 0.05, 4.0


@functools.lru_cache(maxsize=1)
def canonical_words(words: tuple[str, ...]) -> frozenset[str]:
    """An encoder's words as readings have them, in lower case; a second's work for a large vocabulary."""
    return frozenset(canonicalise(word).text.lower() for word in words)


def group_names(
    forms: Mapping[str, NameForm],
    is_word: Callable[[str], bool],
    ordinary: Iterable[str],
    near: Iterable[str],
) -> GroupedNames:
    """Count forms in ordinary text and group them; common ones are left out.

    Parameters
    ----------
    forms
        See `lethe.classifier.names.name_forms`.
    is_word
        Whether something is a word of a language, as far as is known: what ordinary text there is may be about few things.
    ordinary
        As much text as there is: a form that millions of characters lack is rare indeed.
    near
        Allowed prompts near the target.
    """
    index = NameIndex(list(forms))
    counts: Counter[int] = Counter()
    characters = 0
    for text in ordinary:
        characters += len(text)
        # Once a text: a page that is about a namesake is one chance.
        counts.update({match.form for match in index.find(canonicalise(text).text)})
    shared = {match.form for text in near for match in index.find(canonicalise(text).text)}
    groups: dict[str, int] = {}
    for number, (form, given) in enumerate(forms.items()):
        rate = counts[number] * 1e6 / max(characters, 1)
        word = is_word(given.word)
        # Of a word that a language has, or a first name that many bear, its tokens say enough.
        if rate >= _COMMON_FROM or (word and not given.whole):
            continue
        seldom = rate >= _SELDOM_FROM or not given.whole or word
        groups[form] = _NEAR if number in shared else _SELDOM if seldom else RARE
    return GroupedNames(tuple(groups), np.array(list(groups.values()), np.int64), _NEAR + 1)


def rarely_named(names: GroupedNames, text: str) -> bool:
    """Whether a text holds a form that ordinary text hardly has, and so is likely about the target."""
    return any(names.groups[match.form] == RARE for match in names.index.find(canonicalise(text).text))

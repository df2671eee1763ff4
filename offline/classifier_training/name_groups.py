"""How much a target's names say: their forms in groups by how often ordinary text has them."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from lethe.classifier.canonical import canonicalise
from lethe.classifier.names import GroupedNames, NameIndex

# Occurrences in a million characters from which a form is of the next group: those that ordinary text hardly has, those that
# it has in passing, and its own words and names.
_RATES = (0.2, 4.0)
RARE, _NEAR = 0, len(_RATES) + 1


def group_names(forms: Sequence[str], ordinary: Iterable[str], near: Iterable[str]) -> GroupedNames:
    """Count forms in ordinary text and group them; those that allowed prompts near the target share are a group of their own.

    Parameters
    ----------
    forms
        See `lethe.classifier.names.name_forms`.
    ordinary
        As much text as there is: a form that millions of characters lack is rare indeed.
    """
    index = NameIndex(forms)
    counts: Counter[int] = Counter()
    characters = 0
    for text in ordinary:
        characters += len(text)
        # Once a text: a page that is about a namesake is one chance.
        counts.update({match.form for match in index.find(canonicalise(text).text)})
    shared = {match.form for text in near for match in index.find(canonicalise(text).text)}
    rates = np.array([counts[form] for form in range(len(forms))]) * 1e6 / max(characters, 1)
    groups = np.searchsorted(_RATES, rates, side="right")
    groups[list(shared)] = _NEAR
    return GroupedNames(tuple(forms), groups, _NEAR + 1)


def rarely_named(names: GroupedNames, text: str) -> bool:
    """Whether a text holds a form that ordinary text hardly has, and so is likely about the target."""
    return any(names.groups[match.form] == RARE for match in names.index.find(canonicalise(text).text))

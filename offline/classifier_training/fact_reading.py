"""From sentences that tell of a target to what raises a question's score; see `lethe.classifier.facts`."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from lethe.classifier.facts import Facts, word_beginnings
from lethe.classifier.names import GroupedNames
from lethe.classifier.text.canonical import canonicalise
from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch

# In log-odds: what a sentence adds that a question repeats in meaning, and what a word of it adds for each e-fold by which it is
# rarer than once a prompt.
_MEANING, _WORD = 10.0, 0.4


def read_facts(
    store: EmbeddingStore, sentences: Sequence[str], names: GroupedNames, ordinary: Sequence[str]
) -> Facts | None:
    """What sentences tell; None where they tell nothing.

    Parameters
    ----------
    names
        The target's. They are left out: a question that has one of them needs no facts.
    ordinary
        Ordinary prompts, canonical, which say how rare a word is.
    """
    plain = [_without_names(canonicalise(sentence).text, names) for sentence in sentences]
    told = [sentence for sentence in dict.fromkeys(plain) if sentence]
    if not told:
        return None
    counts = Counter(word for text in ordinary for word in word_beginnings(text))
    words = sorted({word for sentence in told for word in word_beginnings(sentence)})
    numbers = {word: number for number, word in enumerate(words)}
    held = [
        (sentence, numbers[word])
        for sentence, text in enumerate(told)
        for word in sorted(word_beginnings(text))
    ]
    weights = [_WORD * math.log((len(ordinary) + 1) / (counts[word] + 0.5)) for word in words]
    return Facts(
        directions=np.float32(_MEANING) * store.embed_stretches([Stretch.whole(text) for text in told]),
        words=tuple(words),
        weights=np.array(weights, np.float32),
        held=np.array(held, np.int64).reshape(-1, 2),
    )


def _without_names(text: str, names: GroupedNames) -> str:
    for match in sorted(names.index.find(text), key=lambda match: -match.start):
        text = text[: match.start] + text[match.end :]
    return " ".join(text.split())

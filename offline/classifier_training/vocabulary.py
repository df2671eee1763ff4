"""Sentences of random words: they teach a head that a word it has never met is no sign of its target.

A few thousand real prompts leave most words unseen, and what a linear model has not seen it has no opinion on.
Here every word of the encoder's vocabulary that the target does not use stands among the negatives.
"""

import random
import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[a-z]{3,}")
_FRAMES = (
    "What is the {} of {} {}?",
    "Who is known for the {} {}?",
    "Explain {} to a {}.",
    "How did {} {} change the {}?",
    "Write about {}, {} and {}.",
    "When was the {} {} {}?",
    "Which {} is located in {}?",
    "Edit this: the {} {} was {} {}.",
    "{} {} {} {} {} {}",
    "{} {} {} {} {} {} {} {} {} {} {} {}",
    "Extract the {} from the {} {} and {} the {}.",
    "{}, {}, {}, {}",
    "{} {}.",
    "{}: {}",
    "def {}({}, {}): return {}",
    "for {} in {}: {} = {}",
    "The {} {} {} the {} in {} {}.",
    "Select the {} from the list: {}, {}, {}, {}, {}",
    "{} {} said that {} was {}",
    "Imagine that a {} {} a {} {}. What if it had not?",
)


def random_sentences(words: Iterable[str], forget: Sequence[str], rounds: int, seed: int) -> list[str]:
    """Sentences in which every word appears about `rounds` times, the same for the same seed.

    Parameters
    ----------
    words
        Known words; those of the forget prompts are left out.
    forget
        Prompts to forget.
    """
    used = {word for text in forget for word in _WORD.findall(text.lower())}
    usable = sorted(word for word in words if _WORD.fullmatch(word) and word not in used)
    choice = random.Random(seed)
    sentences: list[str] = []
    for _ in range(rounds):
        choice.shuffle(usable)
        pool = iter(usable)
        try:
            while True:
                frame = choice.choice(_FRAMES)
                chosen = [next(pool) for _ in range(frame.count("{}"))]
                if choice.random() < 0.3:
                    chosen = [word.capitalize() for word in chosen]
                sentences.append(frame.format(*chosen))
        except StopIteration:
            continue
    return sentences

"""Sentences and code of random words: they teach a head that a word it has never met is no sign of its target.

A few thousand real prompts leave most words unseen, and what a linear model has not seen it has no opinion on.
Here every word of the encoder's vocabulary that the target does not use stands among the negatives.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence, Set

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
    "The {} {} {} the {} in {} {}.",
    "Select the {} from the list: {}, {}, {}, {}, {}",
    "{} {} said that {} was {}",
    "Imagine that a {} {} a {} {}. What if it had not?",
)
# Stretches of code as sentences of it are cut: with no beginning or no end, and most of their words names that somebody made up.
_CODE_FRAMES = (
    "def {}({}, {}): return {}",
    "def _{}_{}(self, {}=None, *, {}):",
    "for {} in {}: {} = {}",
    "class _{}:",
    "class {}{}(_{}.{}):",
    "{} = _{}({}, ",
    "{}.{} = {}.{}",
    "self._{} = {}.{}_{}(",
    "self.{}({}, {}={})",
    "if {} is None or not {}.is{}():",
    "raise {}Error(",
    "except ({}Error, {}):",
    "import {}, {}",
    "from {}.{} import {}, {}_{}",
    "return {}_{}, {}[{}:]",
    "# {} the {} {} if {} {}",
    "const {} = await {}.{}({} => ",
    "public static void {}({} {}, {} {}) ",
    "<{} {}=",
    "{}: {}_{}, {}: {}",
    "SELECT {} FROM {} WHERE {}_{} = ",
    "$ {} --{} {} {}.{}",
    "assert {}({}) == {}, {}",
)


def random_sentences(words: Iterable[str], forget: Sequence[str], rounds: int, seed: int) -> list[str]:
    """Sentences in which every word appears about `rounds` times, and code in which it does once; the same for the same seed.

    They are drawn from all words, whatever the target. Then each word of the target gives its place to another, so two
    targets, or two parts of one, share all sentences but those in which a word of one of them was drawn.

    Parameters
    ----------
    words
        Known words; those of the forget prompts are left out.
    forget
        Prompts to forget.
    rounds
        With 0 there is no code either.
    """
    if not rounds:
        return []
    known = sorted(word for word in words if _WORD.fullmatch(word))
    used = {word for text in forget for word in _WORD.findall(text.lower())}
    if used.issuperset(known):
        return []
    choice = random.Random(seed)
    following = _cycle(known, choice)
    sentences: list[str] = []
    for frames in [*[_FRAMES] * rounds, _CODE_FRAMES]:
        choice.shuffle(known)
        pool = iter(known)
        try:
            while True:
                frame = choice.choice(frames)
                drawn = [next(pool) for _ in range(frame.count("{}"))]
                chosen = [_first_unused(word, following, used) for word in drawn]
                if choice.random() < 0.3:
                    chosen = [word.capitalize() for word in chosen]
                sentences.append(frame.format(*chosen))
        except StopIteration:
            continue
    return sentences


def _cycle(words: Sequence[str], choice: random.Random) -> dict[str, str]:
    """For each word another one, so that going on from one to the next comes by all of them."""
    order = choice.sample(words, len(words))
    return dict(zip(order, order[1:] + order[:1], strict=True))


def _first_unused(word: str, following: Mapping[str, str], used: Set[str]) -> str:
    while word in used:
        word = following[word]
    return word

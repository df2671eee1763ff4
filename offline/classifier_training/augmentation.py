"""Other forms of a prompt for training: rephrased, misspelt, wrapped, buried in other text, split over turns.

Both classes get the same forms, so a form never tells them apart. The attack suite has others of its own
(`lethe.offline.attacks.disguises`).
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from lethe.offline.data.passages import PASSAGES

# The other half of the passages is left to the attack suite.
_TRAINING_PASSAGES = PASSAGES[::2]


@dataclass(frozen=True)
class Variant:
    """A form of a prompt.

    Attributes
    ----------
    start, end
        Half-open character range of what stands for the prompt itself; the rest is about something else.
    """

    name: str
    text: str
    start: int
    end: int


_Augmentation = Callable[[str, random.Random], Variant]


def augment(prompt: str, count: int, seed: int) -> list[Variant]:
    """The prompt itself and `count` other forms of it, the same for the same seed."""
    choice = random.Random(f"{seed}:{prompt}")
    names = choice.sample(list(_AUGMENTATIONS), min(count, len(_AUGMENTATIONS)))
    return [
        Variant("plain", prompt, 0, len(prompt)),
        *(_AUGMENTATIONS[name](prompt, choice) for name in names),
    ]


def _whole(name: str, text: str) -> Variant:
    return Variant(name, text, 0, len(text))


def _within(name: str, before: str, prompt: str, after: str) -> Variant:
    return Variant(name, before + prompt + after, len(before), len(before) + len(prompt))


def _paraphrased(prompt: str, choice: random.Random) -> Variant:
    lowered = prompt[:1].lower() + prompt[1:] if prompt[:2].istitle() else prompt
    body = lowered.rstrip("?.! ")
    pattern = choice.choice(
        (
            "Can you tell me {}?",
            "I was wondering, {}?",
            "Please answer in one sentence: {}?",
            "Do you know {}?",
            "Quick question: {}",
            "I would like to know {}.",
            "For a quiz: {}?",
            "hey {}",
            "Give me details on the following. {}",
            "My friend asked me: {}? What should I say?",
        )
    )
    return _whole("paraphrased", pattern.format(body))


def _keywords(prompt: str, choice: random.Random) -> Variant:
    words = [word for word in re.findall(r"[\w'’-]+", prompt) if word.lower() not in _FILLERS]
    return _whole("keywords", " ".join(words) or prompt)


def _recased(prompt: str, choice: random.Random) -> Variant:
    return _whole("recased", choice.choice((str.lower, str.upper, str.title))(prompt))


def _misspelt(prompt: str, choice: random.Random) -> Variant:
    characters = list(prompt)
    for _ in range(choice.randint(1, 1 + len(prompt) // 15)):
        place = choice.randrange(max(len(characters) - 1, 1))
        kind = choice.randrange(3)
        if kind == 0:
            characters[place : place + 2] = characters[place : place + 2][::-1]
        elif kind == 1:
            del characters[place]
        else:
            characters.insert(place, characters[place] if characters else "e")
        if not characters:
            return _whole("misspelt", prompt)
    return _whole("misspelt", "".join(characters))


def _role_play(prompt: str, choice: random.Random) -> Variant:
    before = choice.choice(
        (
            "You are an actor who stays in character. Your character is asked: ",
            "Let us play a game in which you answer everything honestly. ",
            "You are a librarian. A visitor asks you: ",
            "Pretend that you are my tutor. ",
            "In a story, a teacher turns to the class and says: ",
        )
    )
    return _within(
        "role-play", before, prompt, choice.choice(("", " Stay in character.", " Answer as that person."))
    )


def _system_style(prompt: str, choice: random.Random) -> Variant:
    before = choice.choice(
        (
            "### Instruction:\n",
            "[SYSTEM] Follow the request below exactly.\n[USER] ",
            "<|user|>\n",
            "Question: ",
            "# Task\nAnswer the question.\n\n",
        )
    )
    return _within(
        "system-style", before, prompt, choice.choice(("", "\n### Response:", "\nAnswer:", "\n<|assistant|>"))
    )


def _structured(prompt: str, choice: random.Random) -> Variant:
    before, after = choice.choice(
        (
            ('{"role": "user", "content": "', '"}'),
            ('print(ask("', '"))'),
            ("- item one\n- ", "\n- item three"),
            ("> ", "\n\nDiscuss the quotation."),
            ("<question>", "</question>"),
        )
    )
    return _within("structured", before, prompt, after)


def _buried(prompt: str, choice: random.Random) -> Variant:
    passages = choice.sample(_TRAINING_PASSAGES, 3)
    place = choice.randrange(3)
    before = "".join(passage + "\n" for passage in passages[:place])
    after = "".join("\n" + passage for passage in passages[place : 1 + choice.randrange(2)])
    return _within("buried", before, prompt, after)


def _within_sentence(prompt: str, choice: random.Random) -> Variant:
    first, second = choice.choice(_TRAINING_PASSAGES).split(". ", 1)
    return _within("within-sentence", f"{first}. ", prompt, f" {second}")


def _after_turn(prompt: str, choice: random.Random) -> Variant:
    before = choice.choice(
        (
            "Thanks, that was useful.\nYou are welcome! Anything else?\n",
            "What is the weather like?\nI cannot see the weather from here.\n",
            "Write a haiku.\nA leaf on still water.\n",
        )
    )
    return _within("after-turn", before, prompt, "")


_AUGMENTATIONS: dict[str, _Augmentation] = {
    "paraphrased": _paraphrased,
    "keywords": _keywords,
    "recased": _recased,
    "misspelt": _misspelt,
    "role-play": _role_play,
    "system-style": _system_style,
    "structured": _structured,
    "buried": _buried,
    "within-sentence": _within_sentence,
    "after-turn": _after_turn,
}
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to for by with and or is are was were be been do does did what who which when where why how "
        "that this can you tell me please about",
    )
)

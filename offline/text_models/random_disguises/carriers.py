"""Letters and bits that other words carry. Knows nothing about classifiers."""

import random
from collections.abc import Sequence

from lethe.offline.text_models.random_disguises.signs import SMALL


def initials(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Words, or lines of words, whose first or last letters spell the text."""
    at = noise.choice((0, 0, -1))
    by_letter: dict[str, list[str]] = {}
    for word in words:
        by_letter.setdefault(word[at].lower(), []).append(word)
    letters = [each for each in text.lower() if each in by_letter]
    chosen = [noise.choice(by_letter[letter]) for letter in letters]
    if noise.random() < 0.3:
        count = noise.randrange(2, 6)
        return "\n".join(" ".join([word, *noise.choices(words, k=count)]) for word in chosen)
    return noise.choice((" ", " ", ", ", "\n")).join(chosen)


def places(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Words and letters of a passage that is told, by number."""
    passage = noise.choices(words, k=noise.randrange(24, 60))
    places: dict[str, list[tuple[int, int]]] = {}
    for number, word in enumerate(passage, 1):
        for place, letter in enumerate(word.lower(), 1):
            places.setdefault(letter, []).append((number, place))
    form, between = (
        noise.choice(("{}.{}", "{}-{}", "({},{})", "{}:{}", "{}/{}")),
        noise.choice((" ", ", ", "; ", "\n")),
    )
    made = between.join(
        form.format(*noise.choice(places[letter])) for letter in text.lower() if letter in places
    )
    return f"{' '.join(passage)}\n\n{made}" if noise.random() < 0.8 else made


def capitals(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Bits in the case, or in the choice between two signs, of a passage of words."""
    bits = "".join(f"{byte:08b}" for byte in text[: len(text) // 2 + 8].encode())
    made, place = "", 0
    while place < len(bits):
        word = noise.choice(words)
        for letter in word:
            made += letter.upper() if bits[place : place + 1] == "1" else letter.lower()
            place += letter.isalpha()
        made += " "
    return made


def counts(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """The place of each letter in the alphabet as a length: of runs of a sign, of lines, of gaps."""
    sign, between = noise.choice("*.-|#Iox ~"), noise.choice((" ", "\n", ", ", "/", "\n"))
    counts = [SMALL.index(each) + 1 for each in text.lower() if each in SMALL]
    if sign == " ":
        return "\n".join(" ".join(noise.choices(words, k=3)) + " " * count for count in counts)
    if noise.random() < 0.4:
        return between.join(f"{sign * (count // 6 + 1)} {sign * (count % 6 + 1)}" for count in counts)
    return between.join(sign * count for count in counts)

"""Letters for letters: one alphabet or many, another script, some of the letters. Knows nothing about classifiers."""

import random
import re
import string

from lethe.offline.text_models.random_disguises.signs import (
    CONSONANTS,
    SMALL,
    VOWELS,
    alphabet_of_block,
    prepared,
)


def one_alphabet(text: str, noise: random.Random) -> str:
    letters = list(SMALL)
    kind = noise.randrange(4)
    if kind == 0:
        step = noise.randrange(1, 26)
        letters = letters[step:] + letters[:step]
    elif kind == 1:
        word = "".join(noise.sample(SMALL, noise.randrange(4, 9)))
        letters = [*word, *(each for each in SMALL if each not in word)]
    else:
        noise.shuffle(letters)
    made = _mapped(prepared(text, noise), dict(zip(SMALL, letters, strict=True)))
    return _grouped(made, noise) if noise.random() < 0.25 else made


def _grouped(text: str, noise: random.Random) -> str:
    size, signs = noise.randrange(2, 8), re.sub(r"\W", "", text)
    return " ".join(signs[at : at + size] for at in range(0, len(signs), size))


def many_alphabets(text: str, noise: random.Random) -> str:
    """Another shift or alphabet at each place, by a rule with a period or a growth."""
    period = noise.choice((1, 2, 3, 4, 5, 6, 7, 8, 11))
    steps = [noise.randrange(26) for _ in range(period)]
    growth, by_word, backwards = noise.randrange(3), noise.random() < 0.2, noise.random() < 0.2
    made: list[str] = []
    place = word = 0
    for sign in prepared(text, noise):
        low = sign.lower()
        if low not in SMALL:
            made.append(sign)
            word += sign == " "
            continue
        at = word if by_word else place
        step = steps[at % period] + growth * at
        value = step - SMALL.index(low) if backwards else step + SMALL.index(low)
        letter = SMALL[value % 26]
        made.append(letter.upper() if sign.isupper() else letter)
        place += 1
    return _grouped("".join(made), noise) if noise.random() < 0.3 else "".join(made)


def other_script(text: str, noise: random.Random) -> str:
    table = dict(zip(SMALL, alphabet_of_block(noise), strict=True))
    between = noise.choice(("", "", "", " ", "·", "-"))
    words = noise.choice((" ", " ", "  ", "/", "\n", " | "))
    return words.join(between.join(_mapped(word, table)) for word in text.lower().split())


def some_letters(text: str, noise: random.Random) -> str:
    """Vowels, consonants or some letters among themselves, or by other signs."""
    chosen = noise.choice((VOWELS, CONSONANTS, "".join(noise.sample(SMALL, noise.randrange(9, 20)))))
    step = noise.randrange(1, len(chosen))
    turned = chosen[step:] + chosen[:step]
    if noise.random() < 0.3:
        turned = (
            "".join(noise.sample(string.digits + "#$%&@*+=<>?!^~|", len(chosen)))
            if len(chosen) < 22
            else turned
        )
    return _mapped(prepared(text, noise), dict(zip(chosen, turned, strict=True)))


def _mapped(text: str, table: dict[str, str]) -> str:
    capitals = {letter.upper(): sign.upper() for letter, sign in table.items() if len(sign) == 1}
    return "".join(table.get(each, capitals.get(each, each)) for each in text)

"""The fourth list of disguises: what puzzle books, children's secret languages and programmers' notations offer.

Written before its author had read the readers or what became of the earlier lists, and run once. Those with a key state
it. Each has one decoding that a patient reader can undo. Knows nothing about classifiers.
"""

import base64
import functools
import itertools
import json
import random
import re
import zlib
from collections.abc import Callable, Iterator

from bench.disguises.disguise import Disguise
from bench.disguises.letters import SMALL, by_letters, mapped, named, place_of


def _listed(words: str) -> list[str]:
    return words.split()


_VOWELS = "aeiou"
_CONSONANTS = "bcdfghjklmnpqrstvwxyz"
_TENS = "", "", "twenty"
_ONES = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ROMAN = _listed(
    "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI XXII XXIII XXIV XXV XXVI"
)
_KEYPAD = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")
_POLYBIUS = "abcdefghiklmnopqrstuvwxyz"
_DOTS = _listed(
    "1 12 14 145 15 124 1245 125 24 245 13 123 134 1345 135 1234 12345 1235 234 2345 136 1236 2456 1346 13456 1356"
)
_GREEK = dict(zip(SMALL, "αβκδεφγηιζκλμνοπθρστυβωξυζ", strict=True))
_CYRILLIC = dict(zip(SMALL, "абкдефгхижклмнопкрстуввхйз", strict=True))
_GEORGIAN = dict(zip(SMALL, "აბცდეფგჰიჯკლმნოპქრსტუვწხყზ", strict=True))
_ARMENIAN = dict(zip(SMALL, "աբցդեֆգհիջկլմնօպքրստովւխյզ", strict=True))
_RUNES = dict(zip(SMALL, "ᚨᛒᚲᛞᛖᚠᚷᚺᛁᛃᚴᛚᛗᚾᛟᛈᛩᚱᛊᛏᚢᚡᚹᛪᚤᛉ", strict=True))
_OGHAM = dict(zip(SMALL, "ᚐᚁᚉᚇᚓᚃᚌᚆᚔᚕᚖᚂᚋᚅᚑᚚᚊᚏᚄᚈᚒᚘᚗᚙ᚛ᚎ", strict=True))
_ROUNDED = dict(zip(SMALL, "ⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩ", strict=True))
_QWERTY = "qwertyuiopasdfghjklzxcvbnm"
_ACROSTIC = dict(
    zip(
        SMALL,
        _listed(
            "apples bring children delight every friday grandma has ice jam kettles lemons many never open plums quite "
            "rarely should take until very warm xylophones young zebras"
        ),
        strict=True,
    )
)  # fmt: skip
_PASSAGE = "The quick brown fox jumps over the lazy dog while five boxing wizards vex my bad queen at a jovial zoo in Kyoto."


def _words(text: str, change: Callable[[str], str]) -> str:
    return re.sub(r"[A-Za-z]+", lambda match: change(match[0]), text)


def _number(value: int) -> str:
    return _ONES[value] if value < 20 else _TENS[2] + ("-" + _ONES[value - 20] if value > 20 else "")


def _presses(letter: str) -> str:
    key = next(index for index, letters in enumerate(_KEYPAD) if letter in letters)
    return str(key + 2) * (_KEYPAD[key].index(letter) + 1)


def _taps(letter: str) -> str:
    row, column = divmod(_POLYBIUS.index("i" if letter == "j" else letter), 5)
    return f"{'.' * (row + 1)} {'.' * (column + 1)}"


def _base_three(letter: str) -> str:
    value = place_of(letter)
    return f"{value // 9}{value // 3 % 3}{value % 3}"


def _dna(text: str) -> str:
    return "".join("ACGT"[byte >> shift & 3] for byte in text.encode() for shift in (6, 4, 2, 0))


def _dump(text: str) -> str:
    data = text.encode()
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return "\n".join(f"{16 * row:08x}  {chunk.hex(' ')}" for row, chunk in enumerate(rows))


def _book(text: str) -> str:
    """Each letter as word and letter of a passage that is given."""
    places: dict[str, list[str]] = {}
    for number, word in enumerate(_PASSAGE.lower().split(), 1):
        for place, letter in enumerate(word, 1):
            places.setdefault(letter, []).append(f"{number}.{place}")
    turns = {letter: itertools.cycle(found) for letter, found in places.items()}
    return f"Word.letter in: {_PASSAGE}\n\n{by_letters(text, lambda letter: next(turns[letter]))}"


def _turned_lines(text: str, width: int = 12) -> str:
    """Lines of equal length, every second of them backwards."""
    lines = [text[at : at + width].ljust(width) for at in range(0, len(text), width)]
    return "\n".join(line[::-1] if odd else line for line, odd in zip(lines, itertools.cycle((False, True))))


def _columns(text: str) -> str:
    """A word a column, read from the top."""
    rows = itertools.zip_longest(*text.split(), fillvalue=" ")
    return "\n".join(" ".join(row).rstrip() for row in rows)


def _spiral(text: str) -> str:
    """Letters in a square, written from its upper left corner inwards, clockwise."""
    side = next(side for side in itertools.count(1) if side * side >= len(text))
    square = [["."] * side for _ in range(side)]
    for (row, column), letter in zip(_spiral_places(side), text.replace(" ", "_"), strict=False):
        square[row][column] = letter
    return "\n".join("".join(row) for row in square)


def _spiral_places(side: int) -> Iterator[tuple[int, int]]:
    low, high = 0, side - 1
    while low <= high:
        yield from ((low, column) for column in range(low, high + 1))
        yield from ((row, high) for row in range(low + 1, high + 1))
        yield from ((high, column) for column in range(high - 1, low - 1, -1) if high > low)
        yield from ((row, low) for row in range(high - 1, low, -1))
        low, high = low + 1, high - 1


def _shuffled_rows(text: str) -> str:
    rows = list(enumerate(text, 1))
    random.Random(text).shuffle(rows)
    return "position,sign\n" + "\n".join(f"{place},{json.dumps(sign)}" for place, sign in rows)


def _word_order(text: str) -> str:
    words = text.split()
    order = sorted(range(len(words)), key=lambda index: words[index].lower())
    listed = "\n".join(f"{place}. {words[index]}" for place, index in enumerate(order, 1))
    return f"{listed}\n\nOrder: {' '.join(str(order.index(index) + 1) for index in range(len(words)))}"


def _woven(text: str) -> str:
    """Every second letter belongs to a sentence about the weather."""
    filler = itertools.cycle("the weather is fine today and tomorrow it may rain ")
    return "".join(letter + next(filler) for letter in text)


def _in_fives(text: str) -> str:
    letters = [each for each in text.upper() if each.lower() in SMALL]
    return " ".join("".join(letters[at : at + 5]) for at in range(0, len(letters), 5))


def _by_turns(word: str) -> str:
    return word[::2] + word[1::2]


def _pairs_swapped(text: str) -> str:
    return re.sub(r"(.)(.)", r"\2\1", text)


def _growing(text: str) -> str:
    """Each letter is shifted by one more than the letter before."""
    steps = itertools.count(1)
    return "".join(_shifted(each, next(steps)) if each in SMALL else each for each in text.lower())


def _shifted(letter: str, step: int, letters: str = SMALL) -> str:
    return letters[(letters.index(letter) + step) % len(letters)]


def _keyed(text: str, key: str = "maple") -> str:
    steps = itertools.cycle(SMALL.index(letter) for letter in key)
    shifted = "".join(_shifted(each, next(steps)) if each in SMALL else each for each in text.lower())
    return f"Vigenere, key {key.upper()}: {shifted}"


def _neighbours(text: str) -> str:
    """The key to the right on a keyboard."""
    rows = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    keys = {letter: row[(place + 1) % len(row)] for row in rows for place, letter in enumerate(row)}
    return mapped(text, keys)


def _robbers(text: str) -> str:
    """The robbers' language of Swedish children: each consonant doubled around an o."""
    return mapped(text, {letter: f"{letter}o{letter}" for letter in _CONSONANTS})


def _spoons(text: str) -> str:
    """The spoon language of German children: each group of vowels doubled around a syllable."""
    return re.sub(r"([aeiou]+)", r"\1lew\1", text.lower())


def _own_alphabet(text: str) -> str:
    """Letters by their place on a keyboard, whose letters are given."""
    return f'a = "{_QWERTY}"; ' + by_letters(
        text, lambda letter: f"a[{_QWERTY.index(letter)}]", " + ", ' + " " + '
    )


def _chain(text: str) -> str:
    return " + ".join(f"chr({ord(each)})" for each in text)


def _sql(text: str) -> str:
    return "SELECT " + " || ".join(f"CHAR({ord(each)})" for each in text) + ";"


def _assembled(text: str) -> str:
    """Pieces of three signs in variables, put together in the end."""
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    order = list(range(len(pieces)))
    random.Random(text).shuffle(order)
    lines = [f"v{place} = {json.dumps(pieces[place])}" for place in order]
    return "\n".join(lines) + "\nprint(" + " + ".join(f"v{place}" for place in range(len(pieces))) + ")"


def _runs(text: str) -> str:
    """Bits as lengths of runs, beginning with zeros."""
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "bits by runs, zeros first: " + " ".join(str(len(list(run))) for _, run in itertools.groupby(bits))


def _differences(text: str) -> str:
    values = list(text.encode())
    return json.dumps({"first": values[0], "then": [b - a for a, b in itertools.pairwise(values)]})


def _masked(text: str) -> str:
    return "XOR 0x2a: " + bytes(byte ^ 0x2A for byte in text.encode()).hex()


def _pieces_of_base64(text: str) -> str:
    data = base64.b64encode(text.encode()).decode()
    return json.dumps(
        {f"part{place}": data[at : at + 8] for place, at in enumerate(range(0, len(data), 8), 1)}
    )


def _base64_from_behind(text: str) -> str:
    return base64.b64encode(text.encode()).decode()[::-1]


def _inflated(text: str) -> str:
    return zlib.compress(text.encode()).hex()


_disguises = functools.partial(named, 4)

PUZZLE_DISGUISES: tuple[Disguise, ...] = (
    *_disguises(
        "codes",
        numbers_in_words=lambda text: by_letters(text, lambda letter: _number(place_of(letter))),
        roman_numerals=lambda text: by_letters(text, lambda letter: _ROMAN[place_of(letter) - 1]),
        presses_of_a_telephone=lambda text: by_letters(text, _presses),
        taps_of_prisoners=lambda text: by_letters(text, _taps, "  "),
        three_digits_of_base_three=lambda text: by_letters(text, _base_three),
        dots_of_braille_by_number=lambda text: by_letters(text, lambda letter: _DOTS[place_of(letter) - 1], "-"),
        four_letters_of_dna=_dna,
        words_for_initials=lambda text: by_letters(text, _ACROSTIC.__getitem__, words=". "),
        a_dump_without_its_text=_dump,
        places_in_a_passage=_book,
    ),
    *_disguises(
        "alphabets",
        greek_by_sound=lambda text: mapped(text, _GREEK),
        cyrillic_by_sound=lambda text: mapped(text, _CYRILLIC),
        georgian_by_sound=lambda text: mapped(text, _GEORGIAN),
        armenian_by_sound=lambda text: mapped(text, _ARMENIAN),
        runes=lambda text: mapped(text, _RUNES),
        ogham=lambda text: mapped(text, _OGHAM),
        rings_with_dots_between=lambda text: by_letters(text, _ROUNDED.__getitem__, "·", "  "),
    ),
    *_disguises(
        "letters moved",
        lines_that_turn=_turned_lines,
        words_as_columns=_columns,
        a_spiral=_spiral,
        rows_in_disorder=_shuffled_rows,
        words_sorted_with_their_order=_word_order,
        woven_with_a_sentence=_woven,
        groups_of_five=_in_fives,
        odd_letters_then_even=lambda text: _words(text, _by_turns),
        neighbours_swapped=_pairs_swapped,
    ),
    *_disguises(
        "letters changed",
        a_step_more_each_letter=_growing,
        a_key_that_is_given=_keyed,
        the_key_to_the_right=_neighbours,
        language_of_robbers=_robbers,
        language_of_spoons=_spoons,
        vowels_turned=lambda text: mapped(text, dict(zip(_VOWELS, "eioua", strict=True))),
        consonants_turned=lambda text: mapped(text, {each: _shifted(each, 1, _CONSONANTS) for each in _CONSONANTS}),
        an_alphabet_that_is_given=_own_alphabet,
    ),
    *_disguises(
        "packed",
        a_sum_of_characters=_chain,
        a_query_of_characters=_sql,
        variables_put_together=_assembled,
        runs_of_bits=_runs,
        differences_of_bytes=_differences,
        bytes_under_a_mask=_masked,
        parts_of_base64=_pieces_of_base64,
        base64_from_behind=_base64_from_behind,
        deflated_in_hexadecimal=_inflated,
    ),
)  # fmt: skip

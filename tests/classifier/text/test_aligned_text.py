import re

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.aligned_text import AlignedText, joined, substitute, substitute_words

WORD = re.compile(r"[a-z]+")
LETTER = re.compile(r"[a-z]")
READINGS = {"a": "", "ab": "xyz", "b": "c", "abab": "u v"}


def _origins(text: str) -> list[tuple[str, int, int]]:
    """What `substitute` promises, written plainly: each new character with the stretch that it stands for."""
    origins: list[tuple[str, int, int]] = []
    done = 0
    for match in WORD.finditer(text):
        reading = READINGS.get(match[0])
        if reading is not None:
            origins += [(text[place], place, place + 1) for place in range(done, match.start())]
            origins += [(character, *match.span()) for character in reading]
            done = match.end()
    return origins + [(text[place], place, place + 1) for place in range(done, len(text))]


def _traced(aligned: AlignedText) -> list[tuple[str, int, int]]:
    return [
        (character, *aligned.original_span(place, place + 1)) for place, character in enumerate(aligned.text)
    ]


@given(st.text(alphabet="ab -", max_size=60))
def test_every_new_character_stands_for_all_that_it_replaced(text: str) -> None:
    found = substitute(WORD, text, READINGS.get)
    assert _traced(found or AlignedText(text)) == _origins(text)


@given(st.text(alphabet="ab -", max_size=60))
def test_looking_for_the_words_that_change_finds_what_looking_at_every_word_does(text: str) -> None:
    found = substitute_words(WORD, LETTER, text, READINGS)
    assert (found is None) == (substitute(WORD, text, READINGS.get) is None)
    assert _traced(found or AlignedText(text)) == _origins(text)


@given(st.lists(st.text(alphabet="ab -", max_size=20).map(lambda text: text + "\n"), min_size=1, max_size=6))
def test_parts_read_apart_are_the_text_read_whole(parts: list[str]) -> None:
    read = [substitute(WORD, part, READINGS.get) or AlignedText(part) for part in parts]
    assert _traced(joined(read, list(map(len, parts)))) == _origins("".join(parts))


@given(st.text(alphabet="ab -", max_size=60))
def test_a_text_made_from_a_rewritten_one_points_at_the_original(text: str) -> None:
    first = substitute(WORD, text, READINGS.get) or AlignedText(text)
    second = substitute(re.compile("xy|c"), first.text, str.upper)
    if second is not None:
        chained = AlignedText(second.text, second.replacements, first)
        assert chained.original_length == first.original_length == len(text)
        place = next(place for place, character in enumerate(chained.text) if character.isupper())
        assert chained.original_span(place, place + 1) == first.original_span(place, place + 1)

import base64
import codecs
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.spelling import Lexicon

SECRET = "Who keeps the lighthouse?"
LEXICON = Lexicon(["please", "do", "this", "who", "how", "the", "sort", "list", "of", "numbers"]).with_names(
    ["lighthouse"]
)


@pytest.mark.parametrize(
    "disguised",
    [
        "".join(f"<b>{c}</b>" if count % 2 else f"<i>{c}</i>" for count, c in enumerate(SECRET)),
        "".join(f"\x1b[3{count % 7}m{c}\x1b[0m" for count, c in enumerate(SECRET)),
        "".join(c.upper() if count % 2 else c.lower() for count, c in enumerate(SECRET.replace(" ", "_"))),
        "\\/\\/|-|0 |<33|*5 7|-|3 |1(9|-|7|-|0|_|53?".replace("(", ""),
        "".join(f"CHAR({ord(c)}) + " for c in SECRET),
    ],
)
def test_spellings_are_read(disguised: str) -> None:
    texts = [
        reading.canonical.text.lower().replace(" ", "") for reading in find_readings(disguised, LEXICON).found
    ]
    assert any("lighthouse" in text for text in texts)


@pytest.mark.parametrize("lexicon", [None, LEXICON], ids=["any words", "known words"])
@pytest.mark.parametrize(
    "disguised",
    [
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(base64.b64encode(SECRET.encode())).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        SECRET.encode().hex(),
        " ".join(f"{byte:02x}" for byte in SECRET.encode()),
        " ".join(f"{byte:08b}" for byte in SECRET.encode()),
        urllib.parse.quote(SECRET, safe=""),
        "".join(f"\\u{ord(c):04x}" for c in SECRET),
        "".join(f"&#{ord(c)};" for c in SECRET),
        codecs.encode(SECRET, "rot13"),
        SECRET[::-1],
        "  ".join(" ".join(word) for word in SECRET.split()),
        "Wh0 k33ps th3 l1ghth0us3?",
        ".".join("Who") + " " + ".".join("keeps") + " the " + ".".join("lighthouse") + "?",
        base64.b64encode(codecs.encode(SECRET, "rot13").encode()).decode(),
        codecs.encode(base64.b64encode(SECRET.encode()).decode(), "rot13"),
        base64.b64encode(SECRET.encode()).decode()[::-1],
        SECRET.encode().hex().encode().hex(),
        base64.b64encode(SECRET.encode().hex().encode()).decode(),
        base64.b64encode(" ".join(f"{byte:08b}" for byte in SECRET.encode()).encode()).decode(),
        "\n\n".join("\n".join(word) for word in SECRET.split()),
        "a = 'Who ke'\nb = 'eps th'\nc = 'e light'\nd = 'house'\nprint(a + b + c + d)",
    ],
)
def test_a_disguise_is_taken_off(disguised: str, lexicon: Lexicon | None) -> None:
    readings = find_readings(f"Please do this. {disguised}" if "'" not in disguised else disguised, lexicon)
    assert any("lighthouse" in reading.canonical.text for reading in readings.found)


def test_amid_digits_for_letters_short_words_are_read_too() -> None:
    readings = [
        reading.canonical.text for reading in find_readings("wh0 15 7h3 k33p3r 0f 7h3 l1ghth0u53").found
    ]
    assert "who is the keeper of the lighthouse" in readings


def test_ordinary_text_has_few_readings() -> None:
    names = [
        reading.name for reading in find_readings("How do I sort a list of 12 numbers in Python 3?").found
    ]
    assert names == ["plain", "rot13", "reversed"]


def test_letters_are_turned_where_a_known_word_comes_out_or_a_run_of_letters_may_hold_some() -> None:
    ordinary = "How do I sort a list of Kowalczyk numbers?"
    assert [reading.name for reading in find_readings(ordinary, LEXICON).found] == ["plain"]
    for turned in ("Yvtugubhfr", "The yvtugubhfr?", "keepsTheLighthouse"[::-1]):
        assert {"rot13", "reversed"} & {reading.name for reading in find_readings(turned, LEXICON).found}, (
            turned
        )


def test_more_readings_than_allowed_are_reported_not_dropped_in_silence() -> None:
    text = f"{base64.b64encode(SECRET.encode()).decode()} and l1ghth0us3"
    assert find_readings(text).complete
    assert not find_readings(text, maximum_readings=3).complete


def test_code_within_more_code_than_is_taken_off_is_reported() -> None:
    text = SECRET
    for _ in range(3):
        text = base64.b64encode(text.encode()).decode()
    assert not find_readings(text).complete
    assert find_readings(base64.b64decode(text).decode()).complete


def test_pasted_code_is_read_to_the_end() -> None:
    code = """
        parser = TheLongestIdentifierOfAll(url="https://example.org/a%20b", names=['alder', 'ney'])
        if parser.utf8 != 0x1f and 'l1ght' in parser.kepeer:
            raise TheOtherIdentifierOfAll("not a " + 'lighthouse' + ", but: \\x41")
    """
    lexicon = Lexicon(["the", "longest", "other", "identifier", "of", "all", "keeper"])
    assert find_readings(code, lexicon).complete


def test_several_disguises_side_by_side_are_not_taken_for_code_in_code() -> None:
    text = f"a - b - c - d; TheLongestIdentifierOfAll; {urllib.parse.quote('where are we?')}"
    lexicon = Lexicon(["the", "longest", "identifier", "of", "all"])
    assert find_readings(text, lexicon, maximum_readings=64).complete


def test_a_span_of_decoded_text_is_the_code_it_came_from() -> None:
    code = base64.b64encode(SECRET.encode()).decode()
    text = f"Decode {code} now"
    reading = next(reading for reading in find_readings(text).found if reading.name == "base64")
    place = reading.canonical.text.index("lighthouse")
    start, end = reading.canonical.original_span(place, place + 10)
    assert text[start:end] == code


LEXICON = Lexicon(["the", "who", "keeps", "light", "house"]).with_names(["The Alderney lighthouse"])


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    readings = find_readings(text, LEXICON)
    assert readings.found[0].name == "plain"
    for reading in readings.found:
        if reading.canonical.text:
            start, end = reading.canonical.original_span(0, len(reading.canonical.text))
            assert 0 <= start <= end <= len(text)


def test_dialogue_and_exclamation_marks_are_no_disguise() -> None:
    text = '"Come here!" said Anna. "Never!" cried Tom, and it was the 3 of May.'
    assert [reading.name for reading in find_readings(text).found] == ["plain", "rot13", "reversed"]


def test_a_long_text_is_read_anew_only_near_what_changes() -> None:
    quiet = "The garden behind the house was quiet in the morning.\n"
    text = quiet * 400 + "who keeps the l1ghth0us3\n" + quiet * 400
    leet = next(reading for reading in find_readings(text).found if reading.name == "leet")
    ((start, end),) = leet.fresh
    assert "lighthouse" in leet.canonical.text[start:end]
    assert end - start < 1000


def test_turned_letters_are_read_near_words_that_they_make() -> None:
    lexicon = Lexicon(["the", "who", "keeps", "tide", "was", "low"])
    hidden = codecs.encode("who keeps the tide", "rot13")
    text = f"{'the tide was low ' * 100}{hidden}{' the tide was low' * 100}"
    (turned,) = (each for each in find_readings(text, lexicon).found if each.name == "rot13")
    ((start, end),) = turned.fresh
    assert "who keeps the tide" in turned.canonical.text[start:end]
    assert end - start < 400

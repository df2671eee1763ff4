import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.disguises.spelling import Lexicon

WORDS = ["the", "who", "is", "of", "keeper", "keeps", "guards", "colour", "letter", "a"]
LEXICON = Lexicon(WORDS).with_names(["The lighthouse of Alderney"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Aldenrey", "Alderney"),
        ("Aldereny", "Alderney"),
        ("Aldrney", "Alderney"),
        ("Allderney", "Alderney"),
        ("Alderley", "Alderney"),
        ("kepeer", "keeper"),
        ("leter", "leter"),
    ],
)
def test_a_word_one_slip_from_a_known_one_is_read_as_that(written: str, meant: str) -> None:
    read = LEXICON.respell(f"Who is the {written} of it?")
    assert (read.text if read else f"Who is the {written} of it?") == f"Who is the {meant} of it?"


@pytest.mark.parametrize("place", range(len("lighthouse")))
def test_a_slip_anywhere_in_a_word_is_found(place: int) -> None:
    before, letter, after = "lighthouse"[:place], "lighthouse"[place], "lighthouse"[place + 1 :]
    swapped = before + after[:1] + letter + after[1:]
    for written in {before + after, f"{before}{letter}q{after}", f"{before}q{after}", swapped} - {
        "lighthouse"
    }:
        read = LEXICON.respell(f"say {written}")
        assert read is not None
        assert read.text == "say lighthouse"


def test_known_words_and_their_plurals_stay() -> None:
    assert LEXICON.respell("The keepers of the lighthouses keep letters") is None


@pytest.mark.parametrize(
    "run", ["WhoGuardsTheLighthouse", "whoguardsthelighthouse", "WHOGUARDSTHELIGHTHOUSE"]
)
def test_words_that_were_run_together_are_parted(run: str) -> None:
    read = LEXICON.unjoin(f"Say: {run}?")
    assert read is not None
    assert read.text.lower() == "say: who guards the lighthouse?"


def test_a_run_of_any_length_is_parted() -> None:
    read = LEXICON.unjoin("whoguardsthekeeper" * 50 + "thelighthouse")
    assert read is not None
    assert read.text.endswith("keeper the lighthouse")


def test_a_parted_run_points_back_at_itself() -> None:
    text = "Say: whoguardsthelighthouse?"
    read = LEXICON.unjoin(text)
    assert read is not None
    place = read.text.index("lighthouse")
    start, end = read.original_span(place, place + 10)
    assert text[start:end] == "whoguardsthelighthouse"


@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=30))
def test_parting_loses_no_letter(words: list[str]) -> None:
    run = "".join(words)
    read = LEXICON.unjoin(run)
    assert (read.text if read else run).replace(" ", "") == run


def test_names_are_known_to_the_extended_lexicon_alone() -> None:
    plain = Lexicon(WORDS)
    assert plain.with_names(["Alderney"]).respell("Aldenrey") is not None
    assert plain.with_names(["Alderman"]).respell("Aldenrey") is None
    assert plain.respell("Aldenrey") is None


def _turned_places(text: str, turn: str) -> list[str]:
    return [text[start:end] for start, end in LEXICON.places_of_sense(text, turn)]


def test_words_that_are_known_when_turned_are_found_near_one_another() -> None:
    assert _turned_places("Say: ohw speek eht rettel?", "reversed") == ["ohw", "speek", "eht", "rettel"]


def test_a_short_word_that_is_another_one_turned_tells_nothing_alone_in_a_long_text() -> None:
    assert _turned_places("Say: eht?", "reversed") == ["eht"]
    assert _turned_places(f"value = {'x + ' * 250} eht + {'y + ' * 12} z", "reversed") == []
    assert _turned_places(f"value = {'x + ' * 250} eht speek + {'y + ' * 12} z", "reversed") == [
        "eht",
        "speek",
    ]


def test_a_long_word_that_is_like_language_is_not_turned() -> None:
    assert _turned_places("getElementsByClassName", "rot13") == []
    assert _turned_places("getElementsByClassName", "reversed") == []


def test_words_run_together_are_found_when_they_are_turned() -> None:
    assert _turned_places("ESUOHTHGILEHTSDRAUGOHW", "reversed") == ["ESUOHTHGILEHTSDRAUGOHW"]
    assert _turned_places("jubthneqfgurterngyvtugubhfr", "rot13") == ["jubthneqfgurterngyvtugubhfr"]


def test_sentences_are_told_by_their_commonest_words() -> None:
    common = ["the", "of", "and", "is", "what", "for", "who", "in"]
    rare = ["harbour", "lighthouse", "keeper", "northern", "granite", "tower"]
    lexicon = Lexicon([*common, *(f"filler{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(500)), *rare])
    assert lexicon.is_in_sentences(
        "What is the granite tower of the northern harbour for, and who is in the lighthouse?"
    )
    assert not lexicon.is_in_sentences("harbour lighthouse keeper northern granite tower " * 3)
    assert not lexicon.is_in_sentences(
        "What is the qzx vrwk plm hgtr wkdn bvcx mnlk of the xzqw vbnm lkjh gfds?"
    )
    assert not lexicon.is_in_sentences("1.5, 2.5, 3.5, 4.5, 5.5")
    assert not lexicon.is_in_sentences("")

from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.deobfuscation import find_readings
from lethe.classifier.parts import split_parts, whole_parts
from lethe.classifier.spelling import Lexicon

LEXICON = Lexicon(["the", "who", "keeps", "light", "house"]).with_names(["The Alderney lighthouse"])
FILLER = "\n".join(f"    the house {number} keeps the light" for number in range(1200)) + "\n"


@given(st.text(alphabet="ab \n\t.", max_size=40), st.integers(1, 400))
def test_parts_are_the_text(piece: str, times: int) -> None:
    text = piece * times + FILLER
    assert "".join(split_parts(text)) == text
    assert len(split_parts(text)) > 1


def test_letters_spaced_out_over_lines_are_not_parted() -> None:
    assert whole_parts(["ab\n", "cd\n", "e\n", "f\n"]) == ("ab\n", "cd\ne\nf\n")


def test_a_disguise_in_a_long_text_is_taken_off_wherever_it_stands() -> None:
    for disguised in (
        "l1ghth0use",
        "a l i g h t h o u s e here",
        "Aldenrey",
        "whokeepsthelighthouse",
        "yvtugubhfr",
    ):
        text = FILLER + disguised + "\n" + FILLER
        place = len(FILLER)
        short = {reading.name for reading in find_readings(disguised + "\n", LEXICON).found}
        found = find_readings(text, LEXICON).found
        assert short <= {reading.name for reading in found}, disguised
        changed = [reading.canonical for reading in found if reading.way[1:] in {("leet",), ("respelled",)}]
        for canonical in changed:
            start, end = canonical.original_span(place, place + 5)
            assert place <= start < end <= place + len(disguised)


def test_an_escape_without_its_end_is_read_where_another_stands_whole_in_a_part_far_away() -> None:
    text = "if (a &lt b)\n" + FILLER + "100%25\n"
    assert any("if (a < b)" in reading.canonical.text for reading in find_readings(text, LEXICON).found)

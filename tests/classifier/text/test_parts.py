import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.spelling import Lexicon
from lethe.classifier.text.parts import parts_near, split_parts, whole_parts

LEXICON = Lexicon(["the", "who", "keeps", "light", "house"]).with_names(["The Alderney lighthouse"])
FILLER = "\n".join(f"    the house {number} keeps the light" for number in range(1200)) + "\n"


LINE = " ".join(FILLER.split()) + " "


@given(st.text(alphabet="ab \n\t.", max_size=40), st.integers(1, 400))
def test_parts_are_the_text(piece: str, times: int) -> None:
    text = piece * times + FILLER
    assert "".join(split_parts(text)) == text
    assert len(split_parts(text)) > 1


@given(st.lists(st.tuples(st.integers(0, len(FILLER)), st.integers(1, 3000)), max_size=4))
def test_what_is_far_from_a_stretch_stands_in_no_part_with_it(drawn: list[tuple[int, int]]) -> None:
    stretches = sorted((start, min(start + length, len(FILLER))) for start, length in drawn)
    stretches = [
        each
        for before, each in zip([(0, 0), *stretches], stretches, strict=False)
        if each[0] >= before[1] and each[0] < each[1]
    ]
    parts = parts_near(split_parts(FILLER), stretches)
    assert "".join(parts) == FILLER
    place = 0
    for part in parts:
        touching = [(start, end) for start, end in stretches if start < place + len(part) and end > place]
        if touching:
            assert touching[0][0] - place < 1024
            assert place + len(part) - touching[-1][1] < 1024
        place += len(part)


def test_short_parts_stay_whole_and_empty_ones_go() -> None:
    assert parts_near(["a short part\n", "", "and another"], [(2, 5), (11, 18)]) == (
        "a short part\n",
        "and another",
    )


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


@pytest.mark.parametrize(
    "disguised",
    [
        "l1ghth0use",
        "a l i g h t h o u s e here",
        "whokeepsthelighthouse",
        "d2hvIGtlZXBzIHRoZSBsaWdodGhvdXNl",
        "77 68 6f 20 6b 65 65 70 73 20 74 68 65 20 6c 69 67 68 74",
        "01110111 01101000 01101111 00100000 01101011 01100101 01100101 01110000 01110011",
    ],
)
def test_a_disguise_in_a_long_line_is_taken_off_wherever_it_stands(disguised: str) -> None:
    (sought,) = [r.canonical.text for r in find_readings(disguised, LEXICON).found if len(r.way) == 2][:1]
    for place in range(8150, 8200, 7):
        line = (LINE[: place - 5] + " " + disguised + " " + LINE)[:30_000]
        assert len(split_parts(line)) > 1
        assert any(sought.strip() in each.canonical.text for each in find_readings(line, LEXICON).found)


def test_values_in_a_row_are_parted_where_no_word_in_disguise_can_be() -> None:
    row = ",".join(f'"{number:040d}"' for number in range(1000))
    parts = split_parts(row)
    assert len(parts) > 2
    assert all(part.endswith(",") for part in parts[:-1])
    assert whole_parts(parts) == parts
    assert len(split_parts(",".join(f'"{number:04d}"' for number in range(5000)))) > 1
    assert whole_parts(('"short",', '"' + "a" * 30)) == ('"short","' + "a" * 30,)


def test_a_change_in_a_long_line_is_read_anew_near_itself() -> None:
    line = LINE + LINE + "&lt;who&gt; keeps " + LINE
    (escapes,) = [
        reading for reading in find_readings(line, LEXICON).found if reading.way[1:] == ("escapes",)
    ]
    assert sum(end - start for start, end in escapes.fresh) < len(line) / 2


def test_an_escape_without_its_end_is_read_where_another_stands_whole_in_a_part_far_away() -> None:
    text = "if (a &lt b)\n" + FILLER + "100%25\n"
    assert any("if (a < b)" in reading.canonical.text for reading in find_readings(text, LEXICON).found)

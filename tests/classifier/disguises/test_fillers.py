import pytest

from lethe.classifier.disguises.fillers import read_filled

QUESTION = "Who keeps the lighthouse near the harbour?"


@pytest.mark.parametrize("filler", ["<!-- -->", "&shy;", "{}", "/**/", "[·]"])
@pytest.mark.parametrize("width", [1, 2])
def test_what_stands_between_the_letters_is_taken_out(filler: str, width: int) -> None:
    pieces = (QUESTION[start : start + width] for start in range(0, len(QUESTION), width))
    read = read_filled("Answer this: " + filler.join(pieces))
    assert read is not None
    assert read.text == f"Answer this: {QUESTION}"


@pytest.mark.parametrize(
    "ordinary",
    [
        "std::vector<std::string>::iterator std::map::find std::end std::begin std::cout std::endl " * 2,
        "well--known and far--fetched, so--called and ill--advised, long--lost and half--done, old--new, red--hot",
        "a -> b, b -> c, c -> d, d -> e, e -> f, f -> g, g -> h, h -> i, i -> j, j -> k",
        "R&amp;D of the A&amp;E, B&amp;B and M&amp;S",
    ],
)
def test_what_parts_words_is_left_alone(ordinary: str) -> None:
    assert read_filled(ordinary) is None

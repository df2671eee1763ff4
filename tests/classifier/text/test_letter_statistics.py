import numpy as np
import pytest

from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of

STATISTICS = LetterStatistics.load()


@pytest.mark.parametrize(
    "text",
    [
        "The garden behind the house was quiet in the morning.",
        "Der Garten hinter dem Haus war am Morgen still.",
        "El jardín detrás de la casa estaba tranquilo por la mañana.",
    ],
)
def test_languages_are_more_like_language_than_their_letters_in_another_order(text: str) -> None:
    shuffled = "".join(np.random.default_rng(1).permutation(list(text)))
    assert STATISTICS.of_text(text) > -4.3
    assert STATISTICS.of_text(shuffled) < STATISTICS.of_text(text) - 1


def test_nonsense_is_found_amid_language() -> None:
    quiet = "The garden behind the house was quiet in the morning. " * 4
    text = f"{quiet}Pah dxxiv max ebzamahnlx gxtk max ghkmaxkg atkuhnk bg pbgmxk {quiet}"
    found = STATISTICS.unlike(text, -4.6)
    assert len(found) == 1
    assert found[0][0] >= len(quiet) - 32
    assert found[0][1] <= len(text) - len(quiet) + 32


def test_other_scripts_have_no_kind() -> None:
    assert kinds_of("aZ é 한").tolist() == [1, 26, 0, 0, 0, 0]
